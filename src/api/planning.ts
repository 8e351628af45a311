import { compare, type Comparison } from "../core/planning/compare.ts";
import { plan } from "../core/planning/plan.ts";
import type { CheckPlan } from "../core/checks.ts";
import type { HistoryRow } from "../core/journal.ts";
import type { Observed } from "../core/observed.ts";
import type { Planned, Request, StrategyKind } from "../core/plan.ts";
import { sameRevision, type Cause, type Revision, type Slot } from "../core/units.ts";
import { observe } from "../engine/observe.ts";
import { CALL_BOUND } from "../engine/ports.ts";
import { digest, type Connection } from "./connection.ts";

/** What a person may say about a deployment beyond the configuration. */
export interface Wanted {
  /** Name of the revision; the target's default when absent. */
  readonly revision?: string;
  /** Another strategy than the configured one. */
  readonly strategy?: StrategyKind;
  /** Names of checks whose failure is accepted, on the record. */
  readonly force?: readonly string[];
  /** Which slot counts as live where both have traffic. */
  readonly live?: Slot;
  /** Deploy a revision again that serves already. */
  readonly again?: boolean;
  /** Replicas of a first deployment, as what was prepared says; the configured ones by default. */
  readonly replicas?: number;
  /** Deploy a revision again that was reverted. */
  readonly retryReverted?: boolean;
}

/** How many closed deployments planning looks back on. */
const LOOK_BACK = 50;

export function observeNow(connection: Connection, signal: AbortSignal): Promise<Observed> {
  return observe(connection.target, connection.clock, CALL_BOUND, signal);
}

/** Plans a prepared revision against what is there now. Changes nothing. */
export async function planRevision(
  connection: Connection,
  revision: Revision,
  wanted: Wanted & { readonly rollback?: boolean },
  signal: AbortSignal,
): Promise<{ readonly planned: Planned; readonly observed: Observed } | { readonly unavailable: Cause }> {
  const [rows, checks] = await Promise.all([
    connection.store.history(connection.key, LOOK_BACK),
    connection.wishes.checks(signal),
  ]);
  if (rows.is === "unavailable") return { unavailable: rows.cause };
  if (checks.is === "unavailable") return { unavailable: checks.cause };
  const observed = await observeNow(connection, signal);
  const planned = plan({
    request: requestOf(connection, revision, wanted, checks.plan),
    observed,
    router: connection.target.router,
    digest,
    reverted: wanted.retryReverted !== true && wasReverted(rows.rows, revision),
  });
  return { planned, observed };
}

/** Every strategy planned for this very service, side by side, with what each costs. */
export async function compareStrategies(
  connection: Connection,
  revision: Revision,
  wanted: Wanted,
  signal: AbortSignal,
): Promise<{ readonly comparison: Comparison } | { readonly unavailable: Cause }> {
  const [rows, checks] = await Promise.all([
    connection.store.history(connection.key, LOOK_BACK),
    connection.wishes.checks(signal),
  ]);
  if (rows.is === "unavailable") return { unavailable: rows.cause };
  if (checks.is === "unavailable") return { unavailable: checks.cause };
  const comparison = compare({
    observed: await observeNow(connection, signal),
    requestFor: (kind) => requestOf(connection, revision, { ...wanted, strategy: kind }, checks.plan),
    router: connection.target.router,
    digest,
    history: rows.rows,
    ...(connection.target.counting && { assumed: connection.target.counting.assumed }),
  });
  return { comparison };
}

function requestOf(
  connection: Connection,
  revision: Revision,
  wanted: Wanted & { readonly rollback?: boolean },
  checks: CheckPlan,
): Request {
  const { key, wishes, by } = connection;
  return {
    service: key.service,
    environment: key.environment,
    revision,
    strategy: wishes.strategyFor(wanted.strategy),
    checks,
    replicas: wanted.replicas ?? wishes.replicas,
    by,
    force: wanted.force ?? [],
    ...(wanted.live === undefined ? {} : { live: wanted.live }),
    ...(wanted.again === undefined ? {} : { again: wanted.again }),
    ...(wanted.rollback === undefined ? {} : { rollback: wanted.rollback }),
  };
}

/**
 * The last word about this revision was a verdict against it after users had reached it, or a rollback from it: whoever
 * deploys what is in a repository must not bring it back by the next run. An abort by a person is no verdict, and a
 * candidate that was rejected before any traffic moved harmed nobody: it may just be tried again.
 * @param rows the newest first.
 */
export function wasReverted(rows: readonly HistoryRow[], revision: Revision): boolean {
  const last = rows.find(
    (row) =>
      sameRevision({ id: row.revision, config: row.config }, revision) || sameRevision(row.leaves, revision),
  );
  if (sameRevision(last?.leaves, revision)) return true;
  const moved = Object.keys(last?.durations ?? {}).some((step) => step.startsWith("shift-"));
  // Only a verdict of checks, guards or users speaks against a revision; a gate that nobody answered does not.
  return last?.outcome === "reverted" && /^TEAL-[HB]/.test(last.cause?.code ?? "") && moved;
}
