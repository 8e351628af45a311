import type { Cause, Millis } from "../core/units.ts";
import { millis } from "../core/units.ts";
import type { Holder } from "../core/journal.ts";
import type { Read } from "../core/observed.ts";
import type { Clock } from "../ports/clock.ts";
import type { Notifier } from "../ports/notifier.ts";
import type { Probe } from "../ports/probe.ts";
import type { StateStore } from "../ports/store.ts";
import type { Target } from "../ports/target.ts";
import type { IsGone } from "./lease.ts";
import type { Spool } from "./spool.ts";

/** Everything the engine touches. It knows no technology, no clock and no randomness but these. */
export interface EnginePorts {
  readonly store: StateStore;
  readonly spool: Spool;
  readonly clock: Clock;
  readonly target: Target;
  readonly probe: Probe;
  /** Uniform in 0..1; for jitter and for names of intents. */
  readonly random: () => number;
  readonly holder: Holder;
  readonly isGone: IsGone;
  /** Told of every event after it is durable, and of what a step is waiting for. */
  readonly notifier?: Notifier;
  readonly waiting?: (reason: string) => void;
}

/** Longest one call of a port may take. A third of the lease's time, so that a lease outlasts a call that is begun. */
export const CALL_BOUND = millis(5_000);
/** Pause before trying again when the store cannot be reached, or the target is busy and names no time. */
export const PAUSE = millis(500);
/** Longest sleep in a wait before the journal is looked at again. */
export const LOOK = millis(1_000);

/**
 * A read that always ends: what does not answer within the bound is unreadable, and so is an adapter that throws.
 */
export async function boundedRead<T>(
  clock: Clock,
  bound: Millis,
  signal: AbortSignal,
  read: (signal: AbortSignal) => Promise<Read<T>>,
): Promise<Read<T>> {
  const over = new AbortController();
  const both = AbortSignal.any([signal, over.signal]);
  const cause = (message: string): Cause => ({ code: "TEAL-D106", message });
  const late = clock
    .sleep(bound, both)
    .then((): Read<T> => ({ is: "unreadable", cause: cause(`no answer in ${bound} ms`) }));
  const answer = read(both).catch((error: unknown): Read<T> => ({
    is: "unreadable",
    cause: cause(String(error)),
  }));
  try {
    return await Promise.race([answer, late]);
  } finally {
    over.abort();
  }
}
