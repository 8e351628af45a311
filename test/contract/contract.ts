import { expect, it } from "vitest";
import type { Read } from "../../src/core/observed.ts";
import { millis, type Fence, fence, instant, intentId } from "../../src/core/units.ts";
import type { Clock } from "../../src/ports/clock.ts";
import type { By, Write } from "../../src/ports/write.ts";

/** Cases an adapter does not pass, by their titles, each with the reason. An unknown title is an error. */
export type Skip = Readonly<Record<string, string>>;

/** What every contract fixture brings along. */
export interface Bench {
  readonly clock: Clock;
  /** After an acknowledged write, or one whose fate is unknown, reads are true again within so many ms. */
  readonly settle: number;
  /** So long (ms) a case may wait for something to become true. */
  readonly patience: number;
  /** Stops and removes everything the fixture started. */
  readonly end: () => Promise<void>;
}

/** Declares the cases of one contract; a case gets a fixture of its own, which is ended whatever happens. */
export function declare<F extends Bench>(
  make: () => Promise<F>,
  skip: Skip,
  cases: Readonly<Record<string, (fixture: F) => Promise<void>>>,
): void {
  for (const title of Object.keys(skip)) {
    if (cases[title] === undefined) throw new Error(`the contract has no case "${title}" to skip`);
  }
  for (const [title, run] of Object.entries(cases)) {
    const reason = skip[title];
    if (reason !== undefined) {
      it.skip(`${title} (skipped: ${reason})`, () => undefined);
      continue;
    }
    it(title, async () => {
      const fixture = await make();
      try {
        await run(fixture);
      } finally {
        await fixture.end();
      }
    });
  }
}

let intents = 0;

/** In whose name a write of a test is made: an intent of its own, and time enough. */
export function by(bench: Bench, number: Fence | number, within = 10_000): By {
  return {
    intent: intentId(`contract-${++intents}`),
    fence: fence(number),
    deadline: instant(bench.clock.now() + within),
    signal: new AbortController().signal,
  };
}

export const NEVER = new AbortController().signal;

/** The value of a read that must be seen. */
export function seen<T>(read: Read<T>): { readonly value: T; readonly version: string } {
  if (read.is !== "seen") throw new Error(`could not be read: ${read.cause.code} ${read.cause.message}`);
  return read;
}

/** Reads until what is seen satisfies `until`; fails with the last look when patience ends. */
export async function eventually<T>(
  bench: Bench,
  read: () => Promise<Read<T>>,
  until: (value: T) => boolean,
): Promise<{ readonly value: T; readonly version: string }> {
  const end = bench.clock.monotonic() + bench.patience;
  for (;;) {
    const look = await read();
    if (look.is === "seen" && until(look.value)) return look;
    if (bench.clock.monotonic() >= end)
      throw new Error(`still not so after ${bench.patience} ms: ${JSON.stringify(look)}`);
    await bench.clock.sleep(millis(20));
  }
}

/**
 * Repeats a write until it is known to have taken effect, as whoever needs the effect must: a fresh look before each
 * attempt, and after `unknown` the time within which it may still apply.
 */
export async function insist<T>(bench: Bench, write: () => Promise<Write<T>>): Promise<Write<T>> {
  const end = bench.clock.monotonic() + bench.patience;
  for (;;) {
    const answer = await write();
    if (answer.is === "applied" || answer.is === "unchanged") {
      await bench.clock.sleep(millis(bench.settle));
      return answer;
    }
    if (answer.is === "fenced" || bench.clock.monotonic() >= end) {
      throw new Error(`the write never took effect: ${JSON.stringify(answer)}`);
    }
    await bench.clock.sleep(millis(bench.settle + 20));
  }
}

/** A write that must not take effect: its answer is `want`, or the adapter honestly cannot tell. */
export function expectRefused(answer: Write<unknown>, want: "conflict" | "fenced" | "rejected"): void {
  expect([want, "unknown"]).toContain(answer.is);
}
