import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, expect, onTestFailed, test } from "vitest";
import type { Answered } from "../../examples/load.ts";
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

function expectNoneLost(seen: readonly Answered[]): void {
  expect(seen.length).toBeGreaterThan(300);
  expect(seen.filter(({ got }) => got !== 200)).toEqual([]);
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

  // The next sync of whoever deploys what lies in a repository does not bring it back.
  const again = await shop.teal("deploy", "v1");
  expect(again.code).toBe(3);
  expect(again.err).toContain("--retry-reverted");

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
  // Its autoscaler is its owner's again, and has nothing to scale.
  expect(await boundsOf()).toEqual([1, 4]);
  const scaler = await cluster.get(namespace, "hpa", "shop");
  expect(scaler.metadata.annotations?.["teal.dev/held"]).toBeUndefined();

  expectNoneLost(await users.stop());
});

test("what was adopted comes back also after it was stopped; the template's image is the default revision", async () => {
  const shop = await serving({ strategy: "{ blueGreen: { bake: 500ms, keepWarm: 0s, drain: 500ms } }" });
  const { namespace } = shop;
  expect((await shop.teal("deploy", "v1")).code).toBe(0);
  expect((await shopOf(shop)).spec.replicas).toBe(0);
  const back = await shop.teal("rollback");
  expect(back).toMatchObject({ code: 0, err: "" });
  expect(back.out).toContain("v0 is live on blue.");
  expect(await selectorOf(shop)).toEqual({ app: "shop" });
  expect((await shopOf(shop)).spec.replicas).toBe(2);
  expect((await shop.teal("deploy", "v2")).code).toBe(0);

  // A release tool gives the template, which runs nothing now, another image.
  await cluster.kubectl("set", "image", "deployment/shop", "web=teal.test/web:v3", "-n", namespace);
  const synced = await shop.teal("deploy");
  expect(synced).toMatchObject({ code: 0, err: "" });
  expect(synced.out).toContain("v3 is live on blue.");

  // And starts it again: its pods are nobody's, and who did it is told.
  await cluster.kubectl("scale", "deployment/shop", "-n", namespace, "--replicas=1");
  await cluster.kubectl("rollout", "status", "deployment/shop", "-n", namespace, "--timeout=60s");
  const plan = await shop.teal("plan", "v4");
  expect(plan.out).toContain("deployment/shop is only the template and has 1 replicas, which get no traffic");
  expect((await shop.teal("status")).out).toContain("v3 serves on blue.");
});

test("who else writes the selector is named before the first deployment, and who reverted it afterwards", async () => {
  const shop = await serving();
  const { namespace } = shop;
  const applied = JSON.stringify({
    ...service("shop", { app: "shop" }),
    metadata: { name: "shop", namespace, labels: { team: "shop" } },
  });
  const asArgo = ["--server-side", "--force-conflicts", "--field-manager=argocd-controller"];
  const sync = async () => {
    const file = join(shop.folder, "service.json");
    writeFileSync(file, applied);
    await cluster.kubectl("apply", ...asArgo, "-f", file);
  };
  await sync();
  const plan = await shop.teal("plan", "v1");
  expect(plan.out).toContain("/spec/selector of Service shop is also written by Argo CD (argocd-controller");
  expect(plan.out).toContain(
    "ignoreDifferences: [{ kind: Service, name: shop, jsonPointers: [/spec/selector] }]",
  );
  expect((await shop.teal("deploy", "v1")).code).toBe(0);
  expect(await shop.live()).toBe("green");
  await sync();
  expect(await shop.live()).toBeUndefined();
  expect((await shop.teal("status")).out).toMatch(
    /is not as Teal left it: argocd-controller wrote it at 20/u,
  );
  const after = await shop.teal("plan", "v2");
  expect(after.out).toContain(
    "/spec/selector of Service shop is not as Teal left it: argocd-controller wrote it at",
  );
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
