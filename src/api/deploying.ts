import type { Deployment } from "../core/deployment.ts";
import type { JournalEvent } from "../core/journal.ts";
import type { Plan, Refusal } from "../core/plan.ts";
import { fold } from "../core/deployment.ts";
import {
  millis,
  type Cause,
  type DeploymentId,
  type Instant,
  type Millis,
  type Revision,
  type Slot,
} from "../core/units.ts";
import { advance, ask, openDeployment, type Advanced } from "../engine/engine.ts";
import { newDeploymentId, type Connection } from "./connection.ts";
import type { Prepared } from "../ports/target.ts";
import { planRevision, type Wanted } from "./planning.ts";
import { blocked, findingInWords, preflight } from "./preflight.ts";

/** How a command that moves a deployment ended. What serves is always among it, or can be asked of `statusOf`. */
export type Moved =
  /** Nothing was written. */
  | { readonly is: "refused"; readonly cause: Cause; readonly next: string }
  | { readonly is: "unchanged"; readonly slot: Slot; readonly revision: Revision }
  /** Another deployment holds the service, or another process advances it. */
  | { readonly is: "busy"; readonly by: string; readonly abandoned?: true }
  | {
      readonly is: "ended";
      readonly deployment: Deployment;
      readonly events: readonly JournalEvent[];
      readonly number: number;
    }
  /** The candidate has all the traffic and is proven; the previous slot is kept until then. */
  | {
      readonly is: "warm";
      readonly deployment: Deployment;
      readonly events: readonly JournalEvent[];
      readonly number: number;
      readonly until: Instant;
    }
  /** At a gate or another wait; goes on when answered, or by itself when the next command runs after its deadline. */
  | {
      readonly is: "waiting";
      readonly deployment: Deployment;
      readonly number: number;
      readonly until: Instant;
    }
  /** This process let go; the deployment is open and can be resumed. */
  | { readonly is: "detached"; readonly number: number }
  /** There is no open deployment. */
  | { readonly is: "none" }
  | { readonly is: "failed"; readonly cause: Cause };

export interface MoveOptions {
  readonly signal: AbortSignal;
  /** Stay attached through gates and waits. */
  readonly stay?: boolean;
  /** Return after the cutover where the target's metrics keep a history; `resume` judges the bake by it. */
  readonly leave?: boolean;
  /** Wait so long for another deployment or process to let go. */
  readonly waitLock?: Millis;
  /** Told while something is prepared. */
  readonly progress?: (line: string) => void;
  /** Told the plan before it begins. */
  readonly planned?: (plan: Plan, number: number) => void;
}

/** Makes a revision live: prepares it, plans, opens the deployment and advances it until it ends, waits or is warm. */
export async function deploy(connection: Connection, wanted: Wanted, options: MoveOptions): Promise<Moved> {
  const prepared = await connection.target.prepare(wanted.revision, options.signal, options.progress);
  if (prepared.is === "refused") return { is: "refused", cause: prepared.cause, next: prepared.next };
  return deployRevision(connection, prepared.revision, withSize(wanted, prepared), options);
}

/** The same with the size that the prepared revision brings for a first deployment. */
export function withSize(wanted: Wanted, prepared: Extract<Prepared, { is: "ready" }>): Wanted {
  return prepared.replicas === undefined ? wanted : { replicas: prepared.replicas, ...wanted };
}

/** Like `deploy`, for a revision that is prepared already; or exactly this plan, made earlier. */
export async function deployRevision(
  connection: Connection,
  revision: Revision,
  wanted: Wanted & { readonly rollback?: boolean },
  options: MoveOptions,
  given?: Plan,
): Promise<Moved> {
  const unknown = await unknownCheck(connection, wanted.force ?? [], options.signal);
  if (unknown !== undefined) return unknown;
  const pointless = await changesNothing(connection, revision, wanted, options);
  if (pointless !== undefined) return pointless;
  const free = await makeRoom(connection, options);
  if (free !== undefined) return free;
  const obstacle = await connection.target.start?.(options.signal);
  if (obstacle !== undefined)
    return {
      is: "refused",
      cause: obstacle,
      next: "remove what stands in the way and run the command again",
    };
  const answer = await planRevision(connection, revision, wanted, options.signal);
  if ("unavailable" in answer) return { is: "failed", cause: answer.unavailable };
  const { planned } = answer;
  if (planned.is === "refused") return refusal(planned);
  if (planned.is === "unchanged") return { is: "unchanged", slot: planned.slot, revision };
  if (given !== undefined && !sameSituation(given, planned.plan)) {
    const message = "what runs now is not what this plan was made for";
    return {
      is: "refused",
      cause: { code: "TEAL-P120", message },
      next: "make the plan again: teal plan --out FILE",
    };
  }
  const chosen = given ?? planned.plan;
  const obstructed = await obstruction(connection, chosen, options);
  if (obstructed !== undefined) return obstructed;
  const id = newDeploymentId();
  const opened = await openSurely(connection, id, chosen);
  if (opened.is === "rejected" || opened.is === "unavailable") return { is: "failed", cause: opened.cause };
  if (opened.is === "taken" && opened.by !== id) return { is: "busy", by: opened.by };
  if (opened.is === "opened") options.planned?.(chosen, opened.number);
  return moveOn(connection, options, id);
}

/** What the target refuses beforehand. On the way back it only warns: whatever can still be done has to be tried. */
async function obstruction(
  connection: Connection,
  plan: Plan,
  options: MoveOptions,
): Promise<Moved | undefined> {
  const findings = await preflight(connection, plan, options.signal);
  const block = plan.request.rollback === true ? undefined : blocked(findings);
  if (block !== undefined) return { is: "refused", ...block };
  for (const finding of findings) options.progress?.(findingInWords(finding));
  return undefined;
}

/** An answer that was lost leaves a deployment that nobody knows of: opening it again under its id tells. */
async function openSurely(
  connection: Connection,
  id: DeploymentId,
  chosen: Plan,
): ReturnType<typeof openDeployment> {
  const first = await openDeployment(connection.store, connection.key, id, chosen);
  if (first.is !== "unavailable") return first;
  await connection.clock.sleep(millis(1_000));
  return openDeployment(connection.store, connection.key, id, chosen);
}

/** Advances the open deployment as far as it goes now. */
export async function moveOn(
  connection: Connection,
  options: MoveOptions,
  id?: DeploymentId,
): Promise<Moved> {
  const advanced = await advance(connection, connection.key, {
    signal: options.signal,
    stay: options.stay ?? false,
    leave: options.leave ?? false,
    waitLock: options.waitLock ?? millis(0),
  });
  return movedBy(connection, advanced, id);
}

/** A slip in the name of a check to force would force nothing, and nobody would know. */
async function unknownCheck(
  { wishes }: Connection,
  force: readonly string[],
  signal: AbortSignal,
): Promise<Moved | undefined> {
  if (force.length === 0) return undefined;
  const checks = await wishes.checks(signal);
  if (checks.is === "unavailable") return { is: "failed", cause: checks.cause };
  const names = checks.plan.checks.map((check) => check.name);
  const wrong = force.find((name) => !names.includes(name));
  if (wrong === undefined) return undefined;
  const message = `no check is called "${wrong}"; there are ${names.map((name) => `"${name}"`).join(", ")}`;
  return {
    is: "refused",
    cause: { code: "TEAL-P121", message },
    next: "name the checks to force as the message does",
  };
}

/** A warm slot is not given up for a revision that is live already, or that will be refused for its past. */
async function changesNothing(
  connection: Connection,
  revision: Revision,
  wanted: Wanted & { readonly rollback?: boolean },
  options: MoveOptions,
): Promise<Moved | undefined> {
  const current = await connection.store.current(connection.key);
  // One that is under way decides what is live: nothing can be said before it has ended.
  if (current.is === "open" && fold(current.journal.events).state.is !== "warm") return undefined;
  const answer = await planRevision(connection, revision, wanted, options.signal);
  if ("unavailable" in answer) return { is: "failed", cause: answer.unavailable };
  const { planned } = answer;
  if (planned.is === "unchanged") return { is: "unchanged", slot: planned.slot, revision };
  return planned.is === "refused" && planned.cause.code === REVERTED_BEFORE ? refusal(planned) : undefined;
}

/** The code of `core/planning/refusals.ts` for a revision that was reverted before. */
const REVERTED_BEFORE = "TEAL-P112";

async function movedBy(connection: Connection, advanced: Advanced, id?: DeploymentId): Promise<Moved> {
  switch (advanced.is) {
    case "none":
      return id === undefined ? { is: "none" } : ended(connection, id);
    case "unavailable":
      return { is: "failed", cause: advanced.cause };
    case "foreign": {
      const message = `the open deployment was begun by an engine of version ${advanced.engine}`;
      return {
        is: "refused",
        cause: { code: "TEAL-D120", message },
        next: "teal abort, or use the Teal that began it",
      };
    }
    case "finished":
      return ended(connection, advanced.deployment.id);
    case "warm": {
      const events = await eventsOf(connection, advanced.deployment.id);
      return {
        is: "warm",
        deployment: advanced.deployment,
        events,
        number: advanced.number,
        until: advanced.until,
      };
    }
    case "waiting":
      return {
        is: "waiting",
        deployment: advanced.deployment,
        number: advanced.number,
        until: advanced.until,
      };
    case "detached":
      return { is: "detached", number: advanced.number };
    case "busy":
      return { is: "busy", by: advanced.holder };
    case "lost":
      return { is: "failed", cause: advanced.cause };
    default: {
      const never: never = advanced;
      return never;
    }
  }
}

/** How a deployment that is over ended, from its journal. */
export async function ended(connection: Connection, id: DeploymentId): Promise<Moved> {
  const answer = await connection.store.events(connection.key, id);
  if (answer.is === "unavailable" || answer.is === "rejected") return { is: "failed", cause: answer.cause };
  if (answer.is === "pruned" || answer.events.length === 0)
    return { is: "failed", cause: { code: "TEAL-D132", message: `the journal of ${id} is gone` } };
  const rows = await connection.store.history(connection.key, 50);
  const number = rows.is === "rows" ? (rows.rows.find((row) => row.id === id)?.number ?? 0) : 0;
  return { is: "ended", deployment: fold(answer.events), events: answer.events, number };
}

export async function eventsOf(connection: Connection, id: DeploymentId): Promise<readonly JournalEvent[]> {
  const answer = await connection.store.events(connection.key, id);
  return answer.is === "events" ? answer.events : [];
}

/**
 * One deployment at a time. A warm one gives way: its previous slot is drained and retired first, since the next
 * candidate needs the place. Any other is waited for as long as the caller said.
 */
async function makeRoom(connection: Connection, options: MoveOptions): Promise<Moved | undefined> {
  const began = connection.clock.monotonic();
  for (;;) {
    const current = await connection.store.current(connection.key);
    if (current.is === "none") return undefined;
    if (current.is === "unavailable") return { is: "failed", cause: current.cause };
    const { state, plan } = fold(current.journal.events);
    const room = options.waitLock ?? millis(0);
    if (state.is === "warm") {
      options.progress?.("the previous slot is no longer kept warm: it is drained and retired first");
      await ask(
        connection.store,
        connection.key,
        { ask: "promote", by: connection.by, because: "another deployment needs the slot" },
        (deployment) => deployment.state.is === "warm",
      );
      const moved = await moveOn(connection, { ...options, stay: false });
      if (moved.is !== "ended" && moved.is !== "busy" && moved.is !== "none") return moved;
      if (moved.is !== "busy") continue;
    }
    const by = `r${current.number} (${plan.candidate.revision.id})`;
    // Waiting for a deployment that nobody advances would be in vain.
    if (state.is === "running" && (await isAbandoned(connection))) return { is: "busy", by, abandoned: true };
    if (connection.clock.monotonic() - began >= room || options.signal.aborted) return { is: "busy", by };
    await connection.store.changed(connection.key, millis(1_000), options.signal);
  }
}

/** Nobody holds the lease of the open deployment: its process is gone, or let go of it. */
async function isAbandoned({ store, key, isGone }: Connection): Promise<boolean> {
  const lease = await store.lease(key);
  if (lease.is === "unavailable") return false;
  return lease.is === "none" || lease.lease.released || isGone(lease.lease.holder) === "gone";
}

function refusal(planned: Refusal): Moved {
  return { is: "refused", cause: planned.cause, next: planned.next };
}

/** A plan made earlier may be carried out only where it would still be made: same baseline, same steps. */
function sameSituation(given: Plan, fresh: Plan): boolean {
  return given.digest === fresh.digest;
}
