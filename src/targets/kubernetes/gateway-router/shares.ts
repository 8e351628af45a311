import { NOBODY, type Shares } from "../../../core/routing.ts";
import { SLOTS } from "../../../core/units.ts";
import { MAX_WEIGHT, type RouteRule, weightOf } from "./http-route.ts";
import { type Backends, isOurs, slotOf } from "./refs.ts";

/** Shares are told and compared with this precision: a weight has at most six digits. */
const DIGITS = 4;

/** Sums of the weights of a rule, by whose they are. */
interface Sums {
  readonly blue: number;
  readonly green: number;
  /** Of the original Service where it reaches no slot. */
  readonly neither: number;
  readonly foreign: number;
}

function sums(rule: RouteRule, backends: Backends): Sums {
  const sum = { blue: 0, green: 0, neither: 0, foreign: 0 };
  for (const ref of rule.backendRefs ?? []) {
    sum[slotOf(ref, backends) ?? (isOurs(ref, backends) ? "neither" : "foreign")] += weightOf(ref);
  }
  return sum;
}

/** What the slots get of the traffic that a rule gives to Teal's Services, in percent; a missing reference is 0. */
export function sharesOf(rule: RouteRule, backends: Backends): Shares {
  const { blue, green } = sums(rule, backends);
  return percent(blue, green);
}

function percent(blue: number, green: number): Shares {
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

function rounded(value: number): number {
  return Number(value.toFixed(DIGITS));
}

/**
 * Whole weights that give exactly these shares. Beside foreign references with a weight the sum of ours stays what it
 * is, so that the others' part of the traffic does; `undefined` when that sum cannot express the shares.
 */
export function weightsFor(to: Shares, rule: RouteRule, backends: Backends): Shares | undefined {
  const { foreign, ...ours } = sums(rule, backends);
  const sum = ours.blue + ours.green + ours.neither;
  const totals = foreign > 0 && sum > 0 ? [sum] : [100, 1_000, 10_000, 100_000, MAX_WEIGHT];
  for (const total of totals) {
    const [blue, green] = [(to.blue * total) / 100, (to.green * total) / 100];
    if (isWhole(blue) && isWhole(green)) return { blue: Math.round(blue), green: Math.round(green) };
  }
  return undefined;
}

function isWhole(value: number): boolean {
  return Math.abs(value - Math.round(value)) < 1e-6;
}
