import type { Deployment } from "../../core/deployment.ts";
import type { JournalEvent } from "../../core/journal.ts";
import { mayReceive } from "../../core/routing.ts";
import type { Instant } from "../../core/units.ts";

/** Questions about what a journal says so far. */

/** When the last change of traffic was begun. */
export function shiftedAt(past: readonly JournalEvent[]): Instant | undefined {
  return past.findLast((event) => event.kind === "intent" && event.call.call === "shift")?.at;
}

/** When the candidate was first given traffic; a write that the target refused gave it none. */
export function firstShare(past: readonly JournalEvent[], { plan }: Deployment): Instant | undefined {
  const refused = new Set(
    past.flatMap((event) => (event.kind === "outcome" && gaveNothing(event.result) ? [event.intent] : [])),
  );
  return past.find(
    (event) =>
      event.kind === "intent" &&
      event.dir === "forward" &&
      event.call.call === "shift" &&
      mayReceive(event.call.to, plan.candidate.slot) &&
      !refused.has(event.intent),
  )?.at;
}

function gaveNothing(result: Extract<JournalEvent, { kind: "outcome" }>["result"]): boolean {
  return result === "rejected" || result === "fenced" || result === "conflict";
}

/** Users may have reached the candidate. */
export function sawCutover(past: readonly JournalEvent[], deployment: Deployment): boolean {
  return firstShare(past, deployment) !== undefined;
}

/** What turned the deployment back, and when. */
export function turnedAt(
  past: readonly JournalEvent[],
): { readonly at: Instant; readonly by: "verdict" | "abort" } | undefined {
  for (const event of past) {
    if (event.kind === "verdict" && event.then === "back") return { at: event.at, by: "verdict" };
    if (event.kind === "asked" && event.ask === "abort") return { at: event.at, by: "abort" };
  }
  return undefined;
}

/** The last numbers that a watch of users' traffic found. */
export function trafficSeen(past: readonly JournalEvent[]): Readonly<Record<string, number>> | undefined {
  const event = past.findLast(
    (each) => each.kind === "verdict" && each.facts.numbers?.["requests"] !== undefined,
  );
  return event?.kind === "verdict" ? event.facts.numbers : undefined;
}
