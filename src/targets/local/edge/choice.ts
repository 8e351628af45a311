import type { Shares } from "../../../core/routing.ts";
import { otherSlot, type Slot } from "../../../core/units.ts";

/** Which address a request came in at. */
export type Side = "public" | "preview";

/**
 * The slot of a production request. A slot without a ready replica is passed over when the other one has both a
 * share and a replica: a request that can be served is not made to wait.
 *
 * @param dice uniform in [0, 1)
 * @returns undefined when no slot has a share: nobody serves.
 */
export function publicSlot(weights: Shares, ready: (slot: Slot) => boolean, dice: number): Slot | undefined {
  if (weights.blue + weights.green === 0) return undefined;
  const chosen: Slot = dice * 100 < weights.blue ? "blue" : "green";
  const other = otherSlot(chosen);
  return !ready(chosen) && weights[other] > 0 && ready(other) ? other : chosen;
}

/** The slot people look at before it gets traffic: the idle one; while both have a share, the one with the smaller. */
export function previewSlot(weights: Shares, ready: (slot: Slot) => boolean): Slot {
  if (weights.blue === weights.green) return ready("green") || !ready("blue") ? "green" : "blue";
  return weights.blue < weights.green ? "blue" : "green";
}
