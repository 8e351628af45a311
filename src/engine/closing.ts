import type { Deployment } from "../core/deployment.ts";
import type { Move } from "../core/deciding/moves.ts";
import type { Happening, HistoryRow, JournalEvent, Serves, UsersSaw } from "../core/journal.ts";
import { readyReplicas, type Observed } from "../core/observed.ts";
import { mayReceive } from "../core/routing.ts";
import { SLOTS, otherSlot, type Instant, type Revision } from "../core/units.ts";

/** The last event of a deployment and the row that the history keeps of it. */
export function closing(
  deployment: Deployment,
  move: Extract<Move, { move: "end" }> & { readonly users?: UsersSaw },
  observed: Observed,
  events: readonly JournalEvent[],
  number: number,
  now: Instant,
): { readonly event: Happening & { kind: "closed" }; readonly row: HistoryRow } {
  const { plan } = deployment;
  const cause = move.cause === undefined ? {} : { cause: move.cause };
  const durations = durationsOf(events, now - deployment.opened);
  const leaves = leftBehind(deployment, move.outcome, events, durations);
  const previous = plan.baseline.slots[otherSlot(plan.candidate.slot)].revision?.id;
  return {
    event: {
      kind: "closed",
      outcome: move.outcome,
      serves: servesNow(observed),
      ...cause,
      ...(move.users && { users: move.users }),
    },
    row: {
      id: deployment.id,
      service: plan.request.service,
      environment: plan.request.environment,
      number,
      revision: plan.candidate.revision.id,
      config: plan.candidate.revision.config,
      ...(previous === undefined ? {} : { previous }),
      slot: plan.candidate.slot,
      strategy: plan.request.strategy.kind,
      outcome: move.outcome,
      ...cause,
      by: plan.request.by,
      opened: deployment.opened,
      closed: now,
      ...(leaves === undefined ? {} : { leaves }),
      durations,
    },
  };
}

/**
 * What a person's rollback turned down: the candidate of this deployment, if users had reached it, or what was live
 * before a deployment that was itself the rollback. An abort turns down nothing.
 */
function leftBehind(
  { plan }: Deployment,
  outcome: HistoryRow["outcome"],
  events: readonly JournalEvent[],
  durations: HistoryRow["durations"],
): Revision | undefined {
  const { serving, slots } = plan.baseline;
  if (plan.request.rollback === true)
    return outcome === "done" && serving !== "nobody" ? slots[serving].revision : undefined;
  const asked = events.some((event) => event.kind === "asked" && event.because === "rollback");
  const moved = Object.keys(durations).some((step) => step.startsWith("shift-"));
  return outcome === "reverted" && asked && moved ? plan.candidate.revision : undefined;
}

/** Who serves: has weight and a ready replica. `unknown` when it could not be looked. */
export function servesNow(observed: Observed): Serves {
  const { routing, slots } = observed;
  if (routing.is === "unreadable") return { slot: "unknown" };
  const { weights } = routing.value;
  let unsure = false;
  const serving = SLOTS.filter((slot) => {
    const seen = slots[slot];
    if (!mayReceive(weights, slot)) return false;
    if (seen.is === "unreadable") unsure = true;
    return seen.is === "seen" && readyReplicas(seen.value).length > 0;
  });
  const [first] = serving;
  if (first === undefined) return { slot: unsure ? "unknown" : "nobody", weights };
  const seen = slots[first];
  const revision = seen.is === "seen" ? seen.value.revision?.id : undefined;
  return { slot: first, ...(revision === undefined ? {} : { revision }), weights };
}

/** Measured milliseconds by step, from what the verdicts say they took. */
function durationsOf(events: readonly JournalEvent[], total: number): Readonly<Record<string, number>> {
  const durations: Record<string, number> = { total };
  for (const event of events) {
    if (event.kind !== "verdict" || event.took === undefined || event.then === "note") continue;
    durations[event.of] = (durations[event.of] ?? 0) + event.took;
  }
  return durations;
}
