import { currentStep, direction, fold } from "../core/deployment.ts";
import type { Cause, Fence } from "../core/units.ts";
import type { Connection } from "./connection.ts";

export type Unlocked =
  /** The lease is free; whoever held it can write no more. */
  | { readonly is: "unlocked"; readonly from: string }
  /** Nobody holds it. */
  | { readonly is: "free" }
  | { readonly is: "failed"; readonly cause: Cause };

/**
 * Takes the lease away from its holder and releases it. The holder's fence is refused from then on, by the journal at
 * once and by the target as soon as somebody resumes. Who did it and why is journaled.
 */
export async function unlock(connection: Connection, reason: string): Promise<Unlocked> {
  const { store, key, holder, by } = connection;
  const seen = await store.lease(key);
  if (seen.is === "unavailable") return { is: "failed", cause: seen.cause };
  if (seen.is === "none" || seen.lease.released) return { is: "free" };
  const taken = await store.take(key, holder, seen.lease);
  if (taken.is === "unavailable") return { is: "failed", cause: taken.cause };
  if (taken.is === "held") {
    const message = `${taken.lease.holder.name} shows that it lives: it holds the lease anew`;
    return { is: "failed", cause: { code: "TEAL-X012", message } };
  }
  const from = seen.lease.holder.name;
  const failed = await record(connection, taken.fence, `lease taken from ${from} by ${by}: ${reason}`);
  await store.release(key, taken.fence);
  return failed === undefined ? { is: "unlocked", from } : { is: "failed", cause: failed };
}

/** Into the journal of the open deployment; without one there is nothing that the lease was for. */
async function record(
  { store, key, holder }: Connection,
  fence: Fence,
  summary: string,
): Promise<Cause | undefined> {
  const current = await store.current(key);
  if (current.is === "none") return undefined;
  if (current.is === "unavailable") return current.cause;
  const deployment = fold(current.journal.events);
  const of = currentStep(deployment)?.id ?? "unlock";
  const note = {
    kind: "verdict",
    dir: direction(deployment),
    of,
    result: "inconclusive",
    then: "note",
    facts: { summary },
  } as const;
  const answer = await store.append(
    key,
    current.journal.id,
    deployment.seq,
    [{ kind: "claimed", fence, holder }, note],
    fence,
  );
  return answer.is === "unavailable" || answer.is === "rejected" ? answer.cause : undefined;
}
