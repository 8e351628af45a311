import { millis, type Millis } from "../../../core/units.ts";

/**
 * A pause before another try: doubled each time from `base` to `most`, and jittered (half of it is chance), so that
 * many clients of a server that comes back do not all come back at once.
 * @param tries how many tries failed, from 1.
 * @param chance in [0, 1).
 */
export function backoff(
  tries: number,
  chance: number,
  base: Millis = millis(50),
  most: Millis = millis(2_000),
): Millis {
  const whole = Math.min(most, base * 2 ** Math.min(tries - 1, 20));
  return millis(whole / 2 + (whole / 2) * chance);
}

/** Resolves after `ms`, or at once when the signal aborts. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
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
