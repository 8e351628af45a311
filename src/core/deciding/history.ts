import type { Deployment } from "../deployment.ts";
import type { Step } from "../plan.ts";
import { otherSlot, type Instant } from "../units.ts";
import { servedInWords } from "./bake.ts";
import { decideGuards, watching } from "./guards.ts";
import { look, pass, verdict, type Facts, type Move } from "./moves.ts";

/**
 * A bake that nobody watched. Whoever comes along looks: what users got until now, and the checks as they answer now,
 * can send traffic back. When its time is over, both have to be good; what cannot be told is watched after all.
 */
export function decideHistory(step: Step, until: Instant, deployment: Deployment, facts: Facts): Move {
  const { history } = facts;
  const said = decideGuards(
    deployment,
    history?.is === "seen" ? { ...facts, traffic: history.value } : facts,
  );
  const alike = heldBy(said);
  if (said !== undefined && alike === undefined) return said;
  const checked = watching(deployment).some((each) => each.watch === "checks");
  const steady = checked ? (facts.steady?.decision ?? "undecided") : "pass";
  if (steady === "undecided" && facts.elapsed < deployment.plan.request.checks.window.deadline)
    return look("the checks to decide");
  if (facts.now < until) return { move: "rest", until };
  if (alike !== undefined) return watchAfterAll(step, alike);
  if (history?.is !== "seen" && facts.elapsed < facts.bound) return look("the metrics' history");
  if (history?.is !== "seen") {
    const why = history === undefined ? "the target keeps no history" : history.cause.message;
    return watchAfterAll(step, `what users got meanwhile cannot be told: ${why}`);
  }
  if (steady !== "pass") return watchAfterAll(step, facts.steady?.summary ?? "the checks could not be asked");
  const { candidate, previous } = history.value;
  if (candidate.requests === 0 && previous.requests > 0)
    return watchAfterAll(step, uncounted(deployment, previous.requests));
  return pass("forward", step, "", {
    facts: {
      summary: `by its metrics' history: ${servedInWords(history.value)}`,
      numbers: { requests: candidate.requests, failed: candidate.failed },
    },
  });
}

/** No failures among no requests prove nothing: the metrics have a gap, or are not those of this slot. */
function uncounted({ plan }: Deployment, before: number): string {
  const { slot } = plan.candidate;
  return `no request was counted on ${slot}, ${before.toLocaleString("en-US")} on ${otherSlot(slot)} before`;
}

/** What both slots fail alike in sends nobody back; whoever watches will see whether it is over. */
function heldBy(move: Move | undefined): string | undefined {
  if (move?.move !== "journal" || move.event.kind !== "verdict" || move.event.then !== "hold")
    return undefined;
  return move.event.facts.summary;
}

/** The whole bake from its beginning, as if it had not been left alone. */
function watchAfterAll(step: Step, why: string): Move {
  const summary = `watched from now on: ${why}`;
  return verdict({
    dir: "forward",
    of: step.id,
    result: "inconclusive",
    then: "again",
    facts: { summary },
  });
}
