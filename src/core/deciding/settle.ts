import type { Call } from "../calls.ts";
import type { Deployment, OpenIntent } from "../deployment.ts";
import { sameWeights } from "../routing.ts";
import { sameRevision } from "../units.ts";
import { look, type Facts, type Move } from "./moves.ts";

/**
 * Does the target look as the call wants it? `unseen` where it could not be read, or where looking cannot tell.
 */
export function looksDone(call: Call, facts: Facts): "yes" | "no" | "unseen" {
  switch (call.call) {
    case "shift": {
      const { routing } = facts.observed;
      if (routing.is === "unreadable") return "unseen";
      return sameWeights(routing.value.weights, call.to) ? "yes" : "no";
    }
    case "ensure": {
      const seen = facts.observed.slots[call.slot];
      if (seen.is === "unreadable") return "unseen";
      return sameRevision(seen.value.revision, call.want.revision) && seen.value.wanted === call.want.replicas
        ? "yes"
        : "no";
    }
    case "retire": {
      const seen = facts.observed.slots[call.slot];
      if (seen.is === "unreadable") return "unseen";
      return seen.value.wanted <= call.keep ? "yes" : "no";
    }
    case "migrate": {
      if (facts.migration === undefined || facts.migration.is === "unreadable") return "unseen";
      return facts.migration.value.applied.includes(call.phase) ? "yes" : "no";
    }
    case "restore":
      // Restoring is idempotent and not observable in general: it is simply done again.
      return "no";
    default: {
      const never: never = call;
      return never;
    }
  }
}

/**
 * The write of the current step whose end nobody saw. Where fencing is atomic the next fence shuts out whatever is
 * in transit and looking settles it; elsewhere it is waited for, as long as a call and its propagation can take.
 */
export function settleInFlight(deployment: Deployment, facts: Facts): Move | undefined {
  const { state } = deployment;
  if (state.is !== "running" || state.inFlight === undefined) return undefined;
  const intent = deployment.open.find((each) => each.intent === state.inFlight);
  if (intent === undefined) return undefined;
  const done = looksDone(intent.call, facts);
  if (done === "yes") return found(intent, true);
  // Going back writes first and settles afterwards, in `confirm`.
  if (state.dir === "back") return { move: "perform", intent: intent.intent, expect: "any" };
  if (!shutOut(intent, deployment, facts)) {
    return shuttingOut(facts);
  }
  if (done === "no") return { move: "perform", intent: intent.intent, expect: "journaled" };
  return undefined;
}

/** Open writes that are not the current step's: left behind by turning back or by a crash. */
export function lingering(deployment: Deployment): readonly OpenIntent[] {
  const { state } = deployment;
  const inFlight = state.is === "running" ? state.inFlight : undefined;
  return deployment.open.filter((each) => each.intent !== inFlight);
}

/** Settles what lingers, one at a time; nothing when nothing does. */
export function settleLingering(deployment: Deployment, facts: Facts): Move | undefined {
  const open = lingering(deployment);
  if (open.length === 0) return undefined;
  const over = open.find((each) => shutOut(each, deployment, facts));
  if (over !== undefined) {
    const done = looksDone(over.call, facts);
    return done === "unseen" ? undefined : found(over, done === "yes");
  }
  return shuttingOut(facts);
}

/** A higher fence, once the target has it; where fences do not bind, time. */
function shuttingOut(facts: Facts): Move {
  return facts.fencing === "atomic" && facts.claimed
    ? { move: "reclaim" }
    : look("an earlier write may still take effect");
}

/** Nothing of this write can happen any more. */
function shutOut(intent: OpenIntent, deployment: Deployment, facts: Facts): boolean {
  if (facts.fencing === "atomic") return facts.claimed && intent.fence < deployment.fence;
  return (facts.known.get(intent.intent) ?? 0) >= facts.settle;
}

/** A write whose end was found by looking: it took effect, or its time is over and it will not. */
export function found(intent: OpenIntent, applied: boolean): Move {
  const base = { kind: "outcome", intent: intent.intent, found: true } as const;
  if (applied) return { move: "journal", event: { ...base, result: "applied" } };
  const cause = { code: "TEAL-D102", message: "its time is over; what counts is what is seen now" };
  return { move: "journal", event: { ...base, result: "rejected", cause } };
}
