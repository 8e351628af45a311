import { setTimeout as sleep } from "node:timers/promises";
import { deploy } from "../../src/api/deploying.ts";
import type { KubernetesConnection } from "../../src/api/kubernetes.ts";
import { otherSlot } from "../../src/core/units.ts";
import { startFaultProxy, type Fault, type FaultProxy } from "../../test/cluster/fault-proxy.ts";
import { spread, type Spread } from "../figures.ts";
import { inLanes, type Ground, Shop, went } from "./shop.ts";

export interface Rollbacks {
  /** ms from the verdict's time in the journal until the API server tells that users are back. */
  readonly decidedToWrite: Spread;
  /** What happened to requests, by kind of fault. */
  readonly faults: Readonly<Record<string, number>>;
}

const SHARE = 0.2;
const FAULTS: readonly Fault[] = [
  { is: "reset", when: "before" },
  { is: "reset", when: "after" },
  { is: "close", when: "amid" },
  { is: "answer", status: 500 },
  { is: "answer", status: 503 },
];

interface Lane {
  readonly shop: Shop;
  readonly connection: KubernetesConnection;
  readonly proxy: FaultProxy | undefined;
}

/** The candidate's pods crash while it is watched, each time; `failing`: from then on a share of all API calls fails. */
export async function measureRollbacks(
  ground: Ground,
  options: { readonly count: number; readonly lanes: number; readonly failing: boolean },
): Promise<Rollbacks> {
  const lanes = await Promise.all(
    Array.from({ length: Math.min(options.lanes, options.count) }, (_, n) =>
      openLane(ground, options.failing, n + 1),
    ),
  );
  const took: number[] = [];
  try {
    await inLanes(lanes, options.count, async (lane, n) => void took.push(await crashOnce(lane, n)));
    const faults: Record<string, number> = {};
    for (const { proxy } of lanes)
      for (const [kind, times] of Object.entries(proxy?.happened() ?? {}))
        faults[kind] = (faults[kind] ?? 0) + times;
    return { decidedToWrite: spread(took), faults };
  } finally {
    for (const { shop, proxy } of lanes) {
      await shop.end();
      await proxy?.stop();
    }
  }
}

async function openLane(ground: Ground, failing: boolean, seed: number): Promise<Lane> {
  const strategy = "{ blueGreen: { bake: 50ms, keepWarm: 0s, drain: 100ms } }";
  const shop = await Shop.open(ground, { replicas: 1, strategy });
  await shop.teal("deploy", "v0", "--yes", "-q");
  const proxy = failing ? await startFaultProxy({ upstream: ground.cluster.kubeconfig, seed }) : undefined;
  shop.configure({
    strategy: "{ blueGreen: { bake: 2m, keepWarm: 0s, drain: 100ms } }",
    ...(proxy && { kubeconfig: proxy.kubeconfig }),
  });
  return { shop, connection: await shop.connect(), proxy };
}

async function crashOnce({ shop, connection, proxy }: Lane, n: number): Promise<number> {
  const { next, switches } = shop.observer;
  const before = switches.length;
  const moving = deploy(connection, { revision: `r${n}` }, { signal: AbortSignal.timeout(120_000) });
  await Promise.race([shop.observer.switched(next, before), moving]);
  // The watch on the candidate has begun.
  await sleep(300);
  proxy?.rate(SHARE, FAULTS);
  await shop.crash(next);
  const back = await shop.observer.switched(otherSlot(next), before + 1);
  proxy?.clear();
  const verdict = went(await moving, "reverted").find(
    (event) => event.kind === "verdict" && event.then === "back",
  );
  if (verdict === undefined) throw new Error("the journal does not tell of a way back");
  return back - verdict.at;
}
