import type { Deployment } from "../deployment.ts";
import { sameWeights } from "../routing.ts";
import { SLOTS, sameRevision, type Revision } from "../units.ts";
import { OPERATOR_WAIT, holdFor, type Facts, type Move } from "./moves.ts";
import { describeWeights } from "./shift.ts";

/**
 * Somebody else changed what this deployment relies on. Looked at before every step forward; going back, the
 * baseline wins and drift is overwritten. Sizes are no drift: autoscalers are allowed to work.
 */
export function decideDrift(deployment: Deployment, facts: Facts): Move | undefined {
  // A target without compare-and-set may show the past for a while after a write.
  if (facts.fencing === "checked" && facts.sinceWrite < facts.settle) return undefined;
  if (deployment.open.length > 0) return undefined;
  const found = differences(deployment, facts);
  if (found === undefined) return undefined;
  return { move: "journal", event: { kind: "drift", ...found, hold: holdFor(facts, "drift", OPERATOR_WAIT, "stop") } };
}

function differences(deployment: Deployment, facts: Facts): { expected: string; observed: string } | undefined {
  const { routing, slots } = facts.observed;
  const { expected } = deployment;
  if (routing.is === "seen" && !sameWeights(routing.value.weights, expected.weights)) {
    return { expected: `router: ${describeWeights(expected.weights)}`, observed: `router: ${describeWeights(routing.value.weights)}` };
  }
  for (const slot of SLOTS) {
    const seen = slots[slot];
    if (seen.is === "unreadable" || seen.value.wanted === 0) continue;
    const should = expected.revisions[slot];
    if (should === "empty" || !sameRevision(seen.value.revision, should)) {
      return { expected: `${slot}: ${name(should)}`, observed: `${slot}: ${name(seen.value.revision ?? "empty")}` };
    }
  }
  return undefined;
}

function name(revision: Revision | "empty"): string {
  return revision === "empty" ? "empty" : `${revision.id} (${revision.config.slice(0, 8)})`;
}
