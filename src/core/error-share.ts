import type { ErrorLimit } from "./plan.ts";

/** Share of failed requests, and the least it can honestly be. */
export interface ErrorShare {
  readonly share: number;
  readonly atLeast: number;
}

/**
 * Lower end of the Wilson score interval (E. B. Wilson, 1927) at 99 % confidence: with 1 failure in 20 requests the
 * true share may be 0.6 %, so a limit of 1 % is not proven broken; with 31 of 508 it is at least 3.9 %.
 */
export function errorShare(failed: number, requests: number): ErrorShare {
  if (requests === 0) return { share: 0, atLeast: 0 };
  const z = 2.576;
  const p = failed / requests;
  const middle = p + (z * z) / (2 * requests);
  const spread = z * Math.sqrt((p * (1 - p)) / requests + (z * z) / (4 * requests * requests));
  return { share: p, atLeast: Math.max(0, (middle - spread) / (1 + (z * z) / requests)) };
}

/** More failures than the limit allows, and too many requests for that to be chance. */
export function exceeds(limit: ErrorLimit, failed: number, requests: number): boolean {
  return requests >= limit.minRequests && errorShare(failed, requests).atLeast > limit.share;
}
