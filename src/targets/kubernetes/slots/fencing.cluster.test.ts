import { afterEach, expect, test } from "vitest";
import { sharedCluster } from "../../../../test/cluster/cluster.ts";
import { seeded } from "../../../../test/simulation/random.ts";
import type { SlotSpec } from "../../../core/calls.ts";
import type { SlotProvider } from "../../../ports/slots.ts";
import type { Write } from "../../../ports/write.ts";
import type { SlotState } from "../../../core/observed.ts";
import { epochOf } from "../anchor.ts";
import type { Api } from "../api/api.ts";
import type { Deployment } from "../api/objects.ts";
import { paths } from "../api/paths.ts";
import { createKubernetesSlots } from "./slots.ts";
import { NEVER, by, shopIn, type Shop } from "./test-support.ts";

/**
 * Two operators on a real API server. While the first one is in the middle of a write, before any of its requests, the
 * second one claims; the first one sleeps through it, or goes on beside it. From the moment the claim is answered, nothing
 * of the first one takes effect.
 */

const cluster = await sharedCluster();
let shop: Shop;
afterEach(() => shop.end());

const RUNS = 500;
const call = { signal: NEVER };

/** @param before called before each request. */
function interrupted(api: Api, before: () => Promise<void>): Api {
  const late =
    <A extends readonly unknown[], R>(method: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      await before();
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
    changed: (signal) => api.changed(signal),
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
  return {
    uid: metadata.uid,
    generation: metadata.generation,
    replicas: spec.replicas,
    epoch: epochOf(deployment),
  };
}

interface Race {
  /** What was there, when the claim was answered and when the first operator's write had ended. */
  readonly before: unknown;
  readonly after: unknown;
  readonly write: Write<SlotState>["is"];
  readonly replicas: number;
}

/** One race. The number of the first operator's fence is `fence`; the second one's is higher. */
async function race(act: Act, fence: number, random: () => number): Promise<Race> {
  const { most, write } = act;
  const moment = 1 + Math.floor(random() * (most + 1));
  const sleeps = random() < 0.5;
  let requests = 0;
  let claim: Promise<unknown> | undefined;
  const claiming = async (): Promise<unknown> => {
    expect((await shop.slots.claim(by(fence + 1))).is).toBe("applied");
    return told(await green());
  };
  const api = interrupted(shop.api, async () => {
    if (++requests !== moment) return;
    claim = claiming();
    if (sleeps) await claim;
  });
  const { is } = await write(createKubernetesSlots(api, shop.settings), fence);
  const before = await (claim ?? claiming());
  const last = await green();
  return { before, after: told(last), write: is, replicas: last?.spec.replicas ?? 0 };
}

interface Act {
  /** So many requests it takes, about. */
  readonly most: number;
  readonly write: (slots: SlotProvider, fence: number) => Promise<Write<SlotState>>;
}

/** Pods that no node takes: what is raced for is the API server's objects, not processes. */
async function quiet(): Promise<SlotSpec> {
  shop = await shopIn(cluster, { pod: { nodeSelector: { "test/nowhere": "true" } } });
  return shop.revision("v1", 3);
}

test(`${RUNS} claims race with an ensure and a retire of a slot that is there: none takes effect afterwards`, async () => {
  const spec = await quiet();
  const random = seeded(20260105);
  const outcomes = new Map<string, number>();
  let has = 3;
  expect((await shop.slots.ensure("green", spec, "any", by(1))).is).toBe("applied");
  for (let run = 1; run <= RUNS; run++) {
    const write: Act["write"] = (slots, fence) =>
      has === 0 ? slots.ensure("green", spec, "any", by(fence)) : slots.retire("green", 0, "any", by(fence));
    const raced = await race({ most: 6, write }, run * 2, random);
    // Before the claim's answer it may be the one or the other; what it is then, it stays.
    if (raced.write === "applied") expect(raced.replicas).not.toBe(has);
    else expect([raced.write, raced.replicas]).toEqual(["fenced", has]);
    expect(raced.after).toEqual(raced.before);
    outcomes.set(raced.write, (outcomes.get(raced.write) ?? 0) + 1);
    has = raced.replicas;
  }
  expectBoth(outcomes);
}, 300_000);

test(`${RUNS} claims race with the making of a slot: what a shut-out operator makes never gets a replica`, async () => {
  const spec = await quiet();
  const random = seeded(20260106);
  const outcomes = new Map<string, number>();
  for (let run = 1; run <= RUNS; run++) {
    const write: Act["write"] = (slots, fence) => slots.ensure("green", spec, "any", by(fence));
    const raced = await race({ most: 13, write }, run * 2, random);
    if (raced.write === "applied") {
      expect(raced.replicas).toBe(3);
      expect(raced.after).toEqual(raced.before);
    } else {
      expect([raced.write, raced.replicas]).toEqual(["fenced", 0]);
    }
    outcomes.set(raced.write, (outcomes.get(raced.write) ?? 0) + 1);
    if ((await green()) !== undefined) {
      const path = paths.deployments(shop.namespace, "shop-green");
      expect((await shop.api.remove(path, { propagation: "Background" }, call)).is).toBe("ok");
    }
  }
  expectBoth(outcomes);
}, 300_000);

/** Claims came early and late enough that either operator often won. */
function expectBoth(outcomes: ReadonlyMap<string, number>): void {
  expect([...outcomes.keys()].toSorted()).toEqual(["applied", "fenced"]);
  for (const times of outcomes.values()) expect(times).toBeGreaterThan(RUNS / 20);
}
