import type { Deployment } from "../deployment.ts";
import { destination } from "../deployment.ts";
import { readyReplicas } from "../observed.ts";
import type { Action, Step } from "../plan.ts";
import { allTo, sameWeights, shareOf, type Shares, type Weights } from "../routing.ts";
import { SLOTS, otherSlot, sameRevision, type Cause, type Revision, type Slot } from "../units.ts";
import {
  look,
  overdue,
  pass,
  unreadable,
  verdict,
  OPERATOR_WAIT,
  holdFor,
  type Facts,
  type Move,
} from "./moves.ts";
import { ensureCall, liveSize } from "./slots.ts";

type ShiftStep = Step & Extract<Action, { do: "shift" }>;

/** Forward: raise a weight only for replicas that passed, the same ones, a short while ago, and enough of them. */
export function decideShift(step: ShiftStep, deployment: Deployment, facts: Facts): Move {
  const { routing } = facts.observed;
  if (routing.is === "unreadable") return unreadable("forward", step, facts, routing.cause);
  if (sameWeights(routing.value.weights, step.to)) return pass("forward", step, describeWeights(step.to));
  for (const slot of raised(routing.value.weights, step.to)) {
    const first = fitToServe(slot, step, deployment, facts);
    if (first !== undefined) return first;
  }
  return { move: "call", step: step.id, expect: routing.version, call: { call: "shift", to: step.to } };
}

/** Slots whose share grows. */
export function raised(from: Weights, to: Weights): readonly Slot[] {
  return SLOTS.filter((slot) => {
    if (to === "pool") return from !== "pool" && from[slot] === 0;
    // In a pool nobody knows a slot's share, so leaving it counts as raising.
    return from === "pool" ? to[slot] > 0 : to[slot] > from[slot];
  });
}

function fitToServe(slot: Slot, step: ShiftStep, deployment: Deployment, facts: Facts): Move | undefined {
  const seen = facts.observed.slots[slot];
  if (seen.is === "unreadable") return unreadable("forward", step, facts, seen.cause);
  // Somebody may have put something else there a moment ago: traffic is for what this deployment knows, nothing else.
  const should = deployment.expected.revisions[slot];
  const runs = (revision: Revision | undefined) => should !== "empty" && sameRevision(revision, should);
  const ready = readyReplicas(seen.value).filter((each) => runs(each.revision ?? seen.value.revision));
  const needed = replicasFor(slot, step.to, deployment, facts);
  if (ready.length < needed) {
    if (facts.elapsed >= step.deadline) {
      const cause: Cause = {
        code: "TEAL-H105",
        message: `${slot} has ${ready.length} of ${needed} ready replicas for ${describeWeights(step.to)}`,
      };
      return overdue("forward", step, facts, cause, cause.message);
    }
    if (seen.value.wanted >= needed || should === "empty" || !runs(seen.value.revision))
      return look(`${slot} ${ready.length}/${needed} ready`);
    return {
      move: "call",
      step: step.id,
      expect: seen.version,
      call: ensureCall(slot, { revision: should }, needed, deployment.plan.request.checks),
    };
  }
  return freshlyPassed(
    slot,
    ready.map((each) => each.incarnation),
    deployment,
    facts,
  )
    ? undefined
    : checkAgain(slot, step, deployment, facts);
}

/** Replicas a slot needs to carry its share of what live carries; in a pool each brings its own. */
function replicasFor(slot: Slot, to: Weights, deployment: Deployment, facts: Facts): number {
  if (to === "pool") return 1;
  if (slot !== deployment.plan.candidate.slot) return 1;
  return Math.max(1, Math.ceil((liveSize(deployment, facts) * to[slot]) / 100));
}

function freshlyPassed(
  slot: Slot,
  incarnations: readonly string[],
  deployment: Deployment,
  facts: Facts,
): boolean {
  const passed = deployment.passed[slot];
  if (passed === undefined) return false;
  // Another process's pass has an age only by the wall clock, which may have jumped: it is asked for again.
  const age = facts.passedAgo === undefined ? facts.now - passed.at : (facts.passedAgo[slot] ?? Infinity);
  const { strategy, checks } = deployment.plan.request;
  if (age < 0 || age > strategy.freshness) return false;
  const proven = incarnations.filter((each) => passed.incarnations.includes(each)).length;
  return (
    proven >=
    (checks.minHealthy === "all"
      ? incarnations.length
      : Math.min(incarnations.length, Math.max(1, checks.minHealthy)))
  );
}

/** What passed may be long ago (a gate of two hours), or another life of the replica: ask again before raising. */
function checkAgain(slot: Slot, step: ShiftStep, deployment: Deployment, facts: Facts): Move {
  const judgement = facts.health;
  if (facts.elapsed >= step.deadline + deployment.plan.request.checks.window.deadline) {
    const cause: Cause = {
      code: "TEAL-H105",
      message: `${slot} does not stay proven long enough for ${describeWeights(step.to)}: its replicas change or pass too slowly`,
    };
    return overdue("forward", step, facts, cause, cause.message);
  }
  if (judgement === undefined || judgement.decision === "undecided")
    return { move: "checks", slot, for: "step" };
  const note = {
    dir: "forward",
    of: step.id,
    facts: { summary: judgement.summary, samples: judgement.failing },
  } as const;
  if (judgement.decision === "pass") {
    return verdict({
      ...note,
      result: "pass",
      then: "note",
      passed: { slot, incarnations: judgement.passed },
    });
  }
  const cause: Cause = { code: "TEAL-H101", message: judgement.summary };
  if (judgement.decision === "fail") return verdict({ ...note, result: "fail", then: "back", cause });
  return verdict({
    ...note,
    result: "inconclusive",
    then: "hold",
    cause,
    hold: holdFor(facts, "outage", OPERATOR_WAIT, "revert"),
  });
}

/**
 * Going back: write first, ask later. Everything to the baseline's slot as soon as it can carry it; a part while it
 * grows; everything, too, when the candidate has nothing ready. An unreadable router is written to all the same.
 */
export function decideShiftBack(step: ShiftStep, deployment: Deployment, facts: Facts): Move {
  const { routing } = facts.observed;
  if (routing.is === "unreadable") {
    if (facts.elapsed < facts.bound) return look(`cannot read the router: ${routing.cause.message}`);
    return { move: "call", step: step.id, expect: "any", call: { call: "shift", to: step.to } };
  }
  const now = routing.value.weights;
  if (sameWeights(now, step.to)) return pass("back", step, describeWeights(step.to));
  const to = step.rule === "exact" ? step.to : carried(step, now, deployment, facts);
  if (to === "wait" || sameWeights(to, now))
    return growAgain(step, deployment, facts) ?? growing(step, deployment, facts);
  return { move: "call", step: step.id, expect: routing.version, call: { call: "shift", to } };
}

/** A write that was in transit when the deployment turned back may have taken replicas from where it goes back to. */
export function growAgain(step: Step, deployment: Deployment, facts: Facts): Move | undefined {
  const slot = destination(deployment.plan);
  if (slot === undefined) return undefined;
  const seen = facts.observed.slots[slot];
  const { revision, wanted } = deployment.plan.baseline.slots[slot];
  if (seen.is === "unreadable" || revision === undefined || seen.value.wanted >= wanted) return undefined;
  return {
    move: "call",
    step: step.id,
    expect: seen.version,
    call: ensureCall(slot, { revision }, wanted, deployment.plan.request.checks),
  };
}

function growing(step: ShiftStep, deployment: Deployment, facts: Facts): Move {
  const slot = destination(deployment.plan);
  const reason = `${slot ?? "nothing"} is not ready to take the traffic back`;
  if (facts.elapsed < step.deadline) return look(reason);
  return overdue(
    "back",
    step,
    facts,
    { code: "TEAL-B301", message: `${reason}; traffic stays where it is` },
    reason,
  );
}

/** As much of `to` as the ready replicas of the baseline's slot carry. */
function carried({ to }: ShiftStep, now: Weights, deployment: Deployment, facts: Facts): Weights | "wait" {
  const slot = destination(deployment.plan);
  if (slot === undefined || to === "pool") return to;
  const touched = deployment.touched.includes(slot);
  // What this deployment stopped a moment ago may still be shown as ready by a target whose reads show the past.
  const past = facts.fencing === "checked" && touched && facts.sinceWrite < facts.bound;
  const there = past ? "unreadable" : readyIn(slot, facts);
  const elsewhere = readyIn(otherSlot(slot), facts);
  // Where nothing else is ready, sending everything to a slot that may be is no loss.
  if (there === "unreadable") return touched && elsewhere !== 0 ? "wait" : to;
  const whole = Math.max(deployment.plan.baseline.slots[slot].wanted, 1);
  if (there >= whole) return to;
  if (there === 0) return "wait";
  if (elsewhere === 0) return to.blue + to.green === 100 && to[slot] === 100 ? to : allTo(slot);
  // A router that cannot divide waits for the whole: half the replicas for all the users would serve nobody well.
  if (facts.modes?.includes("weights") === false) return "wait";
  const share = Math.floor((100 * there) / whole);
  const has = now === "pool" ? 0 : now[slot];
  return share <= has ? "wait" : shareOf(slot, Math.min(share, to[slot]));
}

function readyIn(slot: Slot, facts: Facts): number | "unreadable" {
  const seen = facts.observed.slots[slot];
  return seen.is === "unreadable" ? "unreadable" : readyReplicas(seen.value).length;
}

export function describeWeights(weights: Weights): string {
  if (weights === "pool") return "both slots in one pool";
  const some = SLOTS.filter((slot) => (weights as Shares)[slot] > 0);
  return some.length === 0
    ? "nobody gets traffic"
    : some.map((slot) => `${slot} ${weights[slot]} %`).join(", ");
}
