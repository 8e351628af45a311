import { afterAll, afterEach, expect, onTestFailed, test } from "vitest";
import type { Answered } from "../../examples/load.ts";
import { rightsFor } from "../../src/targets/kubernetes/preflight/rights.ts";
import { sharedCluster } from "../cluster/cluster.ts";
import type { Json } from "../cluster/kubelet/client.ts";
import { deployment, service } from "../cluster/objects.ts";
import { ask, startUsers } from "../cluster/users.ts";
import { until } from "../e2e/processes.ts";
import { Place } from "./place.ts";

/* A service leaves Teal while its users go on. */

const cluster = await sharedCluster();
afterAll(() => cluster.stop());

let place: Place | undefined;
afterEach(async () => {
  await place?.dispose();
  place = undefined;
});

const NOT_WARM = "{ blueGreen: { bake: 500ms, keepWarm: 0s, drain: 500ms } }";

/** deployment/shop was adopted, and green is live with v1. */
async function deployed(): Promise<Place> {
  const objects = [deployment("shop", "teal.test/web:v0", { replicas: 2 }), service("shop", { app: "shop" })];
  place = await Place.open(cluster, { objects, strategy: NOT_WARM });
  await cluster.kubectl("rollout", "status", "deployment/shop", "-n", place.namespace, "--timeout=60s");
  expect(await place.teal("deploy", "v1")).toMatchObject({ code: 0, err: "" });
  return place;
}

async function usersOf({ namespace }: Place) {
  const { spec } = await cluster.get(namespace, "service", "shop");
  const url = `http://${spec.clusterIP}`;
  const users = startUsers(cluster, { url, rate: 60 });
  onTestFailed(() => void users.stop());
  return { url, users };
}

function expectNoneLost(seen: readonly Answered[]): void {
  expect(seen.length).toBeGreaterThan(100);
  expect(seen.filter(({ got }) => got !== 200)).toEqual([]);
}

/** Whatever in the namespace still speaks of Teal. */
async function leftOf({ namespace }: Place): Promise<readonly string[]> {
  const kinds = "deployments,services,configmaps,secrets,leases,horizontalpodautoscalers";
  const { items } = await cluster.get(namespace, kinds);
  return items
    .filter(({ metadata }: Json) =>
      Object.keys({ ...metadata.labels, ...metadata.annotations }).some((key) => key.startsWith("teal.dev/")),
    )
    .map(({ kind, metadata }: Json) => `${kind} ${metadata.name}`);
}

test("a service is given back as a plain Deployment of the live revision; nobody loses a request", async () => {
  const shop = await deployed();
  const { namespace } = shop;
  // Another one ends the adoption.
  expect((await shop.teal("deploy", "v2")).code).toBe(0);
  expect(await shop.live()).toBe("blue");
  const unsure = await shop.teal("eject");
  expect(unsure.code).toBe(2);
  expect(unsure.out).toContain("Deployment shop-blue");

  const { url, users } = await usersOf(shop);
  const ejected = await shop.teal("eject", "--yes");
  expect(ejected).toMatchObject({ code: 0, err: "" });
  expect(ejected.out).toContain("Users reach deployment/shop; nothing of Teal is left");
  expectNoneLost(await users.stop());
  expect(await ask(cluster, url)).toMatch(/^v2 /u);

  const plain = await cluster.get(namespace, "deployment", "shop");
  expect(plain.spec.template.spec.containers[0].image).toBe("teal.test/web:v2");
  expect(plain.spec.replicas).toBe(2);
  expect((await cluster.get(namespace, "service", "shop")).spec.selector).toEqual({ app: "shop" });
  expect(await leftOf(shop)).toEqual([]);
  // What it is now, it could have been from the start.
  expect((await shop.teal("status")).out).toContain("v2 serves on blue.");
});

test("a plain Deployment that does not become ready moves nobody; a killed run is gone on with", async () => {
  const shop = await deployed();
  const { namespace } = shop;
  await cluster.kubectl("create", "quota", "none", "-n", namespace, "--hard=pods=2");
  await until("the quota to count", async () => {
    const quota = await cluster.get(namespace, "resourcequota", "none");
    return quota.status?.used?.pods === "2";
  });
  const { url, users } = await usersOf(shop);
  const refused = await shop.teal("eject", "--yes");
  expect(refused.code).toBe(3);
  expect(refused.err).toContain("v1 serves on green.");
  expect(await shop.live()).toBe("green");
  const after = await cluster.get(namespace, "deployment", "shop");
  expect(after.spec.replicas).toBe(0);
  expect(after.spec.template.spec.containers[0].image).toBe("teal.test/web:v0");
  await cluster.kubectl("delete", "quota", "none", "-n", namespace);

  const killed = shop.start(["eject", "--yes"]);
  await until("users to be moved", async () => killed.output().includes("users reach deployment/shop"));
  process.kill(killed.pid, "SIGKILL");
  await killed.ended;
  const again = await shop.teal("eject", "--yes");
  expect(again).toMatchObject({ code: 0, err: "" });
  expectNoneLost(await users.stop());
  expect(await ask(cluster, url)).toMatch(/^v1 /u);
  expect(await leftOf(shop)).toEqual([]);
});

test("what was adopted and serves only loses its marks; an open deployment is in the way", async () => {
  const shop = await deployed();
  const pods = async () => {
    const { items } = await cluster.get(shop.namespace, "pods", "-l", "app=shop");
    return items.map(({ metadata }: Json) => metadata.uid).toSorted();
  };
  expect((await shop.teal("rollback")).code).toBe(0);
  const before = await pods();
  shop.configure({ strategy: "{ blueGreen: { gate: approval, bake: 500ms, keepWarm: 0s, drain: 500ms } }" });
  expect((await shop.teal("deploy", "v2")).code).toBe(6);
  const refused = await shop.teal("eject", "--yes");
  expect(refused.code).toBe(3);
  expect(refused.err).toContain("TEAL-K535");
  expect((await shop.teal("abort")).code).toBe(0);
  const role = rightsFor(
    { routing: { by: "service" }, access: { by: "context", context: "x" } },
    { keda: false },
  ).map(({ group, resource, verbs }) => ({ apiGroups: [group], resources: [resource], verbs }));
  const kubeconfig = await cluster.serviceAccount(shop.namespace, role);
  const forbidden = await shop.tealAs({ kubeconfig }, "eject", "--yes");
  expect(forbidden.code).toBe(3);
  expect(forbidden.err).toContain("you may not delete deployments.apps");
  expect(await shop.teal("eject", "--yes")).toMatchObject({ code: 0, err: "" });
  expect(await pods()).toEqual(before);
  expect((await cluster.get(shop.namespace, "service", "shop")).spec.selector).toEqual({ app: "shop" });
  expect(await leftOf(shop)).toEqual([]);
});
