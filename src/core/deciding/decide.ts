import type { Call } from "../calls.ts";
import { currentStep, destination, type Deployment } from "../deployment.ts";
import { readyReplicas } from "../observed.ts";
import type { Action, Step } from "../plan.ts";
import { canonicalJson } from "../planning/canonical.ts";
import { revertPlan } from "../planning/revert.ts";
import { WRITE_DEADLINE } from "../planning/steps.ts";
import { allTo, mayReceive, sameWeights } from "../routing.ts";
import { SLOTS, assertNever, millis, type Cause, type IntentId } from "../units.ts";
import { decideBake, decideWatch, isOpen } from "./bake.ts";
import { decideConfirm } from "./confirm.ts";
import { decideDrift } from "./drift.ts";
import { decideGuards, decideGuardsWaiting } from "./guards.ts";
import { decideMigrate } from "./migrate.ts";
import { OPERATOR_WAIT, holdFor, later, look, overdue, pass, unreadable, verdict, type Facts, type Move } from "./moves.ts";
import { found, lingering, settleInFlight, settleLingering } from "./settle.ts";
import { decideShift, decideShiftBack, describeWeights } from "./shift.ts";
import { borrowFirst, decideDrain, decideEnsure, decideRetire } from "./slots.ts";

/**
 * What to do next, from the journal's fold and the facts alone. The engine performs the move, journals what it saw,
 * and asks again.
 */
export function decide(deployment: Deployment, facts: Facts): Move {
  const move = decideFreely(deployment, facts);
  return deployment.course.pastNoReturn ? withoutReturn(move, facts) : move;
}

/** Beyond the point of no return nothing turns round by itself: what would go back waits for a person. */
function withoutReturn(move: Move, facts: Facts): Move {
  if (move.move !== "journal" || move.event.kind !== "verdict" || move.event.dir === "back") return move;
  const { event } = move;
  const hold = holdFor(facts, "operator", OPERATOR_WAIT, "stop");
  if (event.then === "back") return verdict({ ...event, then: "hold", hold });
  return event.hold?.otherwise === "revert" ? verdict({ ...event, hold: { ...event.hold, otherwise: "stop" } }) : move;
}

function decideFreely(deployment: Deployment, facts: Facts): Move {
  const { state } = deployment;
  switch (state.is) {
    case "finished":
      return look("finished");
    case "warm":
      return facts.now >= state.until ? endWarm(deployment) : { move: "rest", until: state.until };
    case "waiting":
      return decideWaiting(deployment, state, facts);
    case "running":
      return state.dir === "forward" ? forward(deployment, facts) : back(deployment, facts);
    default:
      return assertNever(state);
  }
}

function forward(deployment: Deployment, facts: Facts): Move {
  const step = currentStep(deployment);
  // Guards first: a candidate that fails is left at once, whatever else is still open.
  const guard = decideGuards(deployment, facts);
  if (guard !== undefined) return guard;
  const settling = settleInFlight(deployment, facts) ?? settleLingering(deployment, facts);
  if (settling !== undefined) return settledInTime(settling.move === "perform" ? ifStillRight("forward", settling, deployment, facts) : settling, "forward", step, deployment, facts);
  if (deployment.driftAccepted) return acceptDrift(deployment, facts);
  const drift = decideDrift(deployment, facts);
  if (drift !== undefined) return drift;
  if (step === undefined) return ending(deployment, facts, "done", undefined);
  return performing("forward", step, deployment, facts);
}

/**
 * A write that was decided and not performed waited for a lease, a store or another process: what was right then (a
 * passed check, a clean rehearsal) may be so no longer. It is performed now only if it would be decided again.
 */
function ifStillRight(dir: "forward" | "back", move: Extract<Move, { move: "perform" }>, deployment: Deployment, facts: Facts): Move {
  const step = currentStep(deployment);
  const intent = deployment.open.find((each) => each.intent === move.intent);
  if (step === undefined || intent === undefined) return move;
  const anew = decideStep(dir, step, deployment, facts);
  const same = anew.move === "call" && canonicalJson(anew.call) === canonicalJson(intent.call);
  return same ? { ...move, expect: anew.expect } : found(intent, false);
}

function back(deployment: Deployment, facts: Facts): Move {
  const { course, plan } = deployment;
  if (course.back === undefined) {
    const steps = revertPlan({ plan, observed: facts.observed, touched: deployment.touched });
    const because = deployment.abortedBy === undefined ? (deployment.cause?.message ?? "going back") : `asked by ${deployment.abortedBy}`;
    return { move: "journal", event: { kind: "replanned", dir: "back", steps, from: 0, because } };
  }
  const step = currentStep(deployment);
  const inFlight = settleInFlight(deployment, facts);
  // Taking traffic back is always right; stopping something is so only while nothing goes there.
  const doubtful = inFlight?.move === "perform" && !isShift(inFlight.intent, deployment);
  if (inFlight !== undefined) return settledInTime(doubtful ? ifStillRight("back", inFlight, deployment, facts) : inFlight, "back", step, deployment, facts);
  if (step !== undefined && mayStopDestination(deployment, facts)) return { move: "reclaim" };
  // Traffic first, its proof with it. Before anything is taken away, nothing may be in transit that puts it back.
  const lingers = step !== undefined && (step.do === "ensure" || step.do === "shift" || step.do === "confirm") ? undefined : settleLingering(deployment, facts);
  if (lingers !== undefined) return settledInTime(lingers, "back", step, deployment, facts);
  const again = baselineWins(deployment, facts);
  if (again !== undefined) return again;
  if (step === undefined) return endBack(deployment, facts);
  return performing("back", step, deployment, facts);
}

/** Settling has an end too: then a person has to look, and is told why. */
function settledInTime(move: Move, dir: "forward" | "back", step: Step | undefined, deployment: Deployment, facts: Facts): Move {
  if (move.move === "journal") return move;
  const enough = (step === undefined ? WRITE_DEADLINE : step.deadline) + facts.settle + facts.bound;
  if (facts.elapsed < enough) return move;
  const cause: Cause = deployment.rejected?.cause ?? { code: "TEAL-D109", message: "how an earlier write ended cannot be found out, so it may still take effect" };
  if (step === undefined) return ending(deployment, facts, "undecided", cause);
  const common = { dir, of: step.id, cause, facts: { summary: cause.message } } as const;
  if (dir === "forward" && step.otherwise === "revert") return verdict({ ...common, result: "fail", then: "back" });
  return verdict({ ...common, result: "inconclusive", then: "hold", hold: holdFor(facts, "operator", OPERATOR_WAIT, "stop") });
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
  if (state.is !== "running" || course.back === undefined || slot === undefined || routing.is === "unreadable") return undefined;
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
  return lingering(deployment).some((each) => each.call.call === "retire" && each.call.slot === slot && each.fence >= deployment.fence);
}

function isShift(intent: IntentId, deployment: Deployment): boolean {
  return deployment.open.some((each) => each.intent === intent && each.call.call === "shift");
}

/** Back where it was, or as near as it could get: a candidate that still has the traffic is not `reverted`. */
function endBack(deployment: Deployment, facts: Facts): Move {
  const { routing } = facts.observed;
  const { candidate, baseline } = deployment.plan;
  if (routing.is === "unreadable") {
    if (facts.elapsed < WRITE_DEADLINE) return look(`cannot read the router: ${routing.cause.message}`);
    return ending(deployment, facts, "undecided", { code: "TEAL-B303", message: `who serves cannot be seen: ${routing.cause.message}` });
  }
  const stays = baseline.serving !== candidate.slot && mayReceive(routing.value.weights, candidate.slot);
  if (!stays) return ending(deployment, facts, "reverted", deployment.cause);
  const cause: Cause = deployment.cause ?? { code: "TEAL-B302", message: `there was nothing to go back to; ${candidate.slot} keeps the traffic` };
  return ending(deployment, facts, "undecided", cause);
}

function sameCall(a: Call, b: Call): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** Whatever was borrowed goes back first: every ending does it, and says so when it could not. */
function ending(deployment: Deployment, facts: Facts, outcome: "done" | "reverted" | "undecided", cause: Cause | undefined): Move {
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

/**
 * Writes are not tried for ever: a definite refusal ends a step forward at once, and every other reason for trying
 * again (a conflict, a busy target) ends at the step's deadline.
 */
function inTime(move: Move, dir: "forward" | "back", step: Step, deployment: Deployment, facts: Facts): Move {
  if (move.move !== "call") return move;
  if (facts.justWritten !== undefined && sameCall(facts.justWritten, move.call)) return look("the last write to show");
  const refused = deployment.rejected?.step === step.id ? deployment.rejected : undefined;
  if (refused !== undefined && dir === "forward" && !refused.transient) {
    return overdue(dir, step, facts, refused.cause, refused.cause.message);
  }
  if (facts.elapsed < step.deadline + facts.bound) {
    // Until the target took this lease's fence, an earlier holder's write may be in transit. Going back writes all the same.
    return facts.claimed || dir === "back" ? move : look("the target to accept the lease");
  }
  const cause = refused?.cause ?? { code: "TEAL-D105", message: `no chance to write within ${Math.round(step.deadline / 1000)} s: ${step.reason}` };
  return overdue(dir, step, facts, cause, cause.message);
}

/** What the step wants to do, if it may: in time, and with what it needs held. */
function performing(dir: "forward" | "back", step: Step, deployment: Deployment, facts: Facts): Move {
  return borrowFirst(inTime(decideStep(dir, step, deployment, facts), dir, step, deployment, facts), dir, deployment, facts);
}

function decideStep(dir: "forward" | "back", step: Step, deployment: Deployment, facts: Facts): Move {
  switch (step.do) {
    case "ensure":
      return decideEnsure(dir, step, deployment, facts);
    case "probe":
      return decideProbe(step, facts);
    case "gate":
      return decideGate(step, deployment, facts);
    case "shift":
      return dir === "forward" ? decideShift(step, deployment, facts) : decideShiftBack(step, deployment, facts);
    case "confirm":
      return decideConfirm(dir, step, deployment, facts);
    case "bake":
      return decideBake(step, deployment, facts);
    case "restore":
      return decideRestore(dir, step, deployment);
    case "warm":
      return warm(step, facts);
    case "drain":
      return decideDrain(dir, step, facts);
    case "retire":
      return decideRetire(dir, step, deployment, facts);
    case "migrate":
      return decideMigrate(step, deployment, facts);
    default:
      return assertNever(step);
  }
}

function decideProbe(step: Step & Extract<Action, { do: "probe" }>, facts: Facts): Move {
  const judgement = facts.health;
  if (judgement === undefined || judgement.decision === "undecided") return { move: "checks", slot: step.slot, for: "step" };
  const evidence = { summary: judgement.summary, samples: judgement.failing };
  const common = { dir: "forward", of: step.id, facts: evidence } as const;
  const cause: Cause = judgement.cause ?? { code: "TEAL-H101", message: judgement.summary };
  switch (judgement.decision) {
    case "pass":
      return verdict({ ...common, result: "pass", then: "next", passed: { slot: step.slot, incarnations: judgement.passed } });
    case "fail":
      return verdict({ ...common, result: "fail", then: "back", cause });
    case "inconclusive":
      return verdict({ ...common, result: "inconclusive", then: "hold", cause, hold: holdFor(facts, "outage", OPERATOR_WAIT, "revert") });
    default:
      return assertNever(judgement.decision);
  }
}

function decideGate(step: Step & Extract<Action, { do: "gate" }>, deployment: Deployment, facts: Facts): Move {
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

function waitAtGate(step: Step, timeout: Step["deadline"], otherwise: "proceed" | "revert", facts: Facts): Move {
  const hold = holdFor(facts, "gate", timeout, otherwise);
  return verdict({ dir: "forward", of: step.id, result: "inconclusive", then: "hold", hold, facts: { summary: `waiting for ${step.reason}` } });
}

function decideRestore(dir: "forward" | "back", step: Step, deployment: Deployment): Move {
  const [borrowed] = deployment.borrowed;
  if (borrowed === undefined) return pass(dir, step, "nothing is held");
  return { move: "call", step: step.id, expect: "any", call: { call: "restore", borrowed } };
}

function warm(step: Step & Extract<Action, { do: "warm" }>, facts: Facts): Move {
  if (step.for === 0) return pass("forward", step, "not kept");
  const hold = { for: "operator", until: later(facts.now, step.for), otherwise: "proceed" } as const;
  return verdict({ dir: "forward", of: step.id, result: "pass", then: "hold", hold, facts: { summary: `${step.slot} kept warm` } });
}

function endWarm(deployment: Deployment): Move {
  const step = currentStep(deployment);
  return step === undefined ? look("finished") : pass("forward", step, "no longer kept warm");
}

type Waiting = Extract<Deployment["state"], { is: "waiting" }>;

/** A wait ends by being answered (in `transition`), by what it waits for, or by its deadline's default answer. */
function decideWaiting(deployment: Deployment, state: Waiting, facts: Facts): Move {
  const step = currentStep(deployment);
  if (step === undefined) return ending(deployment, facts, "undecided", deployment.cause);
  const over = facts.now >= state.until;
  const noAnswer: Cause = deployment.held ?? deployment.cause ?? { code: "TEAL-D103", message: `waiting for ${state.for} ended without an answer` };
  const answer = (then: "next" | "back" | "again", result: "pass" | "fail" | "inconclusive", summary: string, cause?: Cause) =>
    verdict({ dir: state.dir, of: step.id, result, then, facts: { summary }, ...(cause === undefined ? {} : { cause }) });
  const guard = over ? undefined : decideGuardsWaiting(deployment, facts);
  if (guard !== undefined) return guard;
  if (!over) return isOver(deployment, state, step, facts) ? answer(step.do === "gate" && state.for === "gate" ? "next" : "again", "pass", "goes on") : rest(deployment, state);
  switch (state.otherwise) {
    case "proceed":
      return answer("next", "inconclusive", "nobody answered in time; the plan says to go on");
    case "revert":
      if (deployment.course.pastNoReturn) return ending(deployment, facts, "undecided", noAnswer);
      return answer("back", "inconclusive", "nobody answered in time; the plan says to go back", noAnswer);
    case "stop":
      return ending(deployment, facts, "undecided", noAnswer);
    default:
      return assertNever(state.otherwise);
  }
}

/** What is waited for has come about by itself. A person's decision never does. */
function isOver(deployment: Deployment, state: Waiting, step: Step, facts: Facts): boolean {
  if (!canEndByItself(deployment)) return false;
  const readable = facts.observed.routing.is === "seen" && SLOTS.every((slot) => facts.observed.slots[slot].is === "seen");
  switch (state.for) {
    case "gate":
      return step.do === "gate" && step.gate.gate === "schedule" && isOpen(step.gate, facts.now);
    case "unreadable":
      return readable;
    case "outage":
      return readable && facts.steady?.decision === "pass";
    case "operator":
      return obstacleGone(deployment, state, step, facts);
    case "drift":
      return false;
    default:
      return assertNever(state.for);
  }
}

/** Causes of holds that were only seen, never answered by the target: they can go as they came. */
const OBSTACLES: readonly string[] = ["TEAL-B301", "TEAL-D101", "TEAL-D108", "TEAL-M901", "TEAL-M902", "TEAL-M903", "TEAL-R101"];

/** The step could go on now. A write that was refused is not tried again by itself. */
function obstacleGone(deployment: Deployment, state: Waiting, step: Step, facts: Facts): boolean {
  if (!OBSTACLES.includes(deployment.held?.code ?? "")) return false;
  const anew = decideStep(state.dir, step, deployment, { ...facts, elapsed: millis(0) });
  return anew.move === "call" || (anew.move === "journal" && anew.event.kind === "verdict" && anew.event.then === "next");
}

/** Waits that the world may end at any moment are looked at; for a gate, whoever does not stay need not. */
function rest(deployment: Deployment, state: Waiting): Move {
  return state.for !== "gate" && canEndByItself(deployment) ? look(`waiting: ${state.for}`) : { move: "rest", until: state.until };
}

/** A step whose waits came and went so often has a world that flutters: the next one lasts until its deadline. */
const AGAINS = 10;

/** Whether the present wait can end without anybody's answer. */
export function canEndByItself(deployment: Deployment): boolean {
  const { state } = deployment;
  if (state.is !== "waiting" || deployment.agains >= AGAINS) return false;
  const step = currentStep(deployment);
  switch (state.for) {
    case "unreadable":
    case "outage":
      return true;
    case "operator":
      return OBSTACLES.includes(deployment.held?.code ?? "");
    case "gate":
      return step?.do === "gate" && step.gate.gate === "schedule";
    case "drift":
      return false;
    default:
      return assertNever(state.for);
  }
}

/** The operator looked and said that what is there is right: it becomes what is expected. */
function acceptDrift(deployment: Deployment, facts: Facts): Move {
  const { routing, slots } = facts.observed;
  const { state, course, expected } = deployment;
  const step = currentStep(deployment);
  if (routing.is === "unreadable" && step !== undefined) return unreadable("forward", step, facts, routing.cause);
  if (routing.is === "unreadable" || state.is !== "running") return look("the router to be read");
  const revision = (slot: "blue" | "green") => {
    const seen = slots[slot];
    return seen.is === "seen" && seen.value.wanted > 0 ? (seen.value.revision ?? "empty") : expected.revisions[slot];
  };
  return {
    move: "journal",
    event: {
      kind: "replanned", dir: "forward", steps: course.forward, from: state.step, because: "drift accepted",
      seen: { weights: routing.value.weights, revisions: { blue: revision("blue"), green: revision("green") } },
    },
  };
}
