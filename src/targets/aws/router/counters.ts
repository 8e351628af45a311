import { soleSlot, type Shares } from "../../../core/routing.ts";
import { instant, otherSlot, type Cause, type Instant, type Slot } from "../../../core/units.ts";
import type { AwsApi, CallBy } from "../api/api.ts";
import type { FoundRouting } from "../found.ts";

/*
 * CloudWatch counts requests by target group and minute. A minute's count comes about a minute after its end, and for a
 * minute without requests none comes at all (ALB guide, "CloudWatch metrics"): silence proves something only where the
 * other slot's count of the same minute is there.
 */

const MINUTE = 60_000;
/** What a whole minute counted is known so long (ms) after its end. */
const LAG = 60_000;

export interface Counters {
  /** Requests of the slot per minute since then, oldest first. */
  perMinute(
    found: FoundRouting,
    slot: Slot,
    since: Instant,
    call: CallBy,
  ): Promise<readonly Counted[] | Cause>;
}

export interface Counted {
  readonly at: Instant;
  readonly value: number;
}

export function createCounters({ metrics }: Pick<AwsApi, "metrics">): Counters {
  return {
    async perMinute(found, slot, since, call) {
      const counted = new Map<Instant, number>();
      for (const loadBalancer of new Set(found.rules.map(({ listener }) => listener.loadBalancer.arn))) {
        const dimensions = {
          LoadBalancer: dimensionOf(loadBalancer, "loadbalancer/"),
          TargetGroup: dimensionOf(found.slots[slot].targetGroup.arn, "", "targetgroup/"),
        };
        const answer = await metrics.sums({ name: "RequestCount", dimensions, since, period: 60 }, call);
        if (answer.is === "failed") return answer.cause;
        for (const { at, value } of answer.value) counted.set(at, (counted.get(at) ?? 0) + value);
      }
      return [...counted].map(([at, value]) => ({ at, value })).toSorted((a, b) => a.at - b.at);
    },
  };
}

/** The part of the ARN that CloudWatch calls it by: `app/shop-alb/50dc6c495c0c9188`, `targetgroup/shop-blue/73e2d6bc`. */
export function dimensionOf(arn: string, after: string, from = after): string {
  const start = arn.indexOf(from);
  return start < 0 ? arn : arn.slice(start + after.length);
}

export function minuteOf(at: number): Instant {
  return instant(Math.floor(at / MINUTE) * MINUTE);
}

export type Flat =
  | { readonly is: "flat"; readonly detail: string }
  | { readonly is: "not shown"; readonly missing: string };

/**
 * Whether the slot that is to get nothing more gets nothing, by whole minutes after the change, in which the other one
 * was asked something.
 * @param settled when every node follows, as configured.
 */
export function flatness(
  to: Shares,
  counted: Readonly<Record<Slot, readonly Counted[]>>,
  settled: Instant,
  now: Instant,
): Flat {
  const sole = soleSlot(to);
  if (sole === undefined)
    return notShown("counts tell two slots apart only where one of them gets everything");
  const [from, until] = wholeMinutes(settled, now);
  if (until <= from)
    return notShown("CloudWatch tells the first whole minute after the shift two minutes later");
  const idle = otherSlot(sole);
  const within = (slot: Slot) => sum(counted[slot], from, until);
  if (within(idle) > 0) return notShown(`${idle} was given ${within(idle)} more requests since the shift`);
  if (within(sole) === 0)
    return notShown(`CloudWatch shows no request of ${sole} since the shift, so counts show nothing`);
  return {
    is: "flat",
    detail: `${idle} was given no request while ${sole} was given ${within(sole)} (CloudWatch)`,
  };
}

/** Whole minutes after `from` whose counts are there: from the first one's start to the last one's end. */
export function wholeMinutes(from: Instant, now: Instant): readonly [Instant, Instant] {
  return [instant(Math.ceil(from / MINUTE) * MINUTE), minuteOf(now - LAG)];
}

export function sum(counted: readonly Counted[], from: Instant, until: Instant): number {
  return counted.filter(({ at }) => at >= from && at < until).reduce((total, { value }) => total + value, 0);
}

function notShown(missing: string): Flat {
  return { is: "not shown", missing };
}
