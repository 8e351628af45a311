import type { JournalEvent } from "../../src/core/journal.ts";
import { inLanes, isModify, ONE_PASS, Shop, times, type Ground, type Times } from "./shop.ts";

export interface Rollbacks {
  /** ms from the start of the process `teal rollback` until AWS was asked to move users, and accepted. */
  readonly accepted: Times;
  /** ms from the last node's following until the journal says that the way back is confirmed. */
  readonly converged: Times;
  /** Calls that a rollback, up to its confirmation, made to change something, besides tags; with how many of all did. */
  readonly writes: Readonly<Record<string, number>>;
  /** Share of all calls that were refused as too many, in percent. */
  readonly throttled: number;
}

/** ms until each of the load balancer's nodes follows. */
export const NODES = [0, 2_000];

/** Deployed, kept warm, and taken back by the command, again and again. @param throttled half of all calls are refused. */
export async function measureRollbacks(
  ground: Ground,
  options: { readonly count: number; readonly lanes: number; readonly throttled: boolean },
): Promise<Rollbacks> {
  const lanes: Shop[] = [];
  const accepted: number[] = [];
  const converged: number[] = [];
  const writes: Record<string, number> = {};
  try {
    for (let n = 0; n < Math.min(options.lanes, options.count); n += 1) {
      const shop = await Shop.open(ground, {
        aws: ["reach: address"],
        health: ONE_PASS,
        strategy: "{ blueGreen: { bake: 100ms, keepWarm: 10m, drain: 100ms } }",
        simulator: { propagation: NODES, seed: n + 1 },
      });
      lanes.push(shop);
      if (options.throttled) shop.story.simulator.fault({ action: "*", kind: "throttle", chance: 0.5 });
    }
    await inLanes(lanes, options.count, async (shop) => {
      const { simulator } = shop.story;
      await shop.teal(["deploy", shop.image(), "--yes", "-q"]);
      const mark = shop.mark;
      const { began } = await shop.teal(["rollback", "--yes", "-q"]);
      const calls = shop.since(mark);
      const moved = calls.find(isModify);
      const confirmed = confirmedAt(await shop.journal());
      if (moved === undefined) throw new Error("the rollback did not move users");
      accepted.push(moved.at - began);
      const last = Math.max(...simulator.elb.nodes("shop-alb").map(({ appliedAt }) => appliedAt));
      converged.push(confirmed - last);
      for (const { action, at, mutating } of calls) {
        if (mutating && at < confirmed && !action.endsWith("Tags"))
          writes[action] = (writes[action] ?? 0) + 1;
      }
    });
    const recorded = lanes.flatMap(({ story }) => story.simulator.recorded);
    const refused = recorded.filter(({ error }) => error?.startsWith("Throttling") ?? false);
    return {
      accepted: times(accepted),
      converged: times(converged),
      writes,
      throttled: Math.round((refused.length / recorded.length) * 100),
    };
  } finally {
    for (const shop of lanes) await shop.end();
  }
}

/** When the way back was confirmed by answers from every address. */
function confirmedAt(events: readonly JournalEvent[]): number {
  const confirmed = events.findLast(
    (event) => event.kind === "verdict" && event.dir === "back" && event.of.includes("confirm"),
  );
  if (confirmed?.kind !== "verdict")
    throw new Error("the journal does not tell that the way back was confirmed");
  if (confirmed.result !== "pass") throw new Error(`not confirmed: ${JSON.stringify(confirmed.facts)}`);
  return confirmed.at;
}
