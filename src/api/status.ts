import { currentStep, fold, type Deployment } from "../core/deployment.ts";
import type { HistoryRow, Serves } from "../core/journal.ts";
import type { Observed } from "../core/observed.ts";
import type { Cause } from "../core/units.ts";
import { servesNow } from "../engine/closing.ts";
import { CALL_BOUND } from "../engine/ports.ts";
import type { Lease } from "../ports/store.ts";
import type { Connection } from "./connection.ts";
import { observeNow } from "./planning.ts";

/** Everything `teal status` shows: what is there, what is under way, and what is late. */
export interface Status {
  readonly service: string;
  readonly environment: string;
  readonly place: string;
  readonly serves: Serves;
  readonly observed: Observed;
  readonly open?: {
    readonly deployment: Deployment;
    readonly number: number;
    /** Who advances it now; absent when nobody does. */
    readonly holder?: string;
    /** The open wait's deadline, or the step's, has passed: what happens next happens with the next command. */
    readonly overdue?: string;
    /** Commands that mean something now. */
    readonly allowed: readonly ("promote" | "abort" | "rollback" | "resume")[];
  };
  readonly last?: HistoryRow;
  /** The journal could not be read; what runs and serves was seen all the same. */
  readonly store?: Cause;
}

/** Looks at the target and the journal. What is live is what the router says. */
export async function statusOf(connection: Connection, signal: AbortSignal): Promise<Status> {
  const { store, key, target } = connection;
  const [observed, current, lease, history] = await Promise.all([
    observeNow(connection, signal),
    store.current(key),
    store.lease(key),
    store.history(key, 1),
  ]);
  const common = { ...key, place: target.place, serves: servesNow(observed), observed };
  const unavailable = [current, history].find((each) => each.is === "unavailable");
  if (unavailable?.is === "unavailable") return { ...common, store: unavailable.cause };
  const last = history.is === "rows" && history.rows[0] !== undefined ? { last: history.rows[0] } : {};
  if (current.is !== "open") return { ...common, ...last };
  const deployment = fold(current.journal.events);
  const holder = lease.is === "lease" ? holderOf(connection, lease.lease) : undefined;
  const overdue = overdueOf(deployment, connection.clock.now(), holder !== undefined);
  return {
    ...common,
    ...last,
    open: {
      deployment,
      number: current.number,
      allowed: allowedActions(deployment, holder !== undefined),
      ...(holder === undefined ? {} : { holder }),
      ...(overdue === undefined ? {} : { overdue }),
    },
  };
}

function holderOf(connection: Connection, lease: Lease): string | undefined {
  return lease.released || connection.isGone(lease.holder) === "gone" ? undefined : lease.holder.name;
}

/** What should have happened by now. */
export function overdueOf(deployment: Deployment, now: number, held: boolean): string | undefined {
  const { state } = deployment;
  if (state.is === "warm" && now >= state.until) return "the previous slot was to be retired";
  if (state.is === "waiting" && state.for === "history" && now >= state.until)
    return "the bake that nobody watched is to be judged by its metrics";
  if (state.is === "waiting" && now >= state.until)
    return `the wait for ${state.for} is over: ${state.otherwise}`;
  if (state.is !== "running") return undefined;
  const step = currentStep(deployment);
  if (held) {
    const late = step !== undefined && now > deployment.since + step.deadline + CALL_BOUND;
    return late
      ? `step ${step.id} was to be over ${Math.round((now - deployment.since - step.deadline) / 1_000)} s ago: ${step.reason}`
      : undefined;
  }
  return step === undefined ? "nobody advances this deployment" : `nobody advances step ${step.id}`;
}

/** Commands that would change something in this state. */
export function allowedActions(
  deployment: Deployment,
  held: boolean,
): readonly ("promote" | "abort" | "rollback" | "resume")[] {
  const { state, course } = deployment;
  if (state.is === "finished") return [];
  const gate = state.is === "warm" || (state.is === "waiting" && state.for === "gate");
  const forward = state.is === "warm" || state.dir === "forward";
  const back = forward && !course.pastNoReturn;
  return [
    ...(gate ? (["promote"] as const) : []),
    ...(back && state.is !== "warm" ? (["abort"] as const) : []),
    ...(back ? (["rollback"] as const) : []),
    ...(held || state.is === "warm" ? [] : (["resume"] as const)),
  ];
}
