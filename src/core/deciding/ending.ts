import type { Deployment } from "../deployment.ts";
import type { Step } from "../plan.ts";
import { WRITE_DEADLINE } from "../planning/steps.ts";
import type { Cause } from "../units.ts";
import { OPERATOR_WAIT, holdFor, verdict, type Facts, type Move } from "./moves.ts";

/** Whatever was borrowed goes back first: every ending does it, and says so when it could not. */
export function ending(
  deployment: Deployment,
  facts: Facts,
  outcome: "done" | "reverted" | "undecided",
  cause: Cause | undefined,
): Move {
  const [borrowed] = deployment.borrowed;
  if (borrowed === undefined) return { move: "end", outcome, ...(cause === undefined ? {} : { cause }) };
  const { state } = deployment;
  // A wait that ran out tries from its end on; a process that comes later has its own time.
  const tried = state.is === "waiting" ? Math.min(facts.elapsed, facts.now - state.until) : facts.elapsed;
  if (tried < WRITE_DEADLINE) {
    return { move: "call", step: "restore-at-end", expect: "any", call: { call: "restore", borrowed } };
  }
  const message = `${borrowed.what} of ${borrowed.slot} could not be put back; it was ${borrowed.original}`;
  return { move: "end", outcome: "undecided", cause: { code: "TEAL-D104", message } };
}

/** Settling has an end too: then a person has to look, and is told why. */
export function settledInTime(
  move: Move,
  dir: "forward" | "back",
  step: Step | undefined,
  deployment: Deployment,
  facts: Facts,
): Move {
  if (move.move === "journal") return move;
  const enough = (step === undefined ? WRITE_DEADLINE : step.deadline) + facts.settle + facts.bound;
  if (facts.elapsed < enough) return move;
  const cause: Cause = deployment.rejected?.cause ?? {
    code: "TEAL-D109",
    message: "how an earlier write ended cannot be found out, so it may still take effect",
  };
  if (step === undefined) return ending(deployment, facts, "undecided", cause);
  const common = { dir, of: step.id, cause, facts: { summary: cause.message } } as const;
  if (dir === "forward" && step.otherwise === "revert")
    return verdict({ ...common, result: "fail", then: "back" });
  return verdict({
    ...common,
    result: "inconclusive",
    then: "hold",
    hold: holdFor(facts, "operator", OPERATOR_WAIT, "stop"),
  });
}
