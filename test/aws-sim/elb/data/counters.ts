import type { WorldClock } from "../../kernel.ts";

/* What went through, as the data plane saw it; CloudWatch's numbers are made of this. */

/** Counts of one target group at one node in one minute of the world. */
export interface Counted {
  readonly loadBalancer: string;
  /** `undefined`: answered by the load balancer itself, without a group. */
  readonly targetGroup: string | undefined;
  /** Address of the node. */
  readonly node: string;
  /** Start of the minute, ms of the world. */
  readonly minute: number;
  /** Requests for which a target was chosen (user guide, "RequestCountPerTarget"). */
  requests: number;
  /** Answers of targets by class: `[1xx, 2xx, 3xx, 4xx, 5xx]`. */
  readonly answers: [number, number, number, number, number];
  /** Answers that the load balancer made up itself, by status: 502, 503, 504. */
  readonly own: Map<number, number>;
  /** Sum (s of the world) from the request's leaving to the beginning of the target's answer. */
  seconds: number;
  timed: number;
}

const MINUTE = 60_000;
/** CloudWatch keeps minutes for 15 days; nobody here asks for more than one. */
const KEPT = 24 * 60 * MINUTE;

export interface Counters {
  at(loadBalancer: string, targetGroup: string | undefined, node: string): Counted;
  all(): readonly Counted[];
}

export function createCounters(clock: WorldClock): Counters {
  const byMinute = new Map<number, Map<string, Counted>>();
  return {
    at: (loadBalancer, targetGroup, node) => {
      const minute = Math.floor(clock.now() / MINUTE) * MINUTE;
      let bin = byMinute.get(minute);
      if (bin === undefined) {
        for (const start of byMinute.keys()) if (start < minute - KEPT) byMinute.delete(start);
        byMinute.set(minute, (bin = new Map()));
      }
      const key = `${node} ${targetGroup ?? ""} ${loadBalancer}`;
      let counted = bin.get(key);
      if (counted === undefined) bin.set(key, (counted = zero({ loadBalancer, targetGroup, node, minute })));
      return counted;
    },
    all: () => [...byMinute.values()].flatMap((bin) => [...bin.values()]),
  };
}

const zero = (of: Pick<Counted, "loadBalancer" | "targetGroup" | "node" | "minute">): Counted => ({
  ...of,
  requests: 0,
  answers: [0, 0, 0, 0, 0],
  own: new Map(),
  seconds: 0,
  timed: 0,
});
