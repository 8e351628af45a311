import { setTimeout as sleep } from "node:timers/promises";
import {
  ElasticLoadBalancingV2Client,
  waitUntilTargetInService,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import { clientConfig } from "../../test/aws-sim/sdk.ts";
import type { ShopSlot } from "../../test/aws-sim/shop.ts";
import type { Recorded } from "../../test/aws-sim/types.ts";
import { rounded } from "../figures.ts";
import { inLanes, isModify, ONE_PASS, Shop, times, type Ground, type Times } from "./shop.ts";

export interface Waiting {
  /** ms from the instant at which the candidate's last instance is in service and healthy until the call that moves users. */
  readonly teal: Times;
  /** ms from the same instants until the SDK's waiter told its caller. */
  readonly waiter: Times;
  /** Describe calls per second while each of the two waited, over all deployments; Teal's are those of all its services. */
  readonly describes: { readonly teal: number; readonly waiter: number };
  /** Most Describe calls that Teal sent within any one second of waiting. */
  readonly most: number;
}

const OTHER = { accessKeyId: "AKIAOTHERTOOL", secretAccessKey: "waits-by-the-sdk" } as const;
const SIZE = 2;

/** Launches that take from one to twelve seconds: who asks at fixed times meets them early, late and in between. */
const pendingOf = (n: number): number => 1_000 + ((n * 3_700) % 11_000);

interface Waited {
  readonly asked: number;
  readonly took: number;
  readonly seconds: number;
}

/** Each deployment is waited for by Teal and, beside it, by the SDK's own waiter as it is without options. */
export async function measureWaiting(
  ground: Ground,
  options: { readonly count: number; readonly lanes: number },
): Promise<Waiting> {
  const lanes: Shop[] = [];
  const teal: (Waited & { readonly most: number })[] = [];
  const waiter: Waited[] = [];
  try {
    for (let n = 0; n < Math.min(options.lanes, options.count); n += 1) lanes.push(await openLane(ground));
    await inLanes(lanes, options.count, async (shop, n) => {
      const { simulator } = shop.story;
      const mark = shop.mark;
      const ended = new AbortController();
      const health = followHealth(shop, ended.signal);
      const other = waitedBySdk(shop, health, ended.signal);
      try {
        await shop.teal(["deploy", shop.image(pendingOf(n)), "--yes", "-q"]);
        const told = await other;
        const healthy = health.at();
        if (healthy === undefined) throw new Error("nobody saw the candidate get healthy");
        teal.push(waitedByTeal(shop.since(mark), healthy));
        waiter.push({
          asked: simulator.recorded.slice(mark).filter(({ principal }) => principal.endsWith("other-tool"))
            .length,
          took: told.at - healthy,
          seconds: (told.at - told.began) / 1_000,
        });
      } finally {
        ended.abort();
      }
    });
  } finally {
    for (const shop of lanes) await shop.end();
  }
  const rate = (all: readonly Waited[]) =>
    rounded(sum(all.map(({ asked }) => asked)) / sum(all.map(({ seconds }) => seconds)));
  return {
    teal: times(teal.map(({ took }) => took)),
    waiter: times(waiter.map(({ took }) => took)),
    describes: { teal: rate(teal), waiter: rate(waiter) },
    most: Math.max(...teal.map(({ most }) => most)),
  };
}

async function openLane(ground: Ground): Promise<Shop> {
  const shop = await Shop.open(ground, {
    aws: ["reach: address"],
    health: ONE_PASS,
    strategy: "{ blueGreen: { bake: 50ms, keepWarm: 0s, drain: 100ms } }",
    shop: { instances: SIZE },
  });
  const { simulator } = shop.story;
  simulator.principal({ ...OTHER, arn: `arn:aws:iam::${simulator.account}:role/other-tool` });
  return shop;
}

interface Followed {
  readonly targetGroup: string;
  /** Once so many targets are registered as the candidate has instances. */
  readonly registered: Promise<void>;
  /** When the last of the candidate's instances was in service and healthy. */
  at(): number | undefined;
}

/** Looks at the world itself, every few milliseconds, which costs no calls. */
function followHealth({ story: { simulator, shop } }: Shop, signal: AbortSignal): Followed {
  const slot: ShopSlot =
    (simulator.scaling.state.groups.get(shop.groups.blue)?.desired ?? 0) > 0 ? "green" : "blue";
  const targetGroup = shop.targetGroups[slot];
  let at: number | undefined;
  const registered = (async () => {
    let told: () => void = () => undefined;
    const there = new Promise<void>((resolve) => (told = resolve));
    const timer = setInterval(() => {
      const members = [...(simulator.scaling.state.groups.get(shop.groups[slot])?.members ?? [])];
      const healths = members.map(({ id }) => simulator.elb.targets.health(targetGroup, id)?.state);
      if (healths.filter((state) => state !== undefined).length >= SIZE) told();
      const ready = members.filter(({ state }, n) => state === "InService" && healths[n] === "healthy");
      if (ready.length >= SIZE) at ??= simulator.clock.now();
    }, 5);
    signal.addEventListener("abort", () => clearInterval(timer));
    await there;
  })();
  return { targetGroup, registered, at: () => at };
}

/** As a script would: from when the targets are registered, with the waiter's own distances. */
async function waitedBySdk(
  { story: { simulator } }: Shop,
  { targetGroup, registered }: Followed,
  signal: AbortSignal,
): Promise<{ readonly began: number; readonly at: number }> {
  await registered;
  const began = simulator.clock.now();
  const client = new ElasticLoadBalancingV2Client(clientConfig(simulator.environment(OTHER.accessKeyId)));
  try {
    await waitUntilTargetInService(
      { client, maxWaitTime: 300, abortSignal: signal },
      { TargetGroupArn: targetGroup },
    );
    // The waiter may have asked between two looks at the world.
    await sleep(10);
    return { began, at: simulator.clock.now() };
  } finally {
    client.destroy();
  }
}

/** From the write that asks for the instances to the one that moves users. */
function waitedByTeal(calls: readonly Recorded[], healthy: number): Waited & { readonly most: number } {
  const moved = calls.find(isModify);
  const asked = calls.findLast(
    ({ action, at }) => action.endsWith(":UpdateAutoScalingGroup") && at < (moved?.at ?? 0),
  );
  if (moved === undefined || asked === undefined) throw new Error("the calls do not tell of a deployment");
  // What belongs to either write (compared before, read back after) is no polling.
  const polls = calls
    .filter(
      ({ action, at }) => action.includes(":Describe") && at > asked.at + AROUND && at < moved.at - AROUND,
    )
    .map(({ at }) => at);
  return {
    asked: polls.length,
    took: moved.at - healthy,
    seconds: (moved.at - asked.at) / 1_000,
    most: Math.max(0, ...polls.map((from) => polls.filter((at) => at >= from && at < from + 1_000).length)),
  };
}

/** ms */
const AROUND = 100;

function sum(values: readonly number[]): number {
  return values.reduce((total, each) => total + each, 0);
}
