import type { Deployment } from "../deployment.ts";
import type { Action, Gate, Step } from "../plan.ts";
import { millis, type Instant, type Millis } from "../units.ts";
import { percent, watching } from "./guards.ts";
import {
  OPERATOR_WAIT,
  holdFor,
  look,
  pass,
  verdict,
  type Facts,
  type Move,
  type TrafficSeen,
} from "./moves.ts";

/**
 * Watches the candidate with its traffic. The guards fail it; time and a steady verdict let it pass. Whoever does not
 * stay leaves it to the metrics' history, once: where that tells nothing, somebody has to watch after all.
 */
export function decideBake(step: Bake, deployment: Deployment, facts: Facts): Move {
  const { leaves } = facts;
  return leaves === undefined || step.for === 0 || deployment.agains > 0
    ? decideWatch(step, step.for, deployment, facts)
    : leave(step, millis(step.for + leaves.lag), facts);
}

type Bake = Step & Extract<Action, { do: "bake" }>;

function leave(step: Bake, wait: Millis, facts: Facts): Move {
  const seconds = Math.round(step.for / 1000);
  const summary = `nobody watches ${step.slot} for ${seconds} s: no automatic revert until it is resumed`;
  const hold = holdFor(facts, "history", wait, "proceed");
  return verdict({
    dir: "forward",
    of: step.id,
    result: "inconclusive",
    then: "hold",
    hold,
    facts: { summary },
  });
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
  return facts.traffic === undefined ? "checks passed (no traffic counters)" : servedInWords(facts.traffic);
}

/** `1,204 requests, 0 errors, p95 12 ms (before: 11)` */
export function servedInWords({ candidate, previous }: TrafficSeen): string {
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
