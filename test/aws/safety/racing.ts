import { S3Client } from "@aws-sdk/client-s3";
import { acquire, type HeldLease } from "../../../src/engine/lease.ts";
import type { Plan } from "../../../src/core/plan.ts";
import { deploymentId, fence, instant, intentId, millis, type Fence } from "../../../src/core/units.ts";
import type { Holder } from "../../../src/core/journal.ts";
import type { By } from "../../../src/ports/write.ts";
import type { Key } from "../../../src/ports/store.ts";
import { openS3Store, type S3Store } from "../../../src/state/s3/store.ts";
import { systemClock } from "../../../src/state/system-clock.ts";
import { connectAws } from "../../../src/targets/aws/api/connect.ts";
import type { AwsApi } from "../../../src/targets/aws/api/api.ts";
import { createFence, type AwsFence } from "../../../src/targets/aws/fence.ts";
import { inferFrom } from "../../../src/targets/aws/infer.ts";
import { createAwsRouter, type AwsRouter } from "../../../src/targets/aws/router/router.ts";
import { groupsOf } from "../../../src/targets/aws/router/view.ts";
import type { AwsSettings } from "../../../src/targets/aws/settings.ts";
import { clientConfig } from "../../aws-sim/sdk.ts";
import { standardShop } from "../../aws-sim/shop.ts";
import { startSimulator, type Simulator } from "../../aws-sim/simulator.ts";

/*
 * Two runners in one process, each with a store, a fence and a router of its own, which share nothing but the simulated
 * account. Who wrote is judged by the calls that the account recorded: each runner's shift has weights of its own.
 */

const BUCKET = "races";
const NEVER = new AbortController().signal;

/** One of those who want to deploy. */
interface Runner {
  readonly name: string;
  /** Percent of green that only this runner's shift has, in this race and the ones beside it. */
  share: number;
  readonly holder: Holder;
  readonly store: S3Store;
  readonly fence: AwsFence;
  readonly router: AwsRouter;
}

/** How a race ended, as the account's record tells it. */
export interface Raced {
  readonly kind: Kind;
  /** How many got the lease. */
  readonly held: number;
  /** How many opened the deployment; only in `fresh`. */
  readonly opened?: number;
  /** How many runners shifted traffic, besides an expired one. */
  readonly proceeded: number;
  /** An expired holder's write, by where it landed relative to the new holder's. */
  readonly late?: "refused" | "before" | "after";
  /** The weights at the end are those of who holds the lease. */
  readonly right: boolean;
  /** The new holder wrote again, since it saw what the expired one had done. */
  readonly repaired: boolean;
}

/**
 * `fresh`: a service that nobody deployed before; `released`: the last holder let go; `expired`: the last holder does not
 * know yet that it lost the lease, and writes while two others want to take over.
 */
export const KINDS = ["fresh", "released", "expired"] as const;
export type Kind = (typeof KINDS)[number];

export interface Track {
  race(kind: Kind, number: number): Promise<Raced>;
  end(): Promise<void>;
}

/** @param seed decides when an expired holder writes, and how long the network keeps that back. */
export async function openTrack(seed = 1): Promise<Track> {
  // An upload takes up to 20 ms of the world: 2 here.
  const simulator = await startSimulator({ speed: 10, throttling: "off", seed });
  const clients: S3Client[] = [];
  const apis: AwsApi[] = [];
  const end = async () => {
    for (const client of clients) client.destroy();
    for (const api of apis) await api.close();
    await simulator.stop();
  };
  try {
    const shop = await standardShop(simulator, { instances: 0 });
    simulator.s3.createBucket(BUCKET);
    const runners: Runner[] = [];
    for (const [index, name] of ["first", "second", "third"].entries()) {
      const api = await apiOf(simulator);
      const client = new S3Client({ ...clientConfig(simulator.environment()), forcePathStyle: true });
      apis.push(api);
      clients.push(client);
      runners.push(await runnerOf(simulator, api, client, name, index));
    }
    const rule = shop.listeners[0]?.rule ?? "";
    const [first, second, third] = runners as [Runner, Runner, Runner];
    let held: Promise<void> | undefined;
    // The network keeps an expired holder's write back until the other one has written.
    simulator.intercept({
      before: async ({ action, input }) => {
        if (action === "elasticloadbalancing:ModifyRule" && shareIn(JSON.stringify(input)) === third.share)
          await held;
        return undefined;
      },
    });
    let key: Key = { service: "shop", environment: "default" };
    const race = async (kind: Kind, number: number): Promise<Raced> => {
      for (const [index, runner] of runners.entries()) runner.share = 1 + ((3 * number + index) % 48);
      const from = simulator.recorded.length;
      // A journal that nobody wrote in; the target groups and their fence stay, so that fences must not begin anew.
      if (kind === "fresh") key = { ...key, service: `shop-${number}` };
      const expired = kind === "expired" ? third : undefined;
      const next = random(seed * 1e6 + number);
      const written = Promise.withResolvers<void>();
      held = next() < 0.5 ? undefined : written.promise;
      const result = await run(kind, key, [first, second], expired, next, () => written.resolve());
      return judged(simulator, rule, from, kind, { first, second, third }, result);
    };
    // The lease that `released` and `expired` find is there from the start.
    await (await lease(third, key))?.release();
    return { race, end };
  } catch (error) {
    await end();
    throw error;
  }
}

interface Result {
  readonly holders: readonly Runner[];
  readonly opened?: number;
}

async function run(
  kind: Kind,
  key: Key,
  pair: readonly [Runner, Runner],
  expired: Runner | undefined,
  next: () => number,
  written: () => void,
): Promise<Result> {
  const lost = expired === undefined ? undefined : await lease(expired, key);
  if (expired !== undefined && lost !== undefined) await claim(expired, lost.fence);
  const deploys = pair.map(async (runner) => {
    const opened = kind === "fresh" ? await opens(runner, key) : undefined;
    const held = await lease(runner, key, kind === "expired");
    if (held === undefined) return { runner, opened, held };
    const claimed = await claim(runner, held.fence);
    if (claimed) await shift(runner, held.fence);
    written();
    return { runner, opened, held };
  });
  const late = expired === undefined || lost === undefined ? undefined : lateShift(expired, lost.fence, next);
  const all = await Promise.all(deploys);
  await late;
  const winner = all.find(({ held }) => held !== undefined);
  // What the engine does within the time to settle: look again, and repair.
  if (expired !== undefined && winner?.held !== undefined) await shift(winner.runner, winner.held.fence);
  for (const { held } of all) await held?.release();
  await lost?.release();
  return {
    holders: all.flatMap(({ held, runner }) => (held === undefined ? [] : [runner])),
    ...(kind === "fresh" ? { opened: all.filter(({ opened }) => opened === true).length } : {}),
  };
}

/** The deployment of this service is this runner's. */
async function opens(runner: Runner, key: Key): Promise<boolean> {
  const first = {
    kind: "opened",
    id: deploymentId(`d-${runner.name}`),
    engine: 1,
    plan: {} as Plan,
  } as const;
  const answer = await runner.store.open(key, first.id, first);
  if (answer.is === "unavailable" || answer.is === "rejected") throw new Error(answer.cause.message);
  return answer.is === "opened";
}

/** @param takeOver the holder is taken for gone, though it is not: its heartbeats stayed away. */
async function lease(runner: Runner, key: Key, takeOver = false): Promise<HeldLease | undefined> {
  const { store, holder } = runner;
  const isGone = (seen: Holder) => (takeOver && seen.name === "third" ? "gone" : "alive");
  const got = await acquire({
    store,
    key,
    holder,
    clock: systemClock,
    isGone,
    waitAtMost: millis(0),
    signal: NEVER,
  });
  if (got.is === "unavailable") throw new Error(got.cause.message);
  return got.is === "held" ? got.lease : undefined;
}

async function claim(runner: Runner, of: Fence): Promise<boolean> {
  const answer = await runner.router.claim(by(of));
  return answer.is === "applied" || answer.is === "unchanged";
}

/** As the engine shifts: decided on what was seen last, and again when that was not so any more. */
async function shift(runner: Runner, of: Fence): Promise<string> {
  for (let attempt = 0; attempt < 5; attempt += 1) {
    const seen = await runner.router.observe(NEVER);
    if (seen.is !== "seen") throw new Error(seen.cause.message);
    const to = { blue: 100 - runner.share, green: runner.share };
    const answer = await runner.router.shift(to, seen.version, by(of));
    if (answer.is !== "conflict") return answer.is;
  }
  return "conflict";
}

/** Decided while the lease was still its own, and sent some time later. */
async function lateShift(runner: Runner, of: Fence, next: () => number): Promise<string> {
  await systemClock.sleep(millis(next() * 25));
  return shift(runner, of);
}

function by(of: Fence): By {
  const deadline = instant(Date.now() + 20_000);
  return { intent: intentId("race"), fence: of, deadline, signal: NEVER };
}

interface Written {
  readonly action: string;
  readonly input: unknown;
  readonly error?: string;
}

/** By what the account recorded, and by its rule. */
function judged(
  simulator: Simulator,
  rule: string,
  from: number,
  kind: Kind,
  { first, second, third }: Readonly<Record<"first" | "second" | "third", Runner>>,
  { holders, opened }: Result,
): Raced {
  const shares = simulator.recorded
    .slice(from)
    .filter(
      ({ action, error }: Written) => action === "elasticloadbalancing:ModifyRule" && error === undefined,
    )
    .map(({ input }) => shareIn(JSON.stringify(input)));
  const pair = [first, second].filter(({ share }) => shares.includes(share));
  const winner = holders[0]?.share ?? 0;
  const stale = shares.indexOf(third.share);
  const late = stale < 0 ? "refused" : stale < shares.indexOf(winner) ? "before" : "after";
  const { Rules: rules } = simulator.elb.act("DescribeRules", { RuleArns: [rule] }) as { Rules: unknown[] };
  return {
    kind,
    held: holders.length,
    ...(opened === undefined ? {} : { opened }),
    proceeded: pair.length,
    ...(kind === "expired" ? { late } : {}),
    right: shareIn(JSON.stringify(rules[0])) === winner,
    repaired: shares.filter((share) => share === winner).length > 1,
  };
}

/** The weight that is a runner's own mark. */
function shareIn(text: string): number {
  const weights = [...text.matchAll(/"Weight":"?(\d+)/gu)].map(([, weight]) => Number(weight));
  return Math.min(...weights);
}

async function apiOf(simulator: Simulator): Promise<AwsApi> {
  const plenty = { burst: 1e9, perSecond: 1e9 };
  const connected = await connectAws(
    { account: simulator.account },
    {
      environment: simulator.environment(),
      rates: { look: plenty, plan: plenty, write: plenty, switch: plenty },
    },
  );
  if (connected.is === "failed") throw new Error(connected.cause.message);
  return connected.api;
}

async function runnerOf(
  simulator: Simulator,
  api: AwsApi,
  client: S3Client,
  name: string,
  pid: number,
): Promise<Runner> {
  const settings: AwsSettings = {
    service: "shop",
    environment: "default",
    account: simulator.account,
    listeners: ["shop-alb:8080"],
    match: { host: "shop.example" },
    template: { by: "image" },
    reach: { by: "address" },
    sticky: "wait",
    propagation: millis(100),
  };
  const sought = await inferFrom(api, settings).found({ signal: NEVER, purse: "switch" });
  if (sought.is !== "found") throw new Error(sought.cause.message);
  const { found } = sought;
  const own = createFence(api);
  const claimed = async () => {
    const tags = await own.read(groupsOf(found), { signal: NEVER, purse: "switch" });
    return "code" in tags ? fence(0) : tags.fence;
  };
  return {
    name,
    share: 0,
    holder: { name, host: name, pid, started: "then", boot: `boot of ${name}` },
    store: openS3Store({ bucket: BUCKET, prefix: "", access: () => Promise.resolve(client), claimed }),
    fence: own,
    router: createAwsRouter(api, settings, () => Promise.resolve(found), { fence: own }),
  };
}

/** Numbers in [0, 1) that repeat by seed (mulberry32). */
function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
