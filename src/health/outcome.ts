import type { Millis } from "../core/units.ts";
import type { Reach } from "../ports/slots.ts";

/** How one question ended, before it becomes a sample. Texts are raw: whoever makes the sample redacts and cuts them. */
export type Outcome =
  | { readonly is: "pass"; readonly actual: string; readonly excerpt?: string }
  | { readonly is: "fail"; readonly expected: string; readonly actual: string; readonly excerpt?: string }
  /** Nothing could be asked, or not told whose answer it was. */
  | { readonly is: "unknown"; readonly why: string };

/** The bound of one question: its own time, or the end of whoever asks. */
export interface Limit {
  readonly signal: AbortSignal;
  /** In words, once the signal aborted: `timeout after 300 ms`. */
  reason(): Outcome;
}

/** @param expected what was waited for: a timeout is a failure to deliver it; the caller's own end is nobody's failure. */
export function limit(timeout: Millis, parent: AbortSignal, expected: string): Limit & { end(): void } {
  const own = new AbortController();
  const timer = setTimeout(() => own.abort(), timeout);
  return {
    signal: AbortSignal.any([parent, own.signal]),
    reason: () =>
      own.signal.aborted
        ? { is: "fail", expected, actual: `timeout after ${timeout} ms` }
        : { is: "unknown", why: `given up: ${String(parent.reason)}` },
    end: () => clearTimeout(timer),
  };
}

/** After a length of time that another way than the straight one is part of: ` through the API server`. */
export function through(reach: Reach): string {
  return reach.way === undefined ? "" : ` through ${reach.way.name}`;
}
