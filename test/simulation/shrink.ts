import { judge } from "./checkers/index.ts";
import type { Violation } from "./recording.ts";
import type { Schedule } from "./schedule.ts";
import { type Sabotage, simulate } from "./simulate.ts";

/** What of a schedule can be switched off to make it plainer. */
export const PLAIN = {
  autoscaler: (schedule: Schedule): Schedule => ({ ...schedule, autoscaler: false }),
  migrations: (schedule: Schedule): Schedule => ({ ...schedule, migrations: false }),
  longTail: (schedule: Schedule): Schedule => ({ ...schedule, longTail: false }),
  approval: (schedule: Schedule): Schedule => ({ ...schedule, approval: false }),
  keepWarm: (schedule: Schedule): Schedule => ({ ...schedule, keepWarm: 0 }),
  one: (schedule: Schedule): Schedule => ({ ...schedule, replicas: 1 }),
} as const;
export type Plain = keyof typeof PLAIN;

/** Which actions of a schedule are kept (by their number), and what was switched off. */
export interface Shrunk {
  readonly keep: readonly number[];
  readonly plain: readonly Plain[];
}

/** The schedule with only these actions and without these parts. */
export function reduced(schedule: Schedule, { keep, plain }: Shrunk): Schedule {
  const kept: Schedule = {
    ...schedule,
    actions: schedule.actions.filter((_, index) => keep.includes(index)),
  };
  return plain.reduce((now, part) => PLAIN[part](now), kept);
}

/** Shrinking is worth so many real ms; a run that never ends is slow to simulate. */
const PATIENCE = 60_000;

/**
 * The smallest part of a failing schedule found that still violates the same invariant: delta debugging over the
 * actions (Zeller and Hildebrandt 2002, ddmin by complements), then the parts, with at most `budget` runs.
 */
export async function shrink(
  schedule: Schedule,
  violation: Violation["invariant"],
  sabotage?: Sabotage,
  budget = 150,
): Promise<Shrunk> {
  let runs = 0;
  const began = Date.now();
  const fails = async (candidate: Shrunk) => {
    if (++runs > budget || Date.now() - began > PATIENCE) return false;
    const history = await simulate(reduced(schedule, candidate), sabotage);
    return judge(history).some(({ invariant }) => invariant === violation);
  };
  let best: Shrunk = { keep: schedule.actions.map((_, index) => index), plain: [] };
  for (let parts = 2; best.keep.length > 1;) {
    const smaller = await firstFailing(without(best, parts), fails);
    if (smaller !== undefined) {
      best = smaller;
      parts = Math.max(2, parts - 1);
    } else if (parts < best.keep.length) parts = Math.min(best.keep.length, parts * 2);
    else break;
  }
  for (const part of Object.keys(PLAIN) as Plain[]) {
    const plainer: Shrunk = { ...best, plain: [...best.plain, part] };
    if (await fails(plainer)) best = plainer;
  }
  return best;
}

/** The kept actions in so many parts, each left out once. */
function without({ keep, plain }: Shrunk, parts: number): readonly Shrunk[] {
  const size = Math.ceil(keep.length / parts);
  const chunks = Array.from({ length: parts }, (_, index) =>
    keep.slice(index * size, (index + 1) * size),
  ).filter((chunk) => chunk.length > 0);
  return chunks.map((chunk) => ({ keep: keep.filter((index) => !chunk.includes(index)), plain }));
}

async function firstFailing(
  candidates: readonly Shrunk[],
  fails: (candidate: Shrunk) => Promise<boolean>,
): Promise<Shrunk | undefined> {
  for (const candidate of candidates) if (await fails(candidate)) return candidate;
  return undefined;
}
