import type { Deployment, OpenIntent } from "../deployment.ts";
import type { Action, Step } from "../plan.ts";
import { sameWeights } from "../routing.ts";
import { look, overdue, pass, type Facts, type Move } from "./moves.ts";
import { lingering, settleLingering } from "./settle.ts";
import { describeWeights, growAgain } from "./shift.ts";

type ConfirmStep = Step & Extract<Action, { do: "confirm" }>;

/**
 * Proof that traffic moved, by the strongest evidence the router offers. Going back it also waits until no earlier
 * write can still take effect, and repairs what such a write undid.
 */
export function decideConfirm(
  dir: "forward" | "back",
  step: ConfirmStep,
  deployment: Deployment,
  facts: Facts,
): Move {
  const { routing } = facts.observed;
  if (dir === "back" && routing.is === "seen" && !sameWeights(routing.value.weights, step.to)) {
    return { move: "call", step: step.id, expect: routing.version, call: { call: "shift", to: step.to } };
  }
  const grow = dir === "back" ? growAgain(step, deployment, facts) : undefined;
  if (grow !== undefined) return grow;
  const settling = settleLingering(deployment, facts);
  if (settling !== undefined && facts.elapsed < step.deadline + facts.settle) return settling;
  const open = lingering(deployment);
  if (facts.evidence?.is === "seen" && facts.evidence.value.moved && open.length === 0) {
    const { strength, detail, missing } = facts.evidence.value;
    // What the router merely says of itself confirms nothing.
    const proof = strength === "ack" || strength === "declared" ? detail : `confirmed by ${detail}`;
    const summary = `${describeWeights(step.to)}, ${proof}`;
    const more = missing === undefined ? "" : `; no stronger one: ${missing}`;
    return pass(dir, step, summary, { facts: { summary, detail: `evidence: ${strength}${more}` } });
  }
  if (facts.elapsed < step.deadline) return look(waitsFor(open, facts));
  const message = `no evidence that traffic follows ${describeWeights(step.to)}`;
  return overdue(dir, step, facts, { code: "TEAL-R101", message }, message);
}

function waitsFor(open: readonly OpenIntent[], facts: Facts): string {
  if (open.length > 0) return "an earlier write may still take effect";
  return facts.evidence?.is === "seen" ? facts.evidence.value.detail : "evidence that traffic moved";
}
