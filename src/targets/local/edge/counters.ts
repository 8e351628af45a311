import type { Traffic } from "../../../core/observed.ts";

/** Upper bounds of the latency buckets in ms; the last one takes everything. */
export const BOUNDS = [1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, Infinity] as const;

const EXAMPLES = 5;
const EXAMPLE_PAUSE_MS = 20;

/** What production traffic got from one slot since this edge started. Preview requests are not in here. */
export class Counters {
  /** Requests given to the slot, whatever became of them. */
  started = 0;
  #answers = 0;
  #errors = 0;
  #lost = 0;
  #unanswered = 0;
  readonly #buckets: number[] = BOUNDS.map(() => 0);
  readonly #examples: string[] = [];
  #exampleAt = -Infinity;

  /** @param took ms from the request's arrival until the head of the slot's answer. */
  answered(status: number, took: number): void {
    this.#answers++;
    if (status >= 500) this.#errors++;
    let bucket = 0;
    while (took > (BOUNDS[bucket] as number)) bucket++;
    (this.#buckets[bucket] as number)++;
  }

  /** A request that the slot did not answer or, when it was `answered` above, not to its end. */
  lost(answered: boolean): void {
    this.#lost++;
    if (!answered) this.#unanswered++;
  }

  /** Asked before each: reading and redacting every answer of a slot that only fails would cost more than it tells. */
  wantsExample(): boolean {
    const now = performance.now();
    if (now - this.#exampleAt < EXAMPLE_PAUSE_MS) return false;
    this.#exampleAt = now;
    return true;
  }

  example(line: string): void {
    this.#examples.push(line);
    if (this.#examples.length > EXAMPLES) this.#examples.shift();
  }

  traffic(epoch: string): Traffic {
    let sum = 0;
    return {
      epoch,
      requests: this.#answers + this.#unanswered,
      errors: this.#errors,
      lost: this.#lost,
      latency: BOUNDS.map((le, index) => ({ le, count: (sum += this.#buckets[index] as number) })),
      examples: [...this.#examples],
    };
  }
}
