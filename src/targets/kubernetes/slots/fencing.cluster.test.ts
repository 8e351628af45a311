import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, test } from "vitest";
import { sharedCluster } from "../../../../test/cluster/cluster.ts";
import { seeded } from "../../../../test/simulation/random.ts";
import type { SlotSpec } from "../../../core/calls.ts";
import type { Write } from "../../../ports/write.ts";
import type { SlotState } from "../../../core/observed.ts";
import { epochOf } from "../anchor.ts";
import type { Api } from "../api/api.ts";
import type { Deployment } from "../api/objects.ts";
import { paths } from "../api/paths.ts";
import { createKubernetesSlots } from "./slots.ts";
import { NEVER, by, shopIn, type Shop } from "./test-support.ts";

/**
 * Two operators on a real API server. The first one pauses wherever it likes between its requests, which is what a
 * sleeping laptop or a busy machine does; meanwhile the second one claims. From the moment its claim is answered,
 * nothing of the first one takes effect.
 */

const cluster = await sharedCluster();
let shop: Shop;
afterEach(() => shop.end());

const RUNS = 500;
const call = { signal: NEVER };

/** Pauses (ms) before each request: mostly none, sometimes longer than a whole claim takes. */
function hesitant(api: Api, random: () => number): Api {
  const wait = () => sleep(random() < 0.5 ? 0 : Math.floor(random() * 25));
  const late =
    <A extends readonly unknown[], R>(method: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      await wait();
      return method(...args);
    };
  return {
    namespace: api.namespace,
    place: api.place,
    get: late(api.get.bind(api)) as Api["get"],
    list: late(api.list.bind(api)) as Api["list"],
    create: late(api.create.bind(api)) as Api["create"],
    patch: late(api.patch.bind(api)) as Api["patch"],
    remove: late(api.remove.bind(api)),
    text: api.text.bind(api),
    open: api.open.bind(api),
    mirror: api.mirror.bind(api),
    close: () => api.close(),
  };
}

async function green(): Promise<Deployment | undefined> {
  const answer = await shop.api.get<Deployment>(paths.deployments(shop.namespace, "shop-green"), call);
  if (answer.is === "absent") return undefined;
  if (answer.is !== "ok") throw new Error(answer.cause.message);
  return answer.value;
}

/** What a write of the slot changes. */
function told(deployment: Deployment | undefined): unknown {
  if (deployment === undefined) return "absent";
  const { metadata, spec } = deployment;
  return { uid: metadata.uid, generation: metadata.generation, replicas: spec.replicas, epoch: epochOf(deployment) };
}

interface Race {
  /** What was there, when the claim was answered and when the first operator's write had ended. */
  readonly before: unknown;
  readonly after: unknown;
  readonly write: Write<SlotState>["is"];
  readonly replicas: number;
}

/**
 * One race. The number of the first operator's fence is `fence`, the second one's is higher, and claims within so many
 * ms after the first one began.
 */
async function race(
  first: ReturnType<typeof createKubernetesSlots>,
  act: (slots: ReturnType<typeof createKubernetesSlots>, fence: number) => Promise<Write<SlotState>>,
  fence: number,
  random: () => number,
  within: number,
): Promise<Race> {
  const write = act(first, fence);
  await sleep(Math.floor(random() * within));
  const claimed = await shop.slots.claim(by(fence + 1));
  expect(claimed.is).toBe("applied");
  const before = told(await green());
  const { is } = await write;
  const last = await green();
  return { before, after: told(last), write: is, replicas: last?.spec.replicas ?? 0 };
}

/** Pods that no node takes: what is raced for is the API server's objects, not processes. */
async function quiet(): Promise<SlotSpec> {
  shop = await shopIn(cluster, { pod: { nodeSelector: { "test/nowhere": "true" } } });
  return shop.revision("v1", 3);
}

test(`${RUNS} claims race with an ensure and a retire of a slot that is there: none takes effect afterwards`, async () => {
  const spec = await quiet();
  const random = seeded(20260105);
  const first = createKubernetesSlots(hesitant(shop.api, random), shop.settings);
  const outcomes = new Map<string, number>();
  let has = 3;
  expect((await shop.slots.ensure("green", spec, "any", by(1))).is).toBe("applied");
  for (let run = 1; run <= RUNS; run++) {
    const raced = await race(
      first,
      (slots, fence) =>
        has === 0
          ? slots.ensure("green", spec, "any", by(fence))
          : slots.retire("green", 0, "any", by(fence)),
      run * 2,
      random,
      40,
    );
    // Before the claim's answer it may be the one or the other; what it is then, it stays.
    if (raced.write === "applied") expect(raced.replicas).not.toBe(has);
    else expect([raced.write, raced.replicas]).toEqual(["fenced", has]);
    expect(raced.after).toEqual(raced.before);
    outcomes.set(raced.write, (outcomes.get(raced.write) ?? 0) + 1);
    has = raced.replicas;
  }
  // Both sides of the race were met, often.
  expect(outcomes.get("applied")).toBeGreaterThan(RUNS / 20);
  expect(outcomes.get("fenced")).toBeGreaterThan(RUNS / 20);
}, 300_000);

test(`${RUNS} claims race with the making of a slot: what a shut-out operator makes never gets a replica`, async () => {
  const spec = await quiet();
  const random = seeded(20260106);
  const first = createKubernetesSlots(hesitant(shop.api, random), shop.settings);
  const outcomes = new Map<string, number>();
  for (let run = 1; run <= RUNS; run++) {
    const act = (slots: typeof first, fence: number) => slots.ensure("green", spec, "any", by(fence));
    const raced = await race(first, act, run * 2, random, 200);
    if (raced.write === "applied") {
      expect(raced.replicas).toBe(3);
      expect(raced.after).toEqual(raced.before);
    } else {
      expect([raced.write, raced.replicas]).toEqual(["fenced", 0]);
    }
    outcomes.set(raced.write, (outcomes.get(raced.write) ?? 0) + 1);
    const made = await green();
    if (made !== undefined) {
      const path = paths.deployments(shop.namespace, "shop-green");
      expect((await shop.api.remove(path, { propagation: "Background" }, call)).is).toBe("ok");
    }
  }
  expect(outcomes.get("applied")).toBeGreaterThan(RUNS / 20);
  expect(outcomes.get("fenced")).toBeGreaterThan(RUNS / 20);
}, 300_000);
