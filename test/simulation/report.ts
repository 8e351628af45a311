import { judge } from "./checkers/index.ts";
import { printSchedule, printTimeline } from "./print.ts";
import type { Violation } from "./recording.ts";
import type { Schedule } from "./schedule.ts";
import { type Shrunk, reduced, shrink } from "./shrink.ts";
import { simulate } from "./simulate.ts";

/** Runs a schedule and answers what is wrong with it; nothing when all promises were kept. */
export async function violationsOf(schedule: Schedule): Promise<readonly Violation[]> {
  return judge(await simulate(schedule));
}

/** What a person needs of a failing schedule: what is wrong, how to see it again, the smallest form, its timeline. */
export async function reportOf(schedule: Schedule, violations: readonly Violation[]): Promise<string> {
  const first = violations[0];
  if (first === undefined) return "nothing is wrong";
  const small = await shrink(schedule, first.invariant);
  const least = reduced(schedule, small);
  const history = await simulate(least);
  return [
    `seed ${schedule.seed} (${schedule.profile}) violates:`,
    ...violations.map(({ invariant, t, what }) => `  ${invariant} at ${Math.round(t)} ms: ${what}`),
    `again:  ${command(schedule)}`,
    `shrunk: ${command(schedule, small)}`,
    printSchedule(least),
    printTimeline(history, judge(history)),
  ].join("\n");
}

/** The command that carries out exactly this run. */
export function command(schedule: Schedule, small?: Shrunk): string {
  const all = `npm run simulate -- --seed ${schedule.seed} --profile ${schedule.profile}`;
  if (small === undefined) return all;
  const plain = small.plain.length === 0 ? "" : ` --plain ${small.plain.join(",")}`;
  return `${all} --keep ${small.keep.join(",")}${plain}`;
}
