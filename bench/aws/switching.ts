import { setTimeout as sleep } from "node:timers/promises";
import type { AwsConnection } from "../../src/api/aws.ts";
import { fence, instant, intentId, otherSlot, type Slot } from "../../src/core/units.ts";
import type { By } from "../../src/ports/write.ts";
import { rounded } from "../figures.ts";
import { ONE_PASS, Shop, times, type Ground, type Times } from "./shop.ts";
import { startUsers, type Seen, type Users } from "./users.ts";

export interface Switching {
  readonly switches: number;
  readonly wanted: number;
  /** Requests that were sent, and that were to be. */
  readonly seen: Seen;
  readonly requestsWanted: number;
  /** Requests per second, as they were sent. */
  readonly rate: number;
  /** By the load balancer's own count: what reached it, and answers that it made up itself (502, 503, 504). */
  readonly counted: { readonly requests: number; readonly own: number };
  /** ms of this machine from asking the router to shift until AWS had acknowledged it. */
  readonly acknowledged: Times;
  /** ms of this machine from the last node's following until the router had proven that all follow. */
  readonly proven: Times;
  /** Calls of ModifyRule; one for each switch if all is well. */
  readonly moving: number;
  /** World seconds per second. */
  readonly speed: number;
  /** ms of the world until each node follows. */
  readonly nodes: readonly number[];
}

export interface SwitchingOptions {
  readonly switches: number;
  /** Requests that are to be sent while they are made. */
  readonly requests: number;
  /** Requests per second. */
  readonly rate: number;
  /** No switch begins after so long (ms). */
  readonly atMost: number;
}

const SPEED = 20;
/** Up to ten seconds. */
const NODES = [0, 2_500, 6_000, 10_000];
/** World seconds that cookies hold: a session ends long before. */
const STICKY = 600;
/** How often (ms) it is looked whether traffic follows. */
const PACE = 60;
/** A switch that is not proven after so long (ms) never will be. */
const PATIENCE = 20_000;
/** How long (ms) the users are left alone when a switch is proven, so that what they see then is that slot's. */
const SETTLED = 40;

/**
 * There and back between two slots that are both there, by the router itself, while users of every kind ask. Every
 * switch is proven by answers from every address before the next one begins.
 */
export async function measureSwitching(ground: Ground, options: SwitchingOptions): Promise<Switching> {
  const shop = await Shop.open(ground, {
    aws: ["reach: address", "sticky: wait"],
    health: ONE_PASS,
    strategy: "{ blueGreen: { bake: 50ms, keepWarm: 12h, drain: 15m } }",
    simulator: { speed: SPEED, propagation: NODES },
    // Checks that a busy machine answers late fail no instance.
    shop: { nodes: NODES.length, sticky: STICKY, healthInterval: 60 },
  });
  let users: Users | undefined;
  try {
    const { story } = shop;
    const { simulator } = story;
    const revisions = { blue: story.shop.image, green: shop.image() };
    const moved = await story.deploy(revisions.green);
    if (moved.is !== "warm") throw new Error(`the second slot did not come up: ${JSON.stringify(moved)}`);
    await simulator.elb.converged("shop-alb");
    const nodes = simulator.elb.nodes("shop-alb");
    const mark = shop.mark;
    const before = { requests: total(shop, "requests"), own: total(shop, "own") };
    const crowd = startUsers({
      addresses: nodes.map(({ address }) => address),
      port: 8080,
      host: story.shop.host,
      rate: options.rate,
      atMost: options.requests,
    });
    users = crowd;
    const done = await story.with((connection) => switchAround(connection, shop, crowd, revisions, options));
    const seen = await crowd.stop();
    const counted = {
      requests: total(shop, "requests") - before.requests,
      own: total(shop, "own") - before.own,
    };
    return {
      switches: done.acknowledged.length,
      wanted: options.switches,
      seen,
      requestsWanted: options.requests,
      rate: Math.round(seen.requests / seen.lasted),
      counted,
      acknowledged: times(done.acknowledged),
      proven: times(done.proven),
      moving: shop.since(mark).filter(({ action }) => action.endsWith(":ModifyRule")).length,
      speed: SPEED,
      nodes: NODES,
    };
  } finally {
    users?.end();
    await shop.end();
  }
}

interface Done {
  readonly acknowledged: number[];
  readonly proven: number[];
}

/** Evenly over the time that the requests take. */
async function switchAround(
  { target }: AwsConnection,
  shop: Shop,
  users: Users,
  revisions: Readonly<Record<Slot, string>>,
  { switches, requests, rate, atMost }: SwitchingOptions,
): Promise<Done> {
  const { router } = target;
  const done: Done = { acknowledged: [], proven: [] };
  const began = performance.now();
  const since = () => performance.now() - began;
  const lasts = (requests / rate) * 1_000;
  const before = await target.claimed(AbortSignal.timeout(5_000));
  if (typeof before !== "number") throw new Error(before.cause.message);
  const own = fence(before + 1);
  const by = (n: number): By => ({
    intent: intentId(`switch-${n}`),
    fence: own,
    deadline: instant(Date.now() + 5_000),
    signal: AbortSignal.timeout(5_000),
  });
  const claimed = await router.claim(by(0));
  if (claimed.is !== "applied") throw new Error(`no right to switch: ${JSON.stringify(claimed)}`);
  let live: Slot = "green";
  for (let n = 0; n < switches && since() < atMost; n += 1) {
    await sleep(Math.max(0, (n / switches) * lasts - since()));
    const to = otherSlot(live);
    const weights = { blue: to === "blue" ? 100 : 0, green: to === "green" ? 100 : 0 };
    const read = await router.observe(AbortSignal.timeout(5_000));
    if (read.is === "unreadable") throw new Error(`switch ${n}: ${read.cause.message}`);
    await users.expect(null);
    const asked = performance.now();
    const wrote = await router.shift(weights, read.version as Parameters<typeof router.shift>[1], by(n));
    if (wrote.is !== "applied") throw new Error(`switch ${n}: ${JSON.stringify(wrote)}`);
    done.acknowledged.push(performance.now() - asked);
    done.proven.push(await proven(shop, () => router.sample(weights, AbortSignal.timeout(5_000))));
    live = to;
    await users.expect(revisions[to]);
    await sleep(SETTLED);
  }
  // Users who still have requests to send meet no further switch.
  await sleep(Math.max(0, Math.min(lasts, atMost) - since()));
  return done;
}

/** @returns ms of this machine from the last node's following to the proof. */
async function proven(
  shop: Shop,
  look: () => ReturnType<AwsConnection["target"]["router"]["sample"]>,
): Promise<number> {
  const { clock, elb } = shop.story.simulator;
  const until = performance.now() + PATIENCE;
  for (;;) {
    const seen = await look();
    // No other proof counts: the time that AWS is trusted to need says nothing of what it did.
    if (seen.is === "seen" && seen.value.strength === "identity" && seen.value.moved) {
      const nodes = elb.nodes("shop-alb");
      if (nodes.some(({ current }) => !current)) throw new Error("proven, but a node does not follow yet");
      return rounded((clock.now() - Math.max(...nodes.map(({ appliedAt }) => appliedAt))) / clock.speed);
    }
    if (performance.now() > until) throw new Error(`not proven: ${JSON.stringify(seen)}`);
    await sleep(PACE);
  }
}

/** Over all groups, nodes and minutes. */
function total(shop: Shop, what: "requests" | "own"): number {
  return shop.story.simulator.elb
    .counted()
    .map(({ requests, own }) =>
      what === "requests" ? requests : [...own.values()].reduce((sum, count) => sum + count, 0),
    )
    .reduce((sum, count) => sum + count, 0);
}
