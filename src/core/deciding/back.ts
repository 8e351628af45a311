import { currentStep, destination, type Deployment } from "../deployment.ts";
import { readyReplicas } from "../observed.ts";
import { revertPlan } from "../planning/revert.ts";
import { WRITE_DEADLINE } from "../planning/steps.ts";
import { allTo, mayReceive, sameWeights } from "../routing.ts";
import type { Cause, IntentId } from "../units.ts";
import { ending, settledInTime } from "./ending.ts";
import { look, type Facts, type Move } from "./moves.ts";
import { ifStillRight, performing } from "./perform.ts";
import { lingering, settleInFlight, settleLingering } from "./settle.ts";
import { describeWeights } from "./shift.ts";

export function back(deployment: Deployment, facts: Facts): Move {
  const { course, plan } = deployment;
  if (course.back === undefined) {
    const steps = revertPlan({ plan, observed: facts.observed, touched: deployment.touched });
    const because =
      deployment.abortedBy === undefined
        ? (deployment.cause?.message ?? "going back")
        : `asked by ${deployment.abortedBy}`;
    return { move: "journal", event: { kind: "replanned", dir: "back", steps, from: 0, because } };
  }
  const step = currentStep(deployment);
  const inFlight = settleInFlight(deployment, facts);
  // Taking traffic back is always right; stopping something is so only while nothing goes there.
  const doubtful = inFlight?.move === "perform" && !isShift(inFlight.intent, deployment);
  if (inFlight !== undefined)
    return settledInTime(
      doubtful ? ifStillRight("back", inFlight, deployment, facts) : inFlight,
      "back",
      step,
      deployment,
      facts,
    );
  if (step !== undefined && mayStopDestination(deployment, facts)) return { move: "reclaim" };
  // Traffic first, its proof with it. Before anything is taken away, nothing may be in transit that puts it back.
  const lingers =
    step !== undefined && (step.do === "ensure" || step.do === "shift" || step.do === "confirm")
      ? undefined
      : settleLingering(deployment, facts);
  if (lingers !== undefined) return settledInTime(lingers, "back", step, deployment, facts);
  const again = baselineWins(deployment, facts);
  if (again !== undefined) return again;
  if (step === undefined) return endBack(deployment, facts);
  return performing("back", step, deployment, facts);
}

function isShift(intent: IntentId, deployment: Deployment): boolean {
  return deployment.open.some((each) => each.intent === intent && each.call.call === "shift");
}

/** So often the way back begins again when somebody else moves the traffic; then a person has to say who is right. */
const BACK_AGAIN = 5;

/**
 * Going back, the baseline wins: when somebody moved the traffic after it was proven to be back, it is taken back once
 * more before anything is stopped. A read that may still show the past proves nothing.
 */
function baselineWins(deployment: Deployment, facts: Facts): Move | undefined {
  const { state, course, plan } = deployment;
  const { routing, slots } = facts.observed;
  const slot = destination(plan);
  if (
    state.is !== "running" ||
    course.back === undefined ||
    slot === undefined ||
    routing.is === "unreadable"
  )
    return undefined;
  const from = course.back.findIndex((step) => step.do === "shift" || step.do === "confirm");
  const proven = course.back.findLastIndex((step) => step.do === "confirm");
  if (state.step <= proven || deployment.backAgain >= BACK_AGAIN) return undefined;
  if (facts.fencing === "checked" && facts.sinceWrite < facts.settle) return undefined;
  if (sameWeights(routing.value.weights, allTo(slot))) return undefined;
  const there = slots[slot];
  if (there.is === "unreadable" || readyReplicas(there.value).length === 0) return undefined;
  const because = `traffic was moved by somebody else (${describeWeights(routing.value.weights)}); it goes back to ${slot}`;
  return { move: "journal", event: { kind: "replanned", dir: "back", steps: course.back, from, because } };
}

/**
 * A retire in transit to the very slot that traffic is about to go back to is shut out first, where that takes but a
 * claim: it would stop what serves. Elsewhere `confirm` lets the slot grow again.
 */
function mayStopDestination(deployment: Deployment, facts: Facts): boolean {
  const slot = destination(deployment.plan);
  if (facts.fencing !== "atomic" || !facts.claimed || facts.elapsed >= facts.bound) return false;
  return lingering(deployment).some(
    (each) => each.call.call === "retire" && each.call.slot === slot && each.fence >= deployment.fence,
  );
}

/** Back where it was, or as near as it could get: a candidate that still has the traffic is not `reverted`. */
function endBack(deployment: Deployment, facts: Facts): Move {
  const { routing } = facts.observed;
  const { candidate, baseline } = deployment.plan;
  if (routing.is === "unreadable") {
    if (facts.elapsed < WRITE_DEADLINE) return look(`cannot read the router: ${routing.cause.message}`);
    return ending(deployment, facts, "undecided", {
      code: "TEAL-B303",
      message: `who serves cannot be seen: ${routing.cause.message}`,
    });
  }
  const stays = baseline.serving !== candidate.slot && mayReceive(routing.value.weights, candidate.slot);
  if (!stays) return ending(deployment, facts, "reverted", deployment.cause);
  const cause: Cause = deployment.cause ?? {
    code: "TEAL-B302",
    message: `there was nothing to go back to; ${candidate.slot} keeps the traffic`,
  };
  return ending(deployment, facts, "undecided", cause);
}
