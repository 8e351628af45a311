import type { TargetGroupStickinessConfig } from "@aws-sdk/client-elastic-load-balancing-v2";
import { soleSlot, type Shares } from "../../../core/routing.ts";
import { SLOTS, type Slot } from "../../../core/units.ts";

/*
 * Cookies against weights. A rule with target group stickiness sends whoever brings its cookie (AWSALBTG) to the target
 * group that the cookie names, whatever the weights say, also to one with weight 0, and answers 503 when that one is
 * empty; without it the cookie is not looked at (ALB guide, "Sticky sessions" and "Forward actions").
 *
 * `wait` leaves it on: clients stay where they are until their cookies ran out, and a drain waits for that.
 * `cut` turns it off in the very call that gives one slot everything, and on again in one that divides the traffic: only
 * then it has a purpose. What it was is kept in a tag of the target groups, since a rule that has it off says nothing.
 */

/** Tag with the seconds for which the rules' cookies held before Teal turned them off. */
export const STICKY_TAG = "teal.dev/sticky";

/** How the rule's stickiness is to be when its traffic is divided so; `undefined`: as it is. */
export function stickinessFor(
  to: Shares,
  now: TargetGroupStickinessConfig | undefined,
  how: { readonly sticky: "wait" | "cut"; readonly remembered: number | undefined },
): TargetGroupStickinessConfig | undefined {
  const cuts = how.sticky === "cut" && soleSlot(to) !== undefined;
  if (cuts) return now?.Enabled === true ? { ...now, Enabled: false } : undefined;
  if (now?.Enabled === true || how.remembered === undefined) return undefined;
  return { Enabled: true, DurationSeconds: now?.DurationSeconds ?? how.remembered };
}

/** Seconds for which cookies of these rules hold their clients; 0: none do. */
export function heldFor(all: readonly (TargetGroupStickinessConfig | undefined)[]): number {
  return Math.max(0, ...all.map((each) => (each?.Enabled === true ? (each.DurationSeconds ?? 0) : 0)));
}

/** What is known of clients that cookies hold at a slot, for plans and drains. */
export interface Pins {
  /** The longest cookie of any rule. A client that keeps coming may get new ones: AWS does not say. */
  readonly seconds: number;
  /** Slots whose target group is sticky by target, too: AWS then refuses to turn the rule's stickiness off. */
  readonly byTarget: readonly Slot[];
}

/**
 * @param attributes of both target groups, as DescribeTargetGroupAttributes gives them. Stickiness to a target alone
 * holds nobody at a target group; `app_cookie` does not work with several target groups (ALB guide).
 */
export function pinsOf(
  rules: readonly (TargetGroupStickinessConfig | undefined)[],
  attributes: Readonly<Record<Slot, ReadonlyMap<string, string>>>,
): Pins {
  const byTarget = SLOTS.filter((slot) => attributes[slot].get("stickiness.enabled") === "true");
  return { seconds: heldFor(rules), byTarget };
}
