import type { Refusal } from "../plan.ts";

/** A refusal always says why and what would work. */
export function refused(code: string, message: string, next: string): Refusal {
  return { is: "refused", cause: { code, message }, next };
}
