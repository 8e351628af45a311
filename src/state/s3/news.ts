import { millis } from "../../core/units.ts";
import type { Millis } from "../../core/units.ts";
import type { Clock } from "../../ports/clock.ts";
import type { News } from "../remote/parts.ts";
import { Fault } from "../remote/tries.ts";
import type { HeadObject } from "./head.ts";
import type { LeaseObject } from "./lease.ts";

/** Pause (ms) between two looks: an hour of waiting is 7200 requests for what has not changed, half a cent's worth. */
const LOOK = 1_000;

/** S3 tells nobody that an object changed, so whoever waits looks again and again. */
export class PolledNews implements News {
  readonly #head: HeadObject;
  readonly #lease: LeaseObject;
  readonly #clock: Clock;
  readonly #waiting = new Set<() => void>();
  /** What was seen last, without heartbeats. */
  #seen = "";
  /** Counts the changes that were seen. */
  #changes = 0;
  /** The mark that was answered last. */
  #answered = 0;

  constructor(head: HeadObject, lease: LeaseObject, clock: Clock) {
    this.#head = head;
    this.#lease = lease;
    this.#clock = clock;
  }

  /** Nothing is told without a request; one for what has not changed is small. */
  head(): Promise<boolean> {
    return Promise.resolve(false);
  }

  lease(): Promise<boolean> {
    return Promise.resolve(false);
  }

  wake(): void {
    if (!this.#look()) return;
    for (const wake of this.#waiting) wake();
  }

  async changed(atMost: Millis, signal: AbortSignal, since?: number): Promise<number> {
    const mark = since ?? this.#answered;
    const end = this.#clock.monotonic() + atMost;
    for (;;) {
      await this.#read(signal);
      const left = end - this.#clock.monotonic();
      if (this.#changes > mark || left <= 0 || signal.aborted) break;
      await this.#pause(millis(Math.min(LOOK, left)), signal);
    }
    this.#answered = this.#changes;
    return this.#changes;
  }

  /** What cannot be read is no news: the next read of the store says why. */
  async #read(signal: AbortSignal): Promise<void> {
    try {
      await Promise.all([this.#head.read(signal), this.#lease.read(signal)]);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
    }
    this.wake();
  }

  /** Ends with the time, with the signal, or with news. */
  async #pause(longest: Millis, signal: AbortSignal): Promise<void> {
    const news = new AbortController();
    const wake = () => news.abort();
    this.#waiting.add(wake);
    await this.#clock.sleep(longest, AbortSignal.any([signal, news.signal]));
    this.#waiting.delete(wake);
  }

  /** Whether something is other than it was at the last look. */
  #look(): boolean {
    const seen = `${this.#head.mark} ${this.#lease.mark}`;
    if (seen === this.#seen) return false;
    this.#seen = seen;
    this.#changes += 1;
    return true;
  }
}
