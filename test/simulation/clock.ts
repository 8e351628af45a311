import type { Instant, Millis } from "../../src/core/units.ts";
import { instant, millis } from "../../src/core/units.ts";
import type { Clock } from "../../src/ports/clock.ts";

interface Sleeper {
  readonly t: number;
  readonly order: number;
  readonly wake: () => void;
}

/**
 * Simulated time. It stands still while any code has something to do and then jumps to the next moment somebody
 * waits for, so hours pass in milliseconds and every run with the same inputs is the same run. The wall clock can be
 * made to jump; the monotonic one cannot.
 */
export class SimClock implements Clock {
  #t = 0;
  #wall: number;
  #order = 0;
  #pumping = false;
  #stopped = false;
  readonly #sleepers: Sleeper[] = [];

  constructor(start = Date.UTC(2026, 0, 5, 12)) {
    this.#wall = start;
  }

  now(): Instant {
    return instant(Math.round(this.#wall + this.#t));
  }

  monotonic(): Millis {
    return millis(this.#t);
  }

  sleep(ms: Millis, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const sleeper: Sleeper = { t: this.#t + Math.max(0, ms), order: this.#order++, wake: () => end() };
      const aborted = () => {
        const at = this.#sleepers.indexOf(sleeper);
        if (at >= 0) this.#sleepers.splice(at, 1);
        end();
      };
      const end = () => {
        signal?.removeEventListener("abort", aborted);
        resolve();
      };
      signal?.addEventListener("abort", aborted, { once: true });
      this.#insert(sleeper);
      this.#pump();
    });
  }

  /** The wall clock jumps by `ms` (either way). */
  jump(ms: number): void {
    this.#wall += ms;
  }

  /** Time stops for good: whoever sleeps never wakes. Ends a run whose processes must not go on. */
  stop(): void {
    this.#stopped = true;
    this.#sleepers.length = 0;
  }

  /** One sleeper at a time, and only once everything its predecessor set going has come to rest. */
  #pump(): void {
    if (this.#pumping || this.#stopped) return;
    this.#pumping = true;
    setImmediate(() => {
      this.#pumping = false;
      const next = this.#sleepers.shift();
      if (next === undefined || this.#stopped) return;
      this.#t = Math.max(this.#t, next.t);
      next.wake();
      this.#pump();
    });
  }

  #insert(sleeper: Sleeper): void {
    const queue = this.#sleepers;
    let at = queue.length;
    while (at > 0 && queue[at - 1]!.t > sleeper.t) at--;
    queue.splice(at, 0, sleeper);
  }
}
