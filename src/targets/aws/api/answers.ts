import { millis, type Cause } from "../../../core/units.ts";
import type { Write } from "../../../ports/write.ts";
import type { Answer } from "./api.ts";

/** What works at another time: these are tried again after a while (ms). */
const SOON = millis(1_000);
const TRANSIENT: readonly string[] = [
  "TEAL-A106",
  "TEAL-A107",
  "TEAL-A108",
  "TEAL-A111",
  "TEAL-A112",
  // A throttled account made the reads before a write so slow that no time was left for the write itself.
  "TEAL-A303",
  // The next look lends what is there by then.
  "TEAL-A327",
];

/** Whether another time may bring another answer. */
export function isTransient({ code }: Cause): boolean {
  return TRANSIENT.includes(code);
}

/** A write that did not get its `ok`, as a port answers it. */
export function notWritten(
  answer: Extract<Answer<unknown>, { readonly is: "failed" }>,
): Extract<Write<never>, { readonly is: "rejected" | "unknown" }> {
  const { cause, sure } = answer;
  if (!sure) return { is: "unknown", cause };
  return notDone(cause);
}

/** Certainly nothing was changed, for this cause. */
export function notDone(cause: Cause): Extract<Write<never>, { readonly is: "rejected" }> {
  return { is: "rejected", cause, ...(isTransient(cause) ? { retryAfter: SOON } : {}) };
}
