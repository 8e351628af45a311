import type { Sample } from "./checks.ts";
import type { Replica } from "./observed.ts";
import { millis } from "./units.ts";

/** Samples remembered per replica and check: the largest window a configuration may ask for. */
export const MAX_WINDOW = 100;

/** The last answers of one life of one replica to one check, oldest first. */
export interface Series {
  readonly replica: string;
  readonly check: string;
  readonly incarnation: string;
  /** How often it was asked in this life, also beyond what `samples` still holds. */
  readonly asked: number;
  readonly samples: readonly Sample[];
}

/** What was learnt so far. Plain immutable data; `record` makes the next one. */
export interface Tally {
  /** By replica and check. A replica's new life starts an empty series. */
  readonly series: Readonly<Record<string, Series>>;
  /** By replica: the life it had when first seen (another one later means that it crashed), and in how many rounds it was seen. */
  readonly lives: Readonly<
    Record<string, { readonly incarnation: string; readonly restarts?: number; readonly rounds: number }>
  >;
}

export function emptyTally(): Tally {
  return { series: {}, lives: {} };
}

/**
 * @param samples of one round, at most one per replica and check.
 * @param seen the replicas as observed with the round: a crash before the first answer is noticed, and a replica that
 *   could not be asked this time has an `unknown` sample for every check it was asked before. Silence is no pass.
 */
export function record(tally: Tally, samples: readonly Sample[], seen: readonly Replica[] = []): Tally {
  const series = { ...tally.series };
  const lives = { ...tally.lives };
  for (const { id, incarnation, restarts } of seen) {
    const life = lives[id] ?? { incarnation, restarts, rounds: 0 };
    lives[id] = { ...life, rounds: life.rounds + 1 };
  }
  for (const sample of [...samples, ...unasked(tally, samples, seen)]) {
    lives[sample.replica] ??= { incarnation: sample.incarnation, rounds: 0 };
    const key = seriesKey(sample.replica, sample.check);
    const before = series[key]?.incarnation === sample.incarnation ? series[key] : undefined;
    series[key] = {
      replica: sample.replica,
      check: sample.check,
      incarnation: sample.incarnation,
      asked: (before?.asked ?? 0) + 1,
      samples: [...(before?.samples ?? []), sample].slice(-MAX_WINDOW),
    };
  }
  return { series, lives };
}

/** One `unknown` for every check that a replica seen in this round was asked before and not now. */
function unasked(tally: Tally, samples: readonly Sample[], seen: readonly Replica[]): readonly Sample[] {
  const asked = new Set(samples.map((sample) => seriesKey(sample.replica, sample.check)));
  return Object.entries(tally.series).flatMap(([key, { replica, check, incarnation, samples: before }]) => {
    if (asked.has(key) || !seen.some((one) => one.id === replica && one.incarnation === incarnation))
      return [];
    const attempt = (before.at(-1)?.attempt ?? 0) + 1;
    return [
      {
        check,
        replica,
        incarnation,
        attempt,
        took: millis(0),
        result: "unknown" as const,
        actual: "the replica could not be reached",
      },
    ];
  });
}

/** Key of a series. */
export function seriesKey(replica: string, check: string): string {
  return JSON.stringify([replica, check]);
}
