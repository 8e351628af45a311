import type { Instant, Millis } from "../core/units.ts";

/** The only source of time. Tests bring a simulated one. */
export interface Clock {
  /** Wall clock; may jump. For stamps that people read and for deadlines that outlive the process. */
  now(): Instant;
  /** Milliseconds since an arbitrary start; never jumps. For every wait and lease inside one process. */
  monotonic(): Millis;
  /** Resolves after `ms`, or at once when the signal aborts; never rejects. */
  sleep(ms: Millis, signal?: AbortSignal): Promise<void>;
}
