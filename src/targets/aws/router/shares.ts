import { NOBODY, type Shares } from "../../../core/routing.ts";
import { SLOTS } from "../../../core/units.ts";

/** Weights of a target group: whole numbers from 0 to this (API reference, TargetGroupTuple). */
export const MAX_WEIGHT = 999;

/** Shares are told and compared with this precision: 1 of 999 is a tenth of a percent. */
const DIGITS = 4;

/** Percent of the sum of both, which is what weights mean: {1, 0} and {100, 0} are the same. */
export function percent(blue: number, green: number): Shares {
  const total = blue + green;
  if (total === 0) return NOBODY;
  const share = rounded((blue * 100) / total);
  return { blue: share, green: rounded(100 - share) };
}

/** One answer for several rules: their mean, so that a slot that one rule gives something is never taken for idle. */
export function meanShares(all: readonly Shares[]): Shares {
  const sum = (slot: keyof Shares) => all.reduce((total, shares) => total + shares[slot], 0);
  return percent(sum("blue"), sum("green"));
}

export function sameShares(a: Shares, b: Shares): boolean {
  return SLOTS.every((slot) => rounded(a[slot]) === rounded(b[slot]));
}

/**
 * Whole weights that give exactly these shares; `undefined` when there are none.
 * @param among the sum that they must have, where a third target group beside them keeps its part of the traffic.
 */
export function weightsFor(to: Shares, among?: number): Shares | undefined {
  if (to.blue + to.green === 0) return NOBODY;
  for (const total of among === undefined ? [100, 1_000] : [among]) {
    const [blue, green] = [(to.blue * total) / 100, (to.green * total) / 100];
    if (isWeight(blue) && isWeight(green)) return { blue: Math.round(blue), green: Math.round(green) };
  }
  return undefined;
}

function isWeight(value: number): boolean {
  return Math.abs(value - Math.round(value)) < 1e-6 && value <= MAX_WEIGHT;
}

function rounded(value: number): number {
  return Number(value.toFixed(DIGITS));
}
