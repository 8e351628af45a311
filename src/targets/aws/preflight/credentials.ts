import { durationsFrom } from "../../../core/planning/durations.ts";
import { timeInWords } from "../../../core/planning/words.ts";
import type { Plan } from "../../../core/plan.ts";
import { millis } from "../../../core/units.ts";
import type { Finding } from "../../../ports/target.ts";
import type { Caller } from "../api/api.ts";

/** How long instances take as long as nothing was measured (ms): see `ASSUMED` of the target. */
const ASSUMED = { ensure: 120_000, retire: 300_000 };
/** Credentials that end so soon (ms) would not outlast the start of the candidate. */
const HARDLY = 120_000;

/** How long the plan needs somebody with credentials (ms): everything but the time the previous slot is kept warm. */
export function needsFor(plan: Plan): number {
  const { strategy, checks } = plan.request;
  const timing = { strategy, probe: checks.window.deadline, propagation: millis(15_000) };
  const durations = durationsFrom(timing, checks.window, [], ASSUMED);
  return plan.steps.filter((step) => step.do !== "warm").reduce((sum, step) => sum + durations(step), 0);
}

export function credentialFindings({ expires, renews }: Caller, plan: Plan, now: number): readonly Finding[] {
  if (expires === undefined || renews) return [];
  const left = Math.max(0, expires - now);
  const needed = needsFor(plan);
  if (left >= needed) return [];
  const message = `these credentials end in ${timeInWords(round(left))}, the deployment takes about ${timeInWords(round(needed))}; it then pauses with what serves unchanged, until it is resumed`;
  const cause = { code: "TEAL-A601", message };
  const next =
    "get credentials that last longer (role duration, max 1 h where roles are chained), or run teal resume with new ones";
  return [{ is: left < HARDLY ? "blocks" : "warns", cause, next }];
}

function round(ms: number): number {
  return Math.round(ms / 1_000) * 1_000;
}
