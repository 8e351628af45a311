import type { CheckPlan } from "../checks.ts";
import type { Deployment } from "../deployment.ts";
import { readyReplicas, type SlotState } from "../observed.ts";
import type { Action, SizeRule, Step } from "../plan.ts";
import { NOBODY, sameWeights } from "../routing.ts";
import { otherSlot, sameRevision, type Cause, type Revision, type Slot } from "../units.ts";
import {
  OPERATOR_WAIT,
  holdFor,
  look,
  overdue,
  pass,
  unreadable,
  verdict,
  type Facts,
  type Move,
} from "./moves.ts";

type Direction = "forward" | "back";

/** What the live side is told to have right now; its baseline once this deployment has begun to take from it. */
export function liveSize(deployment: Deployment, facts: Facts): number {
  const { candidate, baseline, request } = deployment.plan;
  const live = otherSlot(candidate.slot);
  if (baseline.serving === "nobody") return request.replicas;
  const seen = facts.observed.slots[live];
  const before = baseline.slots[live].wanted;
  if (deployment.touched.includes(live) || seen.is === "unreadable") return before;
  return Math.max(seen.value.wanted, 1);
}

/** Resolves a size rule at the moment the step is performed. */
export function sizeOf(rule: SizeRule, deployment: Deployment, facts: Facts): number {
  switch (rule.rule) {
    case "matchLive":
      return liveSize(deployment, facts);
    case "fixed":
      return rule.replicas;
    case "part": {
      const whole = Math.max(
        deployment.plan.baseline.slots[otherSlot(deployment.plan.candidate.slot)].wanted,
        1,
      );
      return Math.ceil((whole * rule.done) / rule.of);
    }
    default: {
      const never: never = rule;
      return never;
    }
  }
}

/**
 * Before a write that changes slots, what the target has to hold for it (a pinned size) is journaled with the values to
 * put back. Traffic that goes back waits for no such thing.
 */
export function borrowFirst(move: Move, dir: Direction, deployment: Deployment, facts: Facts): Move {
  const holds =
    move.move === "call" &&
    (move.call.call === "ensure" ||
      move.call.call === "retire" ||
      (move.call.call === "shift" && dir === "forward"));
  if (!holds) return move;
  const lends = (["blue", "green"] as const).flatMap((slot) => {
    const seen = facts.observed.slots[slot];
    return seen.is === "seen" ? (seen.value.lends ?? []) : [];
  });
  const items = lends.filter(
    (item) => !deployment.borrowed.some((has) => has.slot === item.slot && has.what === item.what),
  );
  return items.length === 0 ? move : { move: "journal", event: { kind: "borrowed", items } };
}

/** Makes a slot run a revision at a size. Forward it waits until all are ready; going back, acceptance is enough. */
export function decideEnsure(
  dir: Direction,
  step: Step & Extract<Action, { do: "ensure" }>,
  deployment: Deployment,
  facts: Facts,
): Move {
  const seen = facts.observed.slots[step.slot];
  if (seen.is === "unreadable")
    return dir === "back"
      ? ensureBlindly(step, deployment, facts, seen.cause)
      : unreadable(dir, step, facts, seen.cause);
  const size = sizeOf(step.size, deployment, facts);
  const has = sameRevision(seen.value.revision, step.revision) && seen.value.wanted > 0;
  // What grew beyond the rule (by an autoscaler of the slot itself) is not taken back.
  const enough = has && seen.value.wanted >= size;
  if (!enough) {
    return {
      move: "call",
      step: step.id,
      expect: seen.version,
      call: ensureCall(step.slot, step, size, deployment.plan.request.checks),
    };
  }
  if (dir === "back" || step.wait === false)
    return pass(dir, step, `${step.slot} told to have ${seen.value.wanted}`);
  return awaitReady(step, seen.value, facts);
}

/** Going back writes: the slot is told once, whatever it has, and the shift after it looks for what is ready. */
function ensureBlindly(
  step: Step & Extract<Action, { do: "ensure" }>,
  deployment: Deployment,
  facts: Facts,
  cause: Cause,
): Move {
  if (facts.elapsed < facts.bound) return look(`cannot read ${step.slot}: ${cause.message}`);
  if (facts.sinceWrite < facts.elapsed) return pass("back", step, `${step.slot} told to grow, unseen`);
  const size = sizeOf(step.size, deployment, facts);
  return {
    move: "call",
    step: step.id,
    expect: "any",
    call: ensureCall(step.slot, step, size, deployment.plan.request.checks),
  };
}

export function ensureCall(
  slot: Slot,
  of: { readonly revision: Revision },
  replicas: number,
  checks: CheckPlan,
) {
  return { call: "ensure", slot, want: { revision: of.revision, replicas, checks } } as const;
}

function awaitReady(step: Step & Extract<Action, { do: "ensure" }>, seen: SlotState, facts: Facts): Move {
  const hopeless = (seen.stuck?.sure === true ? seen.stuck.cause : undefined) ?? crashedReplica(seen);
  if (hopeless !== undefined) {
    return verdict({
      dir: "forward",
      of: step.id,
      result: "fail",
      then: "back",
      cause: hopeless,
      facts: { summary: hopeless.message },
    });
  }
  const ready = readyReplicas(seen).filter(
    (each) => each.revision === undefined || sameRevision(each.revision, step.revision),
  ).length;
  const summary = `${step.slot} ${ready}/${seen.wanted} replicas`;
  if (seen.settled && ready >= seen.wanted) return pass("forward", step, summary);
  const why = seen.stuck === undefined ? "" : `: ${seen.stuck.cause.message}`;
  if (facts.elapsed < step.deadline) return look(`${summary}${why}`);
  const cause: Cause = {
    code: "TEAL-H106",
    message: `${summary} ready after ${Math.round(step.deadline / 1000)} s${why}`,
    ...(seen.stuck?.cause.evidence === undefined ? {} : { evidence: seen.stuck.cause.evidence }),
  };
  return overdue("forward", step, facts, cause, `${summary}${why}`);
}

/** A replica that ended is a verdict by itself: nobody has to wait for a deadline to know it. */
export function crashedReplica(seen: SlotState): Cause | undefined {
  const replica = seen.replicas.find(
    (each) => each.phase === "crashLoop" || each.phase === "exited" || each.restarts > 0,
  );
  if (replica === undefined) return undefined;
  const how = replica.exit === undefined ? "" : ` (${replica.exit.signal ?? `exit ${replica.exit.code}`})`;
  return { code: "TEAL-H103", message: `${replica.id} crashed${how}, ${replica.restarts} restarts` };
}

/** Waits until the slot has nothing in flight, or the cap passed. Only a slot that gets nothing new can drain. */
export function decideDrain(
  dir: Direction,
  step: Step & Extract<Action, { do: "drain" }>,
  facts: Facts,
): Move {
  const still = stillRouted(dir, step, step.slot, facts);
  if (still !== undefined) return still;
  const inFlight = facts.residual?.is === "seen" ? facts.residual.value.inFlight : undefined;
  if (inFlight === 0) return pass(dir, step, `${step.slot}: 0 in flight`);
  if (facts.elapsed < step.cap) return look(`${step.slot}: ${inFlight ?? "unknown"} in flight`);
  return pass(
    dir,
    step,
    `${step.slot}: cap of ${Math.round(step.cap / 1000)} s passed, ${inFlight ?? "unknown"} in flight`,
  );
}

/** Leaves `keep` replicas. A whole slot is stopped only when the router says that nothing goes there. */
export function decideRetire(
  dir: Direction,
  step: Step & Extract<Action, { do: "retire" }>,
  deployment: Deployment,
  facts: Facts,
): Move {
  const seen = facts.observed.slots[step.slot];
  if (seen.is === "unreadable") return unreadable(dir, step, facts, seen.cause);
  const keep = sizeOf(step.keep, deployment, facts);
  if (keep === 0) {
    const still = stillRouted(dir, step, step.slot, facts);
    const last = still ?? lastReady(dir, step, deployment, seen.value, facts);
    if (last !== undefined) return last;
  }
  if (seen.value.wanted > keep) {
    return {
      move: "call",
      step: step.id,
      expect: seen.version,
      call: { call: "retire", slot: step.slot, keep },
    };
  }
  // What exited is only a record.
  const left = seen.value.replicas.filter((each) => each.phase !== "exited").length;
  if (left <= keep) return pass(dir, step, keep === 0 ? `${step.slot} stopped` : `${step.slot} ${left} left`);
  if (facts.elapsed < step.deadline) return look(`${step.slot}: ${left - keep} stopping`);
  const cause: Cause = { code: "TEAL-H104", message: `${step.slot}: ${left - keep} replicas did not stop` };
  return overdue(dir, step, facts, cause, cause.message);
}

/**
 * The last slot that is ready stays, whatever the plan says: it is all there is to go back to. Where nobody was served
 * before, or nobody is by plan (recreate), nothing is taken away.
 */
function lastReady(
  dir: Direction,
  step: Step & Extract<Action, { do: "retire" }>,
  deployment: Deployment,
  seen: SlotState,
  facts: Facts,
): Move | undefined {
  if (deployment.plan.baseline.serving === "nobody" || readyReplicas(seen).length === 0) return undefined;
  if (sameWeights(deployment.expected.weights, NOBODY)) return undefined;
  const name = otherSlot(step.slot);
  const other = facts.observed.slots[name];
  if (other.is === "seen" && readyReplicas(other.value).length > 0) return undefined;
  if (facts.elapsed < facts.bound) return look(`${name} to be ready before ${step.slot} stops`);
  const state = other.is === "seen" ? "has nothing ready" : "cannot be read";
  const cause: Cause = {
    code: "TEAL-D108",
    message: `${step.slot} is the last slot that is ready: ${name} ${state}`,
  };
  return verdict({
    dir,
    of: step.id,
    result: "inconclusive",
    then: "hold",
    cause,
    facts: { summary: cause.message },
    hold: holdFor(facts, "operator", OPERATOR_WAIT, "stop"),
  });
}

/** Nothing may be stopped on a guess: traffic to the slot, or a router that cannot be read, makes it wait. */
function stillRouted(dir: Direction, step: Step, slot: Slot, facts: Facts): Move | undefined {
  const { routing } = facts.observed;
  if (routing.is === "unreadable") return unreadable(dir, step, facts, routing.cause);
  const { weights } = routing.value;
  if (weights !== "pool" && weights[slot] === 0) return undefined;
  if (facts.elapsed < Math.max(facts.settle, facts.bound))
    return look(`the router still sends traffic to ${slot}`);
  const cause: Cause = {
    code: "TEAL-D101",
    message: `the router sends traffic to ${slot}, which was to be stopped`,
  };
  return verdict({
    dir,
    of: step.id,
    result: "inconclusive",
    then: "hold",
    cause,
    facts: { summary: cause.message },
    hold: holdFor(facts, "operator", OPERATOR_WAIT, "stop"),
  });
}
