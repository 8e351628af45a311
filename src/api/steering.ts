import { direction, fold, type Deployment } from "../core/deployment.ts";
import { millis, otherSlot, sameRevision, SLOTS, type DeploymentId, type Revision } from "../core/units.ts";
import { servesNow } from "../engine/closing.ts";
import { ask } from "../engine/engine.ts";
import { TTL, watched, type Watch } from "../engine/lease.ts";
import type { Connection } from "./connection.ts";
import { deployRevision, ended, moveOn, type MoveOptions, type Moved } from "./deploying.ts";
import { observeNow } from "./planning.ts";

/** Approves the gate the deployment waits at; from warm: the previous slot need not be kept any longer. */
export async function promote(connection: Connection, options: MoveOptions): Promise<Moved> {
  const open = await openOne(connection);
  if (open.is !== "open") return open;
  const { state } = open.deployment;
  if (state.is !== "warm" && !(state.is === "waiting" && state.for === "gate")) {
    return {
      is: "refused",
      cause: { code: "TEAL-D121", message: "nothing waits for an approval" },
      next: "teal status",
    };
  }
  const step = "step" in state ? state.step : undefined;
  const same = ({ state: now }: Deployment) => now.is === state.is && "step" in now && now.step === step;
  const asked = await ask(connection.store, connection.key, { ask: "promote", by: connection.by }, same);
  return asked.is === "asked" ? advanceOrFollow(connection, asked.id, options) : notAsked(asked);
}

/** Gives the open deployment up: traffic back where it was. Refused beyond the point of no return. */
export async function abort(connection: Connection, options: MoveOptions, because?: string): Promise<Moved> {
  const open = await openOne(connection);
  if (open.is !== "open") return open;
  if (open.deployment.course.pastNoReturn) return beyond(open.deployment);
  const asked = await ask(connection.store, connection.key, {
    ask: "abort",
    by: connection.by,
    ...(because === undefined ? {} : { because }),
  });
  return asked.is === "asked" ? advanceOrFollow(connection, asked.id, options) : notAsked(asked);
}

/** Goes on with a deployment whose process is gone, or whose wait is over; with drift accepted if the caller says so. */
export async function resume(
  connection: Connection,
  options: MoveOptions & { readonly acceptDrift?: boolean },
): Promise<Moved> {
  const open = await openOne(connection);
  if (open.is === "none") return (await heldElsewhere(connection, options.signal)) ?? open;
  if (open.is !== "open") return open;
  if (options.acceptDrift === true)
    await ask(connection.store, connection.key, { ask: "acceptDrift", by: connection.by });
  return advanceOrFollow(connection, open.deployment.id, options);
}

/**
 * Makes the previous revision live again, or the one named. While a deployment is open that is its abort; afterwards
 * it is a deployment of the earlier revision, exactly as it was.
 */
export async function rollback(
  connection: Connection,
  options: MoveOptions & { readonly to?: string },
): Promise<Moved> {
  const open = await openOne(connection);
  if (open.is === "failed") return open;
  if (open.is === "open") {
    const { deployment } = open;
    const back = baselineRevision(deployment);
    const moved =
      direction(deployment) === "back"
        ? await advanceOrFollow(connection, deployment.id, options)
        : await abort(connection, options, "rollback");
    if (moved.is !== "ended" || options.to === undefined || options.to === back?.id) return moved;
  }
  const earlier = await earlierRevision(connection, options.to, options.signal);
  if (earlier === undefined) {
    const message =
      options.to === undefined
        ? "there is no earlier revision to go back to"
        : `${options.to} was never live here`;
    return { is: "refused", cause: { code: "TEAL-D122", message }, next: "teal history" };
  }
  const recalled = await connection.target.recall(earlier, options.signal);
  if (recalled.is === "refused") return { is: "refused", cause: recalled.cause, next: recalled.next };
  return deployRevision(connection, earlier, { rollback: true }, options);
}

/** Advances the deployment, or watches it where another process does. */
export async function advanceOrFollow(
  connection: Connection,
  id: DeploymentId,
  options: MoveOptions,
): Promise<Moved> {
  let waitLock = options.waitLock ?? millis(0);
  for (;;) {
    const moved = await moveOn(connection, { ...options, waitLock }, id);
    if (moved.is !== "busy") return moved;
    const followed = await follow(connection, id, options);
    if (typeof followed === "object") return followed;
    // A heartbeat that stays away has to be seen to stay away before the lease may be taken.
    waitLock = followed === "silent" ? millis(Math.max(waitLock, 2 * TTL)) : waitLock;
  }
}

/** Watches until the deployment is over or nobody advances it any more (then the caller does). */
async function follow(
  connection: Connection,
  id: DeploymentId,
  options: MoveOptions,
): Promise<Moved | "free" | "silent"> {
  const { store, key, clock } = connection;
  let mark: number | undefined;
  let watch: Watch | undefined;
  while (!options.signal.aborted) {
    mark = await store.changed(key, millis(1_000), options.signal, mark);
    const current = await store.current(key);
    if (current.is === "none" || (current.is === "open" && current.journal.id !== id))
      return ended(connection, id);
    const lease = await store.lease(key);
    if (lease.is !== "lease" || lease.lease.released || connection.isGone(lease.lease.holder) === "gone")
      return "free";
    watch = watched(watch, lease.lease, clock.monotonic());
    if (clock.monotonic() - watch.since >= TTL) return "silent";
  }
  return { is: "detached", number: 0 };
}

/** Nothing is open in this journal, and still a deployment holds something of the target: its journal is another one. */
async function heldElsewhere(connection: Connection, signal: AbortSignal): Promise<Moved | undefined> {
  const { slots } = await observeNow(connection, signal);
  const held = SLOTS.flatMap((slot) => {
    const seen = slots[slot];
    return seen.is === "seen" && seen.value.held !== undefined ? [seen.value.held] : [];
  });
  if (held.length === 0) return undefined;
  return {
    is: "refused",
    cause: {
      code: "TEAL-D125",
      message: "this journal has no open deployment, yet one holds something of the service",
      evidence: held,
    },
    next: "resume where it was begun, or with the state it was begun with (aws.state). Where that is lost, teal deploy --again REVISION puts back in its end what is held",
  };
}

type Open = { readonly is: "open"; readonly deployment: Deployment; readonly number: number };

async function openOne(connection: Connection): Promise<Open | Extract<Moved, { is: "none" | "failed" }>> {
  const current = await connection.store.current(connection.key);
  if (current.is === "none") return { is: "none" };
  if (current.is === "unavailable") return { is: "failed", cause: current.cause };
  return { is: "open", deployment: fold(current.journal.events), number: current.number };
}

function notAsked(asked: Exclude<Awaited<ReturnType<typeof ask>>, { is: "asked" }>): Moved {
  if (asked.is === "none") return { is: "none" };
  if (asked.is === "unavailable") return { is: "failed", cause: asked.cause };
  return {
    is: "refused",
    cause: { code: "TEAL-D124", message: "the deployment went on before your answer reached it" },
    next: "teal status",
  };
}

function beyond(deployment: Deployment): Moved {
  const message = `step ${deployment.plan.pointOfNoReturn} was begun; what the earlier revision needs is gone`;
  return {
    is: "refused",
    cause: { code: "TEAL-D123", message },
    next: "deploy a revision that fits the schema: teal deploy REVISION",
  };
}

function baselineRevision(deployment: Deployment): Revision | undefined {
  const { serving, slots } = deployment.plan.baseline;
  return serving === "nobody" ? undefined : slots[serving].revision;
}

/**
 * The newest revision that was live and is not the one that serves, or the newest one of this name that was live.
 * What serves is what the target says: the last deployment may have ended undecided.
 */
async function earlierRevision(
  connection: Connection,
  name: string | undefined,
  signal: AbortSignal,
): Promise<Revision | undefined> {
  const answer = await connection.store.history(connection.key, 50);
  if (answer.is === "unavailable") return undefined;
  const live = answer.rows.filter((row) => row.outcome === "done");
  const observed = await observeNow(connection, signal);
  const { slot } = servesNow(observed);
  const servingSlot = slot === "blue" || slot === "green" ? slot : undefined;
  const seen = servingSlot === undefined ? undefined : observed.slots[servingSlot];
  const serving = seen?.is === "seen" ? seen.value.revision : undefined;
  const [newest] = live;
  const current =
    serving ?? (newest === undefined ? undefined : { id: newest.revision, config: newest.config });
  const row = live.find((each) =>
    name === undefined
      ? !sameRevision({ id: each.revision, config: each.config }, current)
      : each.revision === name,
  );
  if (row !== undefined) return { id: row.revision, config: row.config };
  // What served before the first deployment has no row of its own; the slot it stopped in still tells.
  const idle = servingSlot === undefined ? undefined : observed.slots[otherSlot(servingSlot)];
  const left = idle?.is === "seen" ? idle.value.revision : undefined;
  const isIt = left?.id === newest?.previous && (name === undefined || name === left?.id);
  return isIt ? left : undefined;
}
