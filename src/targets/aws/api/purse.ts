import type { Purse } from "./api.ts";

/** Tokens that a purse holds at most, and how many it gets back per second. */
export interface Rate {
  readonly burst: number;
  readonly perSecond: number;
}

/**
 * AWS gives an account and region 40 describing calls at once and 10 a second of Elastic Load Balancing (User Guide
 * for Application Load Balancers, "Request throttling"), for every tool together. Polling takes a tenth of that.
 */
export const RATES: Readonly<Record<Purse, Rate>> = {
  look: { burst: 2, perSecond: 1 },
  plan: { burst: 20, perSecond: 5 },
  write: { burst: 20, perSecond: 4 },
  switch: { burst: 20, perSecond: 10 },
  // AWS publishes no rate for IAM; a plan asks about ten times.
  rights: { burst: 20, perSecond: 5 },
};

/** Resolves after `ms`, or at once when the signal aborts. */
export type Sleep = (ms: number, signal: AbortSignal) => Promise<void>;

/** A bucket of tokens; whoever finds it empty waits for the next ones, first come, first served. */
export class TokenBucket {
  readonly #rate: Rate;
  readonly #monotonic: () => number;
  readonly #sleep: Sleep;
  #tokens: number;
  #at: number;

  /** @param monotonic milliseconds that never jump. */
  constructor(rate: Rate, monotonic: () => number, sleep: Sleep) {
    this.#rate = rate;
    this.#monotonic = monotonic;
    this.#sleep = sleep;
    this.#tokens = rate.burst;
    this.#at = monotonic();
  }

  /** Resolves with a token; false when the signal aborted first. */
  async take(signal: AbortSignal): Promise<boolean> {
    if (signal.aborted) return false;
    this.#refill();
    // A debt is a place in the queue.
    this.#tokens -= 1;
    if (this.#tokens >= 0) return true;
    await this.#sleep((-this.#tokens / this.#rate.perSecond) * 1000, signal);
    if (!signal.aborted) return true;
    this.#tokens += 1;
    return false;
  }

  /** AWS said that it is too much: what was saved up is not spent now. */
  empty(): void {
    this.#refill();
    this.#tokens = Math.min(this.#tokens, 0);
  }

  #refill(): void {
    const now = this.#monotonic();
    const gained = ((now - this.#at) / 1000) * this.#rate.perSecond;
    this.#tokens = Math.min(this.#rate.burst, this.#tokens + gained);
    this.#at = now;
  }
}

/** See `Sleep`. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done, { once: true });
  });
}
