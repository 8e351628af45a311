import type { Slot } from "./units.ts";

/** Shares of production traffic in percent. They add up to 100, or both are 0: nobody serves (a declared window). */
export interface Shares {
  readonly blue: number;
  readonly green: number;
}

/**
 * What a shift asks of the router. In `pool` the members of both slots share the traffic by their own
 * readiness, as a Kubernetes Service does whose selector has no slot key.
 */
export type Weights = Shares | "pool";

export const NOBODY: Shares = { blue: 0, green: 0 };

export function allTo(slot: Slot): Shares {
  return slot === "blue" ? { blue: 100, green: 0 } : { blue: 0, green: 100 };
}

/** `share` percent to `slot`, the rest to the other one. */
export function shareOf(slot: Slot, share: number): Shares {
  return slot === "blue" ? { blue: share, green: 100 - share } : { blue: 100 - share, green: share };
}

export function sameWeights(a: Weights, b: Weights): boolean {
  if (a === "pool" || b === "pool") return a === b;
  return a.blue === b.blue && a.green === b.green;
}

/** The share a slot may receive: in a pool, every slot may receive something. */
export function mayReceive(weights: Weights, slot: Slot): boolean {
  return weights === "pool" || weights[slot] > 0;
}

/** The slot that has all the traffic, if one has. */
export function soleSlot(weights: Weights): Slot | undefined {
  if (weights === "pool") return undefined;
  if (weights.blue > 0 && weights.green === 0) return "blue";
  if (weights.green > 0 && weights.blue === 0) return "green";
  return undefined;
}

/** How a router can divide traffic. `none` is a service without users behind a router (a worker). */
export type Mode = "switch" | "weights" | "pool" | "none";

/** How strongly it is known that traffic moved, weakest first. */
export const STRENGTHS = ["ack", "declared", "endpoints", "counters", "identity"] as const;
export type Strength = (typeof STRENGTHS)[number];

export function weaker(a: Strength, b: Strength): Strength {
  return STRENGTHS.indexOf(a) <= STRENGTHS.indexOf(b) ? a : b;
}
