import type { Call } from "../calls.ts";
import { currentStep, type Deployment } from "../deployment.ts";
import { readyReplicas } from "../observed.ts";
import type { Step } from "../plan.ts";
import { canonicalJson } from "../planning/canonical.ts";
import { sameRevision } from "../units.ts";
import { look, overdue, type Facts, type Move } from "./moves.ts";
import { found } from "./settle.ts";
import { borrowFirst } from "./slots.ts";
import { decideStep } from "./step.ts";

/** What the step wants to do, if it may: in time, and with what it needs held. */
export function performing(dir: "forward" | "back", step: Step, deployment: Deployment, facts: Facts): Move {
  return borrowFirst(
    inTime(decideStep(dir, step, deployment, facts), dir, step, deployment, facts),
    dir,
    deployment,
    facts,
  );
}

/**
 * A write that was decided and not performed waited for a lease, a store or another process: what was right then (a
 * passed check, a clean rehearsal) may be so no longer. It is performed now only if it would be decided again.
 */
export function ifStillRight(
  dir: "forward" | "back",
  move: Extract<Move, { move: "perform" }>,
  deployment: Deployment,
  facts: Facts,
): Move {
  const step = currentStep(deployment);
  const intent = deployment.open.find((each) => each.intent === move.intent);
  if (step === undefined || intent === undefined) return move;
  const anew = decideStep(dir, step, deployment, facts);
  const same = anew.move === "call" && canonicalJson(anew.call) === canonicalJson(intent.call);
  return same ? { ...move, expect: anew.expect } : found(intent, false);
}

/**
 * Writes are not tried for ever: a definite refusal ends a step forward at once, and every other reason for trying
 * again (a conflict, a busy target) ends at the step's deadline. Going back a refusal is tried again, too, unless users
 * would wait for it in vain.
 */
function inTime(move: Move, dir: "forward" | "back", step: Step, deployment: Deployment, facts: Facts): Move {
  if (move.move !== "call") return move;
  if (facts.justWritten !== undefined && sameCall(facts.justWritten, move.call))
    return look("the last write to show");
  const refused = deployment.rejected?.step === step.id ? deployment.rejected : undefined;
  const inVain = dir === "forward" || holdsSomethingElse(step, facts);
  if (refused !== undefined && inVain && !refused.transient) {
    return overdue(dir, step, facts, refused.cause, refused.cause.message);
  }
  if (facts.elapsed < step.deadline + facts.bound) {
    // Until the target took this lease's fence, an earlier holder's write may be in transit. Going back writes all the same.
    return facts.claimed || dir === "back" ? move : look("the target to accept the lease");
  }
  const cause = refused?.cause ?? {
    code: "TEAL-D105",
    message: `no chance to write within ${Math.round(step.deadline / 1000)} s: ${step.reason}`,
  };
  return overdue(dir, step, facts, cause, cause.message);
}

/** The slot that is to grow runs what somebody made of it by hand, and serves: users go there as it is. */
function holdsSomethingElse(step: Step, facts: Facts): boolean {
  if (step.do !== "ensure" || step.otherwise !== "proceed") return false;
  const seen = facts.observed.slots[step.slot];
  if (seen.is === "unreadable" || sameRevision(seen.value.revision, step.revision)) return false;
  return readyReplicas(seen.value).length > 0;
}

function sameCall(a: Call, b: Call): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
