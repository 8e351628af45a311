import { millis } from "../../core/units.ts";
import type { Cause, Millis } from "../../core/units.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Unavailable } from "../../ports/store.ts";

/** No attempt begins later (ms): as long as the store on a machine waits for a lock. */
const WITHIN = 5_000;
/** Longest time for one request, so that one that gets no answer leaves time for another. */
export const REQUEST_WITHIN = millis(2_000);
const FIRST_PAUSE = 20;
const LONGEST_PAUSE = 500;

/** Ends an attempt: the other side did not do it, or did not say so. */
export class Fault extends Error {
  readonly fault: Cause;
  /** Whether another attempt may help: at once, after the usual pause or a longer one, or never. */
  readonly again: "at once" | Millis | "never";

  constructor(fault: Cause, again: Fault["again"]) {
    super(fault.message);
    this.fault = fault;
    this.again = again;
  }
}

/**
 * Attempts something until it gives an answer, a fault that no further attempt can mend, or the time is over. Every
 * attempt must look at what is there before it repeats a write.
 */
export async function attempt<T>(clock: Clock, act: () => Promise<T>): Promise<T | Unavailable> {
  const end = clock.monotonic() + WITHIN;
  for (let pause = FIRST_PAUSE; ; pause = Math.min(pause * 2, LONGEST_PAUSE)) {
    try {
      return await act();
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      const { again, fault } = error;
      const left = end - clock.monotonic();
      const rest = again === "at once" ? 0 : again === "never" ? left : Math.max(pause, again);
      if (rest >= left) return { is: "unavailable", cause: fault };
      await clock.sleep(millis(rest));
    }
  }
}
