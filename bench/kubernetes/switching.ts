import { deploy } from "../../src/api/deploying.ts";
import type { KubernetesConnection } from "../../src/api/kubernetes.ts";
import { rollback } from "../../src/api/steering.ts";
import { type Ground, Shop, went } from "./shop.ts";
import { startUsers, together, type Seen } from "./users.ts";

export interface Switching {
  readonly cutovers: number;
  readonly rollbacks: number;
  readonly wanted: number;
  /** Requests per second that users sent, all services together. */
  readonly rate: number;
  readonly seen: Seen;
  /** How late each node heard, in ms. */
  readonly delays: readonly number[];
}

export interface SwitchingOptions {
  /** Cutovers, each with its rollback. */
  readonly count: number;
  /** Services beside each other, which share the cutovers and the users. */
  readonly lanes: number;
  /** Requests per second, over all services. */
  readonly rate: number;
  /** No cutover begins after so long (ms). */
  readonly atMost: number;
}

/** Nodes hear 0 to 30 s late, here a hundredth of it. */
export const SCALE = 100;
const DELAYS = [0, 150, 300];
/** The drain is longer than the longest request and session. */
const STRATEGY = "{ blueGreen: { bake: 300ms, keepWarm: 10m, drain: 2s } }";
/**
 * What the latest node adds to the second that kube-proxy may wait between two rounds (`nftables.minSyncPeriod`, 1 s by
 * default), and some room.
 */
const PROPAGATION = "1600ms";
/** One slow answer on a machine that everybody shares takes nobody back. */
const HEALTH =
  "{ ready: /health, window: { of: 3, passes: 1, consecutive: 1, interval: 50ms, jitter: 0%, deadline: 30s } }";

interface Lane {
  readonly shop: Shop;
  readonly connection: KubernetesConnection;
}

/** There and back, again and again, while users of every kind ask. */
export async function measureSwitching(ground: Ground, options: SwitchingOptions): Promise<Switching> {
  const { count, lanes: many, rate } = options;
  const lanes: Lane[] = [];
  const done = { cutovers: 0, rollbacks: 0 };
  try {
    for (let n = 0; n < Math.min(many, count); n += 1) lanes.push(await openLane(ground));
    await ground.cluster.delayNodes(DELAYS);
    const users = lanes.map(({ shop }) =>
      startUsers(ground.cluster, { url: shop.url, rate: rate / lanes.length, sessions: 4 }),
    );
    const began = performance.now();
    let next = 0;
    await Promise.all(
      lanes.map(async ({ connection }) => {
        for (let n = next++; n < count; n = next++) {
          if (performance.now() - began > options.atMost) return;
          const signal = AbortSignal.timeout(120_000);
          went(await deploy(connection, { revision: `c${n}` }, { signal }), "warm");
          done.cutovers += 1;
          went(await rollback(connection, { signal }), "reverted");
          done.rollbacks += 1;
        }
      }),
    );
    const seen = together(await Promise.all(users.map((each) => each.stop())));
    return { ...done, wanted: count, rate: Math.round(seen.requests / seen.lasted), seen, delays: DELAYS };
  } finally {
    await ground.cluster.delayNodes([]);
    for (const { shop } of lanes) await shop.end();
  }
}

/** A service that has users, on its first revision. */
async function openLane(ground: Ground): Promise<Lane> {
  const shop = await Shop.open(ground, { strategy: STRATEGY, propagation: PROPAGATION, health: HEALTH });
  const connection = await shop.connect();
  const signal = AbortSignal.timeout(60_000);
  went(await deploy(connection, { revision: "v0" }, { signal }), "done");
  return { shop, connection };
}
