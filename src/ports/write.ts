import type { Cause, Fence, IntentId, Instant, Millis, Version } from "../core/units.ts";

/** The answer to a write. `unknown` may have applied, and may still apply later. */
export type Write<T> =
  | { readonly is: "applied" | "unchanged"; readonly seen: T }
  | { readonly is: "conflict"; readonly seen: T }
  /** With a cause where the fence is not higher: somebody else has the same, which no shared lease ever gives. */
  | { readonly is: "fenced"; readonly by: Fence; readonly cause?: Cause }
  | { readonly is: "rejected"; readonly cause: Cause; readonly retryAfter?: Millis }
  | { readonly is: "unknown"; readonly cause: Cause };

/** In whose name and for how long a write may be tried. */
export interface By {
  readonly intent: IntentId;
  readonly fence: Fence;
  /** No attempt starts after it. */
  readonly deadline: Instant;
  readonly signal: AbortSignal;
  /** Part of going back: of several parts, what could be written stays written. Forward, it is all of them or none. */
  readonly back?: true;
}

/** The version a write was decided on; `any` only when going back. */
export type Expect = Version | "any";

/**
 * `atomic`: the target itself refuses a lower fence with the same compare-and-set that makes the write.
 * `checked`: the adapter reads and compares first, so a stale write can slip in between and must be repaired.
 */
export interface Fenced {
  readonly fencing: "atomic" | "checked";
  /** Registers the fence, so that lower ones are refused from now on. */
  claim(by: By): Promise<Write<Fence>>;
}
