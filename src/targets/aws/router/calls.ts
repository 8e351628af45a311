import type { Cause } from "../../../core/units.ts";
import type { By } from "../../../ports/write.ts";
import type { CallBy, Purse } from "../api/api.ts";

export const LATE: Cause = {
  code: "TEAL-A303",
  message: "the time for this call is over; nothing was sent",
};

/** `undefined` when no attempt may start any more. */
export function callOf(by: Pick<By, "deadline" | "signal">, purse: Purse): CallBy | undefined {
  const left = by.deadline - Date.now();
  if (left <= 0 || by.signal.aborted) return undefined;
  return { purse, signal: AbortSignal.any([by.signal, AbortSignal.timeout(left)]) };
}
