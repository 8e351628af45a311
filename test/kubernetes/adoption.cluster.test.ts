import { afterAll, afterEach, expect, onTestFailed, test } from "vitest";
import { sharedCluster } from "../cluster/cluster.ts";
import type { Json } from "../cluster/kubelet/client.ts";
import { deployment, service } from "../cluster/objects.ts";
import { ask, startUsers } from "../cluster/users.ts";
import { until } from "../e2e/processes.ts";
import { Place, type PlaceOptions } from "./place.ts";

/* A Deployment that serves before Teal comes, and the way back to it, under users. */

const cluster = await sharedCluster();
afterAll(() => cluster.stop());

let place: Place | undefined;
afterEach(async () => {
  await place?.dispose();
  place = undefined;
});

/** deployment/shop serves v0 with two replicas behind the Service `shop`. */
async function serving(options: PlaceOptions = {}): Promise<Place> {
  const objects = [deployment("shop", "teal.test/web:v0", { replicas: 2 }), service("shop", { app: "shop" })];
  place = await Place.open(cluster, { objects, ...options });
  const { namespace } = place;
  await cluster.kubectl("rollout", "status", "deployment/shop", "-n", namespace, "--timeout=60s");
  return place;
}

const shopOf = ({ namespace }: Place): Promise<Json> => cluster.get(namespace, "deployment", "shop");
const selectorOf = async ({ namespace }: Place): Promise<unknown> =>
  (await cluster.get(namespace, "service", "shop")).spec.selector;

/** Uids and restarts of the pods that deployment/shop made. */
async function podsOf({ namespace }: Place): Promise<readonly string[]> {
  const { items } = await cluster.get(namespace, "pods", "-l", "app=shop");
  return items
    .map(({ metadata, status }: Json) => `${metadata.uid} ${status.containerStatuses[0].restartCount}`)
    .toSorted();
}

async function usersOf(shop: Place) {
  const { spec } = await cluster.get(shop.namespace, "service", "shop");
  const url = `http://${spec.clusterIP}`;
  await until("users to be answered", async () => (await ask(cluster, url).catch(String)).startsWith("v0"));
  const users = startUsers(cluster, { url, rate: 60 });
  onTestFailed(() => void users.stop());
  return users;
}

test("a Deployment that serves is blue as it is: deploy, roll back to it, deploy twice; nobody loses a request", async () => {
  const shop = await serving();
  const { namespace } = shop;
  await cluster.kubectl("autoscale", "deployment/shop", "-n", namespace, "--min=1", "--max=4");
  const boundsOf = async () => {
    const { spec } = await cluster.get(namespace, "hpa", "shop");
    return [spec.minReplicas, spec.maxReplicas];
  };
  const before = await shopOf(shop);
  const pods = await podsOf(shop);
  expect(pods.length).toBe(2);
  expect((await shop.teal("status")).out).toContain("v0 serves on blue.");
  const users = await usersOf(shop);

  // Looking and planning leave no mark.
  expect((await shop.teal("plan", "v1")).out).toContain("run v1 on green");
  expect((await shopOf(shop)).metadata.labels).toBeUndefined();

  const first = await shop.teal("deploy", "v1");
  expect(first).toMatchObject({ code: 0, err: "" });
  expect(first.out).toContain("v1 is live on green.");
  const adopted = await shopOf(shop);
  expect(adopted.metadata.labels).toEqual({ "teal.dev/service": "shop", "teal.dev/slot": "blue" });
  expect(adopted.spec).toEqual(before.spec);
  expect(await podsOf(shop)).toEqual(pods);

  const back = await shop.teal("rollback");
  expect(back).toMatchObject({ code: 0, err: "" });
  expect(back.out).toContain("v0 is live.");
  expect(await selectorOf(shop)).toEqual({ app: "shop" });
  expect(await podsOf(shop)).toEqual(pods);
  expect((await shopOf(shop)).spec).toEqual(before.spec);
  expect(await boundsOf()).toEqual([1, 4]);

  expect((await shop.teal("deploy", "v2")).code).toBe(0);
  expect(await shop.live()).toBe("green");
  expect(await podsOf(shop)).toEqual(pods);
  // The next one needs blue: what was adopted is emptied, let go, and stays the template.
  const third = await shop.teal("deploy", "v3");
  expect(third).toMatchObject({ code: 0, err: "" });
  expect(third.out).toContain("v3 is live on blue.");
  const template = await shopOf(shop);
  expect(template.spec.replicas).toBe(0);
  expect(JSON.stringify(template.metadata.labels ?? {})).not.toContain("teal.dev");
  expect(JSON.stringify(template.metadata.annotations)).not.toContain("teal.dev");
  expect(await selectorOf(shop)).toEqual({ "teal.dev/service": "shop", "teal.dev/slot": "blue" });
  expect((await cluster.get(namespace, "deployment", "shop-blue")).spec.replicas).toBe(2);

  const seen = await users.stop();
  expect(seen.length).toBeGreaterThan(300);
  expect(seen.filter(({ got }) => got !== 200)).toEqual([]);
});

test("a candidate's pods are nobody else's: not the adopted Deployment's, not its budget's", async () => {
  const shop = await serving({
    strategy: "{ blueGreen: { gate: approval, bake: 500ms, keepWarm: 0s, drain: 500ms } }",
  });
  expect((await shop.teal("deploy", "v1")).code).toBe(6);
  const { items } = await cluster.get(shop.namespace, "pods", "-l", "teal.dev/slot=green");
  expect(items.length).toBe(2);
  expect(new Set(items.map(({ metadata }: Json) => metadata.labels.app))).toEqual(new Set(["shop-green"]));
  expect((await shopOf(shop)).status.replicas).toBe(2);
  expect(await selectorOf(shop)).toEqual({ app: "shop" });
  expect((await shop.teal("abort")).code).toBe(0);
  expect(await selectorOf(shop)).toEqual({ app: "shop" });
  expect((await shopOf(shop)).status.readyReplicas).toBe(2);
});
