import type { Deployment } from "../deployment.ts";
import type { Action, Step } from "../plan.ts";
import { otherSlot, sameRevision, type Cause, type Version } from "../units.ts";
import { OPERATOR_WAIT, holdFor, look, pass, unreadable, verdict, type Facts, type Move } from "./moves.ts";

/**
 * Expand is applied before the candidate starts. Contract only when no replica of another revision is left anywhere
 * and the live revision's queries were proven against the schema without what is removed: there is no way back.
 */
export function decideMigrate(
  step: Step & Extract<Action, { do: "migrate" }>,
  deployment: Deployment,
  facts: Facts,
): Move {
  const seen = facts.migration;
  if (seen === undefined) return look("the migration ledger");
  if (seen.is === "unreadable") return unreadable("forward", step, facts, seen.cause);
  if (seen.value.applied.includes(step.phase)) return pass("forward", step, `${step.phase} is applied`);
  const obstacle = step.phase === "contract" ? notAlone(deployment, facts, seen.value.rehearsal) : undefined;
  if (obstacle === undefined) {
    return {
      move: "call",
      step: step.id,
      expect: seen.version as Version,
      call: { call: "migrate", phase: step.phase },
    };
  }
  if (facts.elapsed < facts.bound) return look(obstacle.message);
  return verdict({
    dir: "forward",
    of: step.id,
    result: "inconclusive",
    then: "hold",
    cause: obstacle,
    facts: { summary: obstacle.message },
    hold: holdFor(facts, "operator", OPERATOR_WAIT, "stop"),
  });
}

function notAlone(deployment: Deployment, facts: Facts, rehearsal: string): Cause | undefined {
  const { candidate } = deployment.plan;
  const previous = facts.observed.slots[otherSlot(candidate.slot)];
  const live = facts.observed.slots[candidate.slot];
  if (previous.is === "unreadable" || live.is === "unreadable") {
    return {
      code: "TEAL-M901",
      message: "it cannot be proven that every replica of other revisions is gone",
    };
  }
  const foreign = live.value.replicas.filter(
    (replica) => replica.revision !== undefined && !sameRevision(replica.revision, candidate.revision),
  );
  if (
    previous.value.wanted > 0 ||
    previous.value.replicas.some((replica) => replica.phase !== "exited") ||
    foreign.length > 0
  ) {
    return { code: "TEAL-M902", message: "replicas of another revision are still there" };
  }
  if (!sameRevision(live.value.revision, candidate.revision)) {
    return { code: "TEAL-M902", message: `${candidate.slot} does not run ${candidate.revision.id}` };
  }
  if (rehearsal !== "clean")
    return {
      code: "TEAL-M903",
      message: `the live revision is not proven against the schema after contract: ${rehearsal}`,
    };
  return undefined;
}
