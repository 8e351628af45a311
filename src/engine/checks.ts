import type { Check, CheckPlan, Sample, Window } from "../core/checks.ts";
import { millis, type Millis, type Revision } from "../core/units.ts";
import type { Clock } from "../ports/clock.ts";
import type { Probe } from "../ports/probe.ts";
import type { Reach } from "../ports/slots.ts";

/** Questions under way at the same time: enough for any slot of one machine, few enough not to be the load. */
const CONCURRENCY = 32;
/** What a probe may take beyond the check's timeout (finding the listening process, killing a command). */
const SLACK = 2_000;

export interface Round {
  readonly probe: Probe;
  readonly clock: Clock;
  readonly plan: CheckPlan;
  readonly reach: readonly Reach[];
  readonly revision: Revision;
  /** Counts the rounds of a step from 1. */
  readonly attempt: number;
  /** Asks only the checks of this kind. */
  readonly only?: "ready" | "deep";
}

/**
 * Asks every check of every replica once, side by side. Never throws and always ends: a question without an answer
 * when the round is over, or when the signal aborts, is a sample `unknown`.
 * @returns one sample per replica and check, by replica in the order of `reach`, then by check in the order of the plan.
 */
export async function sampleRound(round: Round, signal: AbortSignal): Promise<readonly Sample[]> {
  const checks = round.plan.checks.filter((check) => round.only === undefined || check.kind === round.only);
  const running = round.reach.filter((each) => each.ended !== true);
  const questions = running.flatMap((reach) => checks.map((check) => ({ check, reach })));
  if (questions.length === 0) return [];
  const bound = roundBound(checks, questions.length);
  const over = new AbortController();
  const done = new AbortController();
  const bounding = round.clock
    .sleep(bound, done.signal)
    .then(() => over.abort(`no answer within the round's ${bound} ms`));
  try {
    const end = AbortSignal.any([signal, over.signal]);
    return await inLanes(questions, CONCURRENCY, ({ check, reach }) => ask(round, check, reach, end));
  } finally {
    done.abort();
    await bounding;
  }
}

/** When to look again: the interval, varied so that rounds of several deployments do not fall in step. */
export function nextDelay(window: Window, random: () => number): Millis {
  return millis(Math.max(0, Math.round(window.interval * (1 + window.jitter * (2 * random() - 1)))));
}

/** Longest time the round may take: its lanes one after another, each as slow as the slowest check. */
function roundBound(checks: readonly Check[], questions: number): Millis {
  return millis(
    Math.ceil(questions / CONCURRENCY) * (Math.max(...checks.map((check) => check.timeout)) + SLACK),
  );
}

async function ask(round: Round, check: Check, reach: Reach, signal: AbortSignal): Promise<Sample> {
  const unanswered = (why: string): Sample => ({
    check: check.name,
    replica: reach.replica,
    incarnation: reach.incarnation,
    attempt: round.attempt,
    took: millis(0),
    result: "unknown",
    actual: why,
  });
  if (signal.aborted) return unanswered(String(signal.reason));
  let cut: () => void = () => {};
  const aborted = new Promise<Sample>((resolve) => {
    cut = () => resolve(unanswered(String(signal.reason)));
    signal.addEventListener("abort", cut, { once: true });
  });
  try {
    const of = { reach, revision: round.revision, identity: round.plan.identity, attempt: round.attempt };
    // A probe that fails or never ends (a user's own one may) is no answer, and no answer never counts as a pass.
    const asking = async () => round.probe.sample(check, of, signal);
    const answer = asking().catch((error: unknown) => unanswered(`the probe failed: ${String(error)}`));
    return await Promise.race([answer, aborted]);
  } finally {
    signal.removeEventListener("abort", cut);
  }
}

/** Maps in order, with at most `lanes` under way. */
async function inLanes<T, R>(
  items: readonly T[],
  lanes: number,
  each: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const lane = async () => {
    for (let index = next++; index < items.length; index = next++)
      results[index] = await each(items[index] as T);
  };
  await Promise.all(Array.from({ length: Math.min(lanes, items.length) }, lane));
  return results;
}
