import type { Guard, Step } from "../plan.ts";
import { mayReceive } from "../routing.ts";
import type { Slot } from "../units.ts";

/**
 * What is watched beside the steps: the candidate's crashes from its start on, since a replica that keeps crashing
 * never becomes ready and waiting for the deadline helps nobody; its checks and its users' errors from its first share
 * of traffic on; all until the bake is over. The checks are asked of replicas that passed a probe before, so replicas
 * of a later batch that are still starting do not fail the guard.
 */
export function guardsFor(candidate: Slot, steps: readonly Step[]): readonly Guard[] {
  const start = steps.find((step) => step.do === "ensure" && step.slot === candidate);
  const raise = steps.find((step) => step.do === "shift" && mayReceive(step.to, candidate));
  const end = steps.findLast((step) => step.do === "bake");
  if (start === undefined || raise === undefined || end === undefined) {
    throw new Error("a plan without start, shift or bake of its candidate");
  }
  const guard = (watch: Guard["watch"], from: Step): Guard => {
    return { id: `guard-${watch}-${candidate}`, watch, slot: candidate, from: from.id, to: end.id };
  };
  return [guard("crashLoop", start), guard("checks", raise), guard("errors", raise)];
}
