import type { Deployment } from "../deployment.ts";
import type { Action, Gate, Step } from "../plan.ts";
import type { Instant, Millis } from "../units.ts";
import { percent, watching } from "./guards.ts";
import { OPERATOR_WAIT, holdFor, look, pass, verdict, type Facts, type Move } from "./moves.ts";

/** Watches the candidate with its traffic. The guards fail it; time and a steady verdict let it pass. */
export function decideBake(
  step: Step & Extract<Action, { do: "bake" }>,
  deployment: Deployment,
  facts: Facts,
): Move {
  return decideWatch(step, step.for, deployment, facts);
}

/**
 * Only time that this process watched counts: a deployment that was resumed has not seen what happened in between,
 * so its watch begins again.
 */
export function decideWatch(step: Step, wait: Millis, deployment: Deployment, facts: Facts): Move {
  const seconds = Math.round(wait / 1000);
  if (facts.elapsed < wait) return look(`${Math.floor(facts.elapsed / 1000)} of ${seconds} s`);
  const guarded = watching(deployment).some((guard) => guard.watch === "checks");
  const { decision } = facts.steady ?? { decision: "undecided" };
  if (!guarded || decision === "pass") {
    return pass("forward", step, `${seconds} s: ${traffic(facts)}`, {
      facts: { summary: `${seconds} s: ${traffic(facts)}`, numbers: numbers(facts) },
    });
  }
  if (decision === "undecided" && facts.elapsed < wait + deployment.plan.request.checks.window.deadline)
    return look("the checks beside it to decide");
  const summary = facts.steady?.summary ?? "the checks could not be asked";
  const cause = { code: "TEAL-B205", message: summary };
  return verdict({
    dir: "forward",
    of: step.id,
    result: "inconclusive",
    then: "hold",
    cause,
    facts: { summary },
    hold: holdFor(facts, "outage", OPERATOR_WAIT, "revert"),
  });
}

function traffic(facts: Facts): string {
  if (facts.traffic === undefined) return "checks passed (no traffic counters)";
  const { candidate, previous } = facts.traffic;
  const p95 =
    candidate.p95 === undefined
      ? ""
      : `, p95 ${candidate.p95} ms${previous.p95 === undefined ? "" : ` (before: ${previous.p95})`}`;
  const share = candidate.failed === 0 ? "0 errors" : `${candidate.failed} errors (${percent(candidate)})`;
  return `${candidate.requests.toLocaleString("en-US")} requests, ${share}${p95}`;
}

function numbers(facts: Facts): Readonly<Record<string, number>> {
  const seen = facts.traffic;
  if (seen === undefined) return {};
  return {
    requests: seen.candidate.requests,
    failed: seen.candidate.failed,
    ...(seen.lost === undefined ? {} : { lost: seen.lost }),
  };
}

/** Is the gate's window of the day open? Times are UTC; a window may pass midnight. */
export function isOpen(gate: Extract<Gate, { gate: "schedule" }>, now: Instant): boolean {
  const date = new Date(now);
  const minute = date.getUTCHours() * 60 + date.getUTCMinutes();
  const day = date.getUTCDay();
  if (gate.from <= gate.to) return gate.days.includes(day) && gate.from <= minute && minute < gate.to;
  const yesterday = (day + 6) % 7;
  return (
    (gate.days.includes(day) && minute >= gate.from) || (gate.days.includes(yesterday) && minute < gate.to)
  );
}
