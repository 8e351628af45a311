import type { ErrorLimit } from "./plan.ts";

/** Requests of a slot, and how many of them failed. */
export interface Counted {
  readonly requests: number;
  readonly failed: number;
}

/** Share of failed requests, with the range the true share lies in at 99 % confidence. */
export interface ErrorShare {
  readonly share: number;
  readonly atLeast: number;
  readonly atMost: number;
}

/**
 * The Wilson score interval (E. B. Wilson, 1927): with 1 failure in 20 requests the true share may be 0.6 %, so a limit
 * of 1 % is not proven broken; with 31 of 508 it is at least 3.9 %.
 */
export function errorShare({ requests, failed }: Counted): ErrorShare {
  if (requests === 0) return { share: 0, atLeast: 0, atMost: 1 };
  const z = 2.576;
  const p = failed / requests;
  const middle = p + (z * z) / (2 * requests);
  const spread = z * Math.sqrt((p * (1 - p)) / requests + (z * z) / (4 * requests * requests));
  const whole = 1 + (z * z) / requests;
  return {
    share: p,
    atLeast: Math.max(0, (middle - spread) / whole),
    atMost: Math.min(1, (middle + spread) / whole),
  };
}

/** More failures than the limit allows, and too many requests for that to be chance. */
export function exceeds(limit: ErrorLimit, counted: Counted): boolean {
  return counted.requests >= limit.minRequests && errorShare(counted).atLeast > limit.share;
}

/**
 * The other slot fails its users as well, beyond the limit, and the candidate is not proven to be worse: then it is
 * not the release. One failure of the other slot proves nothing, whatever share of its few requests it is.
 */
export function failAlike(limit: ErrorLimit, candidate: Counted, other: Counted): boolean {
  const before = errorShare(other);
  return other.failed > 1 && before.share > limit.share && errorShare(candidate).atLeast <= before.atMost;
}
