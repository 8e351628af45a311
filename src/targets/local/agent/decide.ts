import type { SlotState } from "../../../core/observed.ts";
import { assertNever, type Instant, type Slot } from "../../../core/units.ts";
import type { Policy, ReplicaRecord, SlotRecord } from "./record.ts";

/** What the agent sees of a replica's current life. */
export type LifeView =
  | { readonly is: "none" }
  | {
      readonly is: "running";
      readonly readiness: "starting" | "ready" | "unready";
      /** Requests the edge still has with it, once the edge gives it no new ones; `unknown` until then. */
      readonly residual: number | "unknown";
    }
  /** SIGTERM was sent. */
  | { readonly is: "stopping"; readonly since: Instant }
  /** The command ended; its shim, or processes it left behind, have not yet. */
  | { readonly is: "ending" };

export type Lives = ReadonlyMap<string, LifeView>;

export type Action =
  | { readonly do: "add"; readonly n: number }
  | { readonly do: "start" | "leave" | "stay" | "stop" | "kill" | "forget"; readonly replica: string };

export interface Decision {
  readonly actions: readonly Action[];
  /** When time alone changes the decision; Infinity: never. */
  readonly wakeAt: number;
}

/** Beyond the grace, so long (ms) for the shim to carry out the kill before the agent does it itself. */
const SHIM_GRACE = 3_000;

/** A recorded moment so far (ms) ahead of the clock is no small correction of it. */
const CLOCK_SET_BACK = 60_000;

type Seen = ReplicaRecord & { readonly life: LifeView };

/**
 * What to do now so that the slot becomes what it is told. While anything is wanted, a ready replica is never stopped
 * unless another ready one stays: a leaving replica is called back when the others fail meanwhile.
 */
export function decideSlot(record: SlotRecord, lives: Lives, now: Instant, policy: Policy): Decision {
  const seen = record.replicas.map((replica): Seen => ({
    ...replica,
    life: lives.get(replica.id) ?? { is: "none" },
  }));
  const wanted = record.want?.replicas ?? 0;
  const turned = turnAround(seen, wanted);
  const actions: Action[] = [
    ...turned.leave.map(({ id }): Action => ({ do: "leave", replica: id })),
    ...turned.back.map(({ id }): Action => ({ do: "stay", replica: id })),
    ...turned.add.map((n): Action => ({ do: "add", n })),
  ];
  let wakeAt = Infinity;
  for (const replica of seen) {
    // One thing at a time: what was just turned around is looked at again when that is done.
    if (turned.leave.includes(replica) || turned.back.includes(replica)) continue;
    const next = isLeaving(replica) ? leaving(replica, now, policy) : staying(replica, now, policy);
    if (typeof next === "number") wakeAt = Math.min(wakeAt, next);
    else actions.push({ do: next, replica: replica.id });
  }
  return { actions, wakeAt };
}

interface Turned {
  readonly leave: readonly Seen[];
  readonly back: readonly Seen[];
  /** Numbers of replicas to add. */
  readonly add: readonly number[];
}

/** Which replicas leave, come back, or are added, so that as many stay as wanted. */
function turnAround(seen: readonly Seen[], wanted: number): Turned {
  const stay = seen.filter((replica) => !isLeaving(replica));
  const recallable = seen
    .filter((replica) => isLeaving(replica) && replica.life.is === "running")
    .toSorted((a, b) => worth(b) - worth(a));
  const back: Seen[] = recallable.slice(0, Math.max(0, wanted - stay.length));
  const lastReady = recallable.find((replica) => isReady(replica) && !back.includes(replica));
  if (wanted > 0 && lastReady !== undefined && ![...stay, ...back].some(isReady)) back.push(lastReady);
  const kept = [...stay, ...back];
  const leave = kept.toSorted(leavesFirst).slice(0, Math.max(0, kept.length - wanted));
  return {
    leave: leave.filter((replica) => !back.includes(replica)),
    back: back.filter((replica) => !leave.includes(replica)),
    add: freeNumbers(seen, wanted - kept.length),
  };
}

/** Lowest numbers that no replica has. */
function freeNumbers(seen: readonly Seen[], count: number): number[] {
  const free: number[] = [];
  for (let n = 1; free.length < count; n++) if (!seen.some((replica) => replica.n === n)) free.push(n);
  return free;
}

function worth({ life }: Seen): number {
  if (life.is !== "running") return 0;
  return { starting: 1, unready: 1, ready: 2 }[life.readiness];
}

function leavesFirst(a: Seen, b: Seen): number {
  return worth(a) - worth(b) || b.n - a.n;
}

/** The next action of a replica that leaves, or when to look again. */
function leaving(replica: Seen, now: Instant, policy: Policy): "stop" | "kill" | "forget" | number {
  const { life } = replica;
  switch (life.is) {
    case "none":
      return "forget";
    case "ending":
      return Infinity;
    case "stopping":
      return due(now, life.since, policy.stopGrace + SHIM_GRACE) ?? "kill";
    case "running":
      return life.residual === 0
        ? "stop"
        : (due(now, replica.leavingSince ?? now, policy.drainCap) ?? "stop");
    default:
      return assertNever(life);
  }
}

/** The next action of a replica that stays, or when to look again. */
function staying(replica: Seen, now: Instant, policy: Policy): "start" | "kill" | number {
  const { life } = replica;
  switch (life.is) {
    case "none":
      return due(now, replica.crashes.at(-1) ?? -Infinity, pauseAfterCrash(replica, policy)) ?? "start";
    case "stopping":
      return due(now, life.since, policy.stopGrace + SHIM_GRACE) ?? "kill";
    case "ending":
    case "running":
      return Infinity;
    default:
      return assertNever(life);
  }
}

/** When `after` ms have passed since a moment; undefined: they have. */
function due(now: Instant, since: number, after: number): number | undefined {
  // A moment far in the future means that the clock was set back: nothing may wait for it to catch up.
  return now >= since + after || since > now + CLOCK_SET_BACK ? undefined : since + after;
}

/** After n crashes the pause is `backoff` * 2^(n-1), at most `backoffCap`. */
function pauseAfterCrash(replica: ReplicaRecord, policy: Policy): number {
  return Math.min(policy.backoffCap, policy.backoff * 2 ** (replica.crashes.length - 1));
}

function isLeaving(replica: ReplicaRecord): boolean {
  return replica.leavingSince !== undefined;
}

function isReady({ life }: Seen): boolean {
  return life.is === "running" && life.readiness === "ready";
}

/**
 * Whether the replica crashes again and again: so many of its crashes came within the window. It stays one, though
 * the growing pause thins the crashes out, until a life lasts as long as the window.
 */
export function isLooping(replica: ReplicaRecord, now: Instant, policy: Policy): boolean {
  const { exits, within } = policy.crashLoop;
  if (replica.startedAt !== undefined && now - replica.startedAt >= within) return false;
  return replica.crashes.some((first, at) => {
    const nth = replica.crashes[at + exits - 1];
    return nth !== undefined && nth - first <= within;
  });
}

/**
 * Ids of the replicas that the edge gives requests: the ready ones. When none is ready, all that once were and still
 * run: a check that fails everywhere is more likely wrong than every replica, and refusing everybody helps nobody.
 */
export function membersOf(record: SlotRecord, lives: Lives): readonly string[] {
  const running = record.replicas.flatMap((replica) => {
    const life = lives.get(replica.id);
    return life?.is === "running" && !isLeaving(replica)
      ? [{ id: replica.id, readiness: life.readiness }]
      : [];
  });
  const ready = running.filter(({ readiness }) => readiness === "ready");
  return (ready.length > 0 ? ready : running.filter(({ readiness }) => readiness === "unready")).map(
    ({ id }) => id,
  );
}

/** The slot as everybody else sees it. */
export function slotState(
  slot: Slot,
  record: SlotRecord,
  lives: Lives,
  now: Instant,
  policy: Policy,
): SlotState {
  const wanted = record.want?.replicas ?? 0;
  const replicas = record.replicas.map((replica) => ({
    id: replica.id,
    incarnation: replica.incarnation ?? `${replica.id}.none`,
    phase: phaseOf(replica, lives.get(replica.id) ?? { is: "none" }, now, policy),
    restarts: replica.restarts,
    ...(replica.exit === undefined ? {} : { exit: replica.exit }),
  }));
  return {
    slot,
    ...(record.want === undefined ? {} : { revision: record.want.revision }),
    wanted,
    settled:
      replicas.length === wanted && replicas.every(({ phase }) => phase === "ready" || phase === "unready"),
    replicas,
  };
}

type Phase = SlotState["replicas"][number]["phase"];

function phaseOf(replica: ReplicaRecord, life: LifeView, now: Instant, policy: Policy): Phase {
  if (isLeaving(replica) || life.is === "stopping") return "stopping";
  const looping = isLooping(replica, now, policy);
  switch (life.is) {
    case "ending":
      return looping ? "crashLoop" : "exited";
    case "none":
      return looping ? "crashLoop" : replica.exit === undefined ? "starting" : "exited";
    case "running":
      if (life.readiness !== "ready") return looping ? "crashLoop" : life.readiness;
      // Traffic that came now would find nobody: it counts as ready once the edge knows of it.
      return replica.listed ? "ready" : "starting";
    default:
      return assertNever(life);
  }
}
