import type { Served } from "../../core/deciding/moves.ts";
import type { Read, Traffic } from "../../core/observed.ts";
import { instant, millis, version, type Cause, type Instant, type Slot } from "../../core/units.ts";
import type { MetricSource } from "../../ports/router.ts";
import type { AwsApi, CallBy } from "./api/api.ts";
import type { Found } from "./found.ts";
import { dimensionOf } from "./router/counters.ts";

/*
 * What users got from a slot, by CloudWatch: whole minutes, each of them known a minute or two after it ended. That is
 * too late to send traffic back within seconds (the checks do that) and enough to judge a bake, also one that nobody
 * watched. https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
 */

const MINUTE = 60_000;
/** Minutes begin on the clock, so the last one of a stretch ends up to a minute after it; it is known a minute later. */
const LAG = millis(2 * MINUTE);
/** A minute's count changes once a minute: asking more often is paid for and tells nothing (ms). */
const KEPT = 20_000;

/** Requests that targets were given; 5xx that they answered; requests for which no connection to a target came about. */
const COUNTS = {
  requests: "RequestCount",
  errors: "HTTPCode_Target_5XX_Count",
  lost: "TargetConnectionErrorCount",
} as const;

type Counts = Readonly<Record<keyof typeof COUNTS, number>>;

/**
 * @param now wall clock, ms since 1970.
 */
export function createMetrics(
  { metrics }: Pick<AwsApi, "metrics">,
  found: (signal: AbortSignal) => Promise<Found | Cause>,
  now: () => number = Date.now,
): MetricSource {
  const began = instant(now());
  const kept = new Map<string, { readonly at: number; readonly counts: Counts }>();

  async function counted(
    slot: Slot,
    from: Instant,
    to: Instant,
    signal: AbortSignal,
  ): Promise<Counts | Cause> {
    // A stretch that still grows is asked for again once a while; its end is not part of its name.
    const name = `${slot} ${from} ${to >= now() - LAG ? "now" : to}`;
    const known = kept.get(name);
    if (known !== undefined && now() - known.at < KEPT) return known.counts;
    const where = await found(signal);
    if ("code" in where) return where;
    const call = { signal, purse: "plan" } as const;
    const sums = { requests: 0, errors: 0, lost: 0 };
    for (const key of ["requests", "errors", "lost"] as const) {
      const sum = await total(where, slot, COUNTS[key], from, to, call);
      if (typeof sum !== "number") return sum;
      sums[key] = sum;
    }
    kept.set(name, { at: now(), counts: sums });
    return sums;
  }

  /** Of the minutes that begin in the stretch. */
  async function total(
    { rules, slots }: Found,
    slot: Slot,
    name: string,
    from: Instant,
    to: Instant,
    call: CallBy,
  ): Promise<number | Cause> {
    let sum = 0;
    for (const arn of new Set(rules.map(({ listener }) => listener.loadBalancer.arn))) {
      const dimensions = {
        LoadBalancer: dimensionOf(arn, "loadbalancer/"),
        TargetGroup: dimensionOf(slots[slot].targetGroup.arn, "", "targetgroup/"),
      };
      const since = instant(Math.floor(from / MINUTE) * MINUTE);
      const answer = await metrics.sums({ name, dimensions, since, period: 60 }, call);
      if (answer.is === "failed") return answer.cause;
      for (const { at, value } of answer.value) if (at >= since && at < to) sum += value;
    }
    return sum;
  }

  function seen<T>(value: T): Read<T> {
    const at = instant(now());
    return { is: "seen", value, version: version(String(at)), at };
  }

  return {
    /** Since this process began: only differences mean something. */
    async traffic(slot, signal): Promise<Read<Traffic>> {
      const counts = await counted(slot, began, instant(now()), signal);
      if ("code" in counts) return { is: "unreadable", cause: counts };
      return seen({ epoch: String(began), ...counts, latency: [] });
    },
    history: {
      lag: LAG,
      async served(slot, from, to, signal): Promise<Read<Served>> {
        const counts = await counted(slot, from, to, signal);
        if ("code" in counts) return { is: "unreadable", cause: counts };
        return seen({ requests: counts.requests, failed: counts.errors + counts.lost });
      },
    },
  };
}
