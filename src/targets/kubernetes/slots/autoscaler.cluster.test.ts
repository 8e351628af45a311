import { afterEach, expect, test } from "vitest";
import { sharedCluster } from "../../../../test/cluster/cluster.ts";
import type { Borrowed } from "../../../core/observed.ts";
import type { Slot } from "../../../core/units.ts";
import { NEVER, by, ready, shopIn, until, type Shop } from "./test-support.ts";

/** The real autoscaler controller runs; without metrics it does what its bounds say. */

const cluster = await sharedCluster();
let shop: Shop;
afterEach(() => shop.end());

function hpa(name: string, target: string, minReplicas: number, maxReplicas: number): object {
  return {
    apiVersion: "autoscaling/v2",
    kind: "HorizontalPodAutoscaler",
    metadata: { name },
    spec: {
      scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: target },
      minReplicas,
      maxReplicas,
    },
  };
}

const bounds = async (name: string): Promise<[number, number]> => {
  const { spec } = await cluster.get(shop.namespace, "hpa", name);
  return [spec.minReplicas, spec.maxReplicas];
};

async function lends(slot: Slot): Promise<readonly Borrowed[]> {
  const look = await shop.slots.observe(slot, NEVER);
  return look.is === "seen" ? (look.value.lends ?? []) : [];
}

async function versionNow(slot: Slot): Promise<string | undefined> {
  const look = await shop.slots.observe(slot, NEVER);
  return look.is === "seen" ? look.version : undefined;
}

async function run(slot: Slot, name: string, replicas: number): Promise<void> {
  const answer = await shop.slots.ensure(slot, await shop.revision(name, replicas), "any", by(1));
  expect(answer.is).toBe("applied");
  await until(shop.slots, slot, ready(replicas));
}

test("each slot gets its own, held while a deployment runs and given back exactly; an empty slot has none", async () => {
  shop = await shopIn(cluster, { before: [hpa("shop", "shop", 1, 6)] });
  await run("blue", "v1", 2);
  expect(await bounds("shop-blue")).toEqual([2, 6]);
  const [own] = await lends("green");
  await shop.slots.restore({ slot: "blue", what: "autoscaler", original: own!.original }, by(1));
  expect(await bounds("shop-blue")).toEqual([1, 6]);

  // Live has grown by itself since; the candidate comes beside it.
  await cluster.kubectl("scale", "-n", shop.namespace, "deployment/shop-blue", "--replicas=3");
  await until(shop.slots, "blue", ready(3));
  const borrowed = [...(await lends("blue")), ...(await lends("green"))];
  expect(borrowed.map(({ slot }) => slot)).toEqual(["blue", "green"]);
  await run("green", "v2", 3);
  expect(await bounds("shop-blue")).toEqual([3, 6]);
  expect(await bounds("shop-green")).toEqual([3, 6]);
  // Whoever comes after an operator that was cut off has it to put back, too.
  expect((await lends("blue")).map(({ original }) => JSON.parse(original))).toMatchObject([
    { min: 1, max: 6 },
  ]);
  // Live was only held, never resized.
  expect((await cluster.get(shop.namespace, "deployment", "shop-blue")).spec.replicas).toBe(3);

  for (const each of borrowed) expect((await shop.slots.restore(each, by(1))).is).toBe("applied");
  for (const each of borrowed) expect((await shop.slots.restore(each, by(1))).is).toBe("unchanged");
  expect(await bounds("shop-blue")).toEqual([1, 6]);
  expect(await bounds("shop-green")).toEqual([1, 6]);

  await shop.slots.retire("blue", 0, "any", by(1));
  await until(shop.slots, "blue", (state) => state.settled && state.replicas.length === 0);
  await expect(bounds("shop-blue")).rejects.toThrow("NotFound");
  // The template's own was never touched.
  const source = await cluster.get(shop.namespace, "hpa", "shop");
  expect(source.metadata.annotations?.["teal.dev/held"]).toBeUndefined();
});

test("growth that the autoscaler makes in the middle of a deployment is the slot's size, and is kept", async () => {
  shop = await shopIn(cluster, { before: [hpa("shop", "shop", 1, 6)] });
  await run("blue", "v1", 1);
  await run("green", "v2", 1);
  const before = await versionNow("blue");
  // The controller itself scales: its lower bound was raised by a person.
  await cluster.kubectl(
    "patch",
    "-n",
    shop.namespace,
    "hpa",
    "shop-blue",
    "--type=merge",
    "-p",
    '{"spec":{"minReplicas":3}}',
  );
  const grown = await until(shop.slots, "blue", ready(3));
  expect(grown.wanted).toBe(3);
  expect(await versionNow("blue")).not.toBe(before);
  // Asked for less than there is, nothing shrinks.
  const answer = await shop.slots.ensure("blue", await shop.revision("v1", 1), "any", by(1));
  expect(answer.is === "applied" || answer.is === "unchanged").toBe(true);
  expect((await cluster.get(shop.namespace, "deployment", "shop-blue")).spec.replicas).toBe(3);
  // What the person changed meanwhile is not put back.
  await shop.slots.restore({ slot: "blue", what: "autoscaler", original: '{"min":1,"max":6}' }, by(1));
  expect(await bounds("shop-blue")).toEqual([3, 6]);
});

test("taken down in parts, a slot is not filled up again by its autoscaler", async () => {
  shop = await shopIn(cluster, { before: [hpa("shop", "shop", 3, 6)] });
  await run("blue", "v1", 3);
  await shop.slots.retire("blue", 1, "any", by(1));
  expect(await bounds("shop-blue")).toEqual([1, 1]);
  await until(shop.slots, "blue", ready(1));
});

test("a slot without an autoscaler anywhere lends nothing", async () => {
  shop = await shopIn(cluster);
  await run("blue", "v1", 1);
  expect([...(await lends("blue")), ...(await lends("green"))]).toEqual([]);
});
