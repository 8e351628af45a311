import type { Deployment } from "../deployment.ts";
import type { Action, Step } from "../plan.ts";
import { assertNever } from "../units.ts";
import { decideWatch, isOpen } from "./bake.ts";
import { holdFor, pass, verdict, type Facts, type Move } from "./moves.ts";

export function decideGate(
  step: Step & Extract<Action, { do: "gate" }>,
  deployment: Deployment,
  facts: Facts,
): Move {
  const { gate } = step;
  switch (gate.gate) {
    case "watch":
      return decideWatch(step, gate.for, deployment, facts);
    case "schedule":
      if (isOpen(gate, facts.now)) return pass("forward", step, "the time window is open");
      return waitAtGate(step, gate.timeout, gate.otherwise, facts);
    case "approval":
      return waitAtGate(step, gate.timeout, gate.otherwise, facts);
    default:
      return assertNever(gate);
  }
}

function waitAtGate(
  step: Step,
  timeout: Step["deadline"],
  otherwise: "proceed" | "revert",
  facts: Facts,
): Move {
  const hold = holdFor(facts, "gate", timeout, otherwise);
  return verdict({
    dir: "forward",
    of: step.id,
    result: "inconclusive",
    then: "hold",
    hold,
    facts: { summary: `waiting for ${step.reason}` },
  });
}
