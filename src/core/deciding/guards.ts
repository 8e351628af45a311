import type { Deployment } from "../deployment.ts";
import { exceeds, failAlike } from "../error-share.ts";
import type { Guard } from "../plan.ts";
import { mayReceive } from "../routing.ts";
import { otherSlot, type Cause } from "../units.ts";
import type { VerdictFacts } from "../journal.ts";
import { OPERATOR_WAIT, holdFor, verdict, type Facts, type Move, type Served } from "./moves.ts";
import { crashedReplica } from "./slots.ts";

/** Guards that watch at the current step. */
export function watching(deployment: Deployment): readonly Guard[] {
  const { state, course, plan } = deployment;
  const watched =
    state.is === "running" ||
    (state.is === "waiting" && (state.for === "outage" || state.for === "gate" || state.for === "history"));
  if (!watched || state.dir !== "forward") return [];
  const at = (id: string) => course.forward.findIndex((step) => step.id === id);
  return plan.guards.filter((guard) => at(guard.from) <= state.step && state.step <= at(guard.to));
}

/** The first guard with something to say. A failure sends traffic back; both slots failing alike holds. */
export function decideGuards(deployment: Deployment, facts: Facts): Move | undefined {
  for (const guard of watching(deployment)) {
    const move = decideGuard(guard, deployment, facts);
    if (move !== undefined) return move;
  }
  return undefined;
}

/**
 * Beside a wait the guards can only send traffic back: the candidate may have its share already, and what both slots
 * failed alike in may be over for the other one.
 */
export function decideGuardsWaiting(deployment: Deployment, facts: Facts): Move | undefined {
  const move = decideGuards(deployment, facts);
  // In an outage the other slot is asked all the time, and counts as well only once it has been for a whole window.
  const outage = deployment.state.is === "waiting" && deployment.state.for === "outage";
  if (move?.move === "checks" && !outage) return move;
  return move?.move === "journal" && move.event.kind === "verdict" && move.event.then === "back"
    ? move
    : undefined;
}

function decideGuard(guard: Guard, deployment: Deployment, facts: Facts): Move | undefined {
  switch (guard.watch) {
    case "crashLoop":
      return crashes(guard, facts);
    case "checks":
      return checks(guard, deployment, facts);
    case "errors":
      return errors(guard, deployment, facts);
    default: {
      const never: never = guard.watch;
      return never;
    }
  }
}

function crashes(guard: Guard, facts: Facts): Move | undefined {
  const seen = facts.observed.slots[guard.slot];
  const cause = seen.is === "seen" ? crashedReplica(seen.value) : undefined;
  if (cause === undefined) return undefined;
  // A replica that came back serves again; one that keeps crashing, or took the whole slot down, does not.
  const gone = seen.is === "seen" && !seen.value.replicas.some((replica) => replica.phase === "ready");
  const loops = seen.is === "seen" && seen.value.replicas.some((replica) => replica.phase === "crashLoop");
  if (!gone && !loops) return undefined;
  const { routing } = facts.observed;
  const hadTraffic = routing.is === "unreadable" || mayReceive(routing.value.weights, guard.slot);
  return back(guard, hadTraffic ? { ...cause, code: "TEAL-B202" } : cause, { summary: cause.message });
}

function checks(guard: Guard, deployment: Deployment, facts: Facts): Move | undefined {
  const mine = facts.steady;
  if (mine?.decision !== "fail") return undefined;
  const evidence: VerdictFacts = { summary: mine.summary, samples: mine.failing };
  const other = facts.observed.slots[otherSlot(guard.slot)];
  const otherServes =
    other.is === "seen" && other.value.replicas.some((replica) => replica.phase === "ready");
  const { serving, slots } = deployment.plan.baseline;
  const comparable = otherServes && slots[otherSlot(guard.slot)].revision !== undefined;
  if (serving !== guard.slot && comparable) {
    if (facts.otherSteady === undefined || facts.otherSteady.decision === "undecided") {
      return { move: "checks", slot: otherSlot(guard.slot), for: "guard" };
    }
    if (facts.otherSteady.decision === "fail") return alike(guard, evidence, facts);
  }
  return back(guard, { code: "TEAL-B203", message: mine.summary }, evidence);
}

function errors(guard: Guard, deployment: Deployment, facts: Facts): Move | undefined {
  const limit = deployment.plan.request.strategy.errors;
  const seen = facts.traffic;
  if (seen === undefined || !exceeds(limit, seen.candidate)) return undefined;
  const summary = `errors ${percent(seen.candidate)}, limit ${trim(limit.share * 100)} % (before: ${percent(seen.previous)})`;
  const numbers = {
    requests: seen.candidate.requests,
    failed: seen.candidate.failed,
    ...(seen.lost === undefined ? {} : { lost: seen.lost }),
  };
  const evidence: VerdictFacts = { summary, numbers, log: seen.examples };
  if (failAlike(limit, seen.candidate, seen.previous)) return alike(guard, evidence, facts);
  const cause: Cause = { code: "TEAL-B201", message: summary, evidence: seen.examples };
  return back(guard, cause, evidence);
}

function back(guard: Guard, cause: Cause, facts: VerdictFacts): Move {
  return verdict({ dir: "forward", of: guard.id, result: "fail", then: "back", cause, facts });
}

/** A shared database that is down makes both slots fail: going back would cost requests and help nobody. */
function alike(guard: Guard, evidence: VerdictFacts, facts: Facts): Move {
  const cause: Cause = { code: "TEAL-B204", message: `both slots fail alike: ${evidence.summary}` };
  return verdict({
    dir: "forward",
    of: guard.id,
    result: "inconclusive",
    then: "hold",
    cause,
    facts: evidence,
    hold: holdFor(facts, "outage", OPERATOR_WAIT, "stop"),
  });
}

export function percent(served: Served): string {
  return served.requests === 0 ? "no requests" : `${trim((100 * served.failed) / served.requests)} %`;
}

function trim(value: number): string {
  return value.toFixed(1);
}
