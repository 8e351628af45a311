import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { isTestersRule } from "../../src/targets/kubernetes/gateway-router/refs.ts";
import { rightsFor } from "../../src/targets/kubernetes/preflight/rights.ts";
import { sharedCluster } from "../cluster/cluster.ts";
import { askDuring, askMany, askOnce, countByWord } from "../cluster/gateway/asking.ts";
import { addressOfGateway, gatewayObject, routeObject } from "../cluster/gateway/objects.ts";
import { startGateway, type TestGateway } from "../cluster/gateway/start.ts";
import { deployment, service } from "../cluster/objects.ts";
import { until } from "../e2e/processes.ts";
import { Place, type Ran } from "./place.ts";

/* The commands as people type them, for a service behind a route of the Gateway API, with the smallest Role. */

const cluster = await sharedCluster();
const ROLE = rightsFor(
  { routing: { by: "gateway", route: "shop" }, access: { by: "context", context: "x" } },
  { keda: false },
).map(({ group, resource, verbs }) => ({ apiGroups: [group], resources: [resource], verbs }));
const ROUTE = 'gateway: { route: shop, testers: { header: { name: X-Try, value: "1" } }, mirror: true }';
const WITH_TESTERS = { "X-Try": "1" };

let gateway: TestGateway;
let place: Place | undefined;
let url = "";
let kubeconfig = "";

beforeAll(async () => {
  gateway = await startGateway(cluster);
});
afterEach(() => place?.dispose());
afterAll(async () => {
  await gateway.stop();
  await cluster.stop();
});

/** A service whose users come through a route to its first Service. */
async function opened(strategy: string): Promise<Place> {
  const objects = [deployment("shop", "teal.test/web:v0", { replicas: 2 }), service("shop", { app: "shop" })];
  place = await Place.open(cluster, { target: ROUTE, strategy, objects });
  const { namespace } = place;
  await cluster.apply(
    namespace,
    gatewayObject("edge"),
    routeObject("shop", "edge", [{ backendRefs: [{ name: "shop", port: 80 }] }]),
  );
  await cluster.kubectl("rollout", "status", "deployment/shop", "-n", namespace, "--timeout=40s");
  url = await addressOfGateway(cluster, namespace, "edge");
  kubeconfig = await cluster.serviceAccount(namespace, ROLE);
  // On a busy machine the controller of EndpointSlices takes its time: after an outdated look it backs off.
  const served = async () => (await askOnce({ url })).body.startsWith("v0 ");
  await until("users to be served", served, 60_000);
  return place;
}

/** Runs a command, which must end with this status. */
async function teal(shop: Place, status: number, ...words: readonly string[]): Promise<Ran> {
  const ran = await shop.tealAs({ kubeconfig }, ...words);
  expect(ran.code, `${words.join(" ")}\n${ran.out}${ran.err}`).toBe(status);
  return ran;
}

const users = async (count: number, headers = {}): Promise<Readonly<Record<string, number>>> =>
  countByWord(await askMany(cluster, { url, count, headers }));

const testersRules = async (shop: Place): Promise<number> =>
  (await cluster.get(shop.namespace, "httproute", "shop")).spec.rules.filter(isTestersRule).length;

const SWITCH = "{ blueGreen: { bake: 500ms, keepWarm: 0s, drain: 500ms } }";

test("a canary behind a route: adopted, a share that waits for approval, all of it, and back", async () => {
  const shop = await opened(SWITCH);
  const first = await askDuring(cluster, url, async () => {
    await teal(shop, 0, "deploy", "v1");
  });
  expect(Object.keys(countByWord(first)).toSorted()).toEqual(["v0", "v1"]);

  const shifts = "[{ share: 25, approval: {} }]";
  shop.configure({ strategy: `{ canary: { shifts: ${shifts}, bake: 500ms, keepWarm: 10m, drain: 500ms } }` });
  const second = await askDuring(cluster, url, async () => {
    await teal(shop, 6, "deploy", "v2");
  });
  expect(Object.keys(countByWord(second)).toSorted()).toEqual(["v1", "v2"]);
  // Nobody else takes turns with these, so that their share is the gateway's: a quarter, but for the turn it begins at.
  const { v1 = 0, v2 = 0 } = await users(80);
  expect(v1 + v2).toBe(80);
  expect(Math.abs(v2 - 20)).toBeLessThanOrEqual(2);
  expect(await users(10, WITH_TESTERS)).toEqual({ v2: 10 });
  const third = await askDuring(cluster, url, async () => {
    await teal(shop, 0, "promote");
  });
  expect(Object.keys(countByWord(third)).toSorted()).toEqual(["v1", "v2"]);
  expect(await users(10)).toEqual({ v2: 10 });
  expect((await teal(shop, 0, "status")).out).toContain("v2 serves on ");

  const back = await askDuring(cluster, url, async () => {
    await teal(shop, 0, "rollback");
  });
  expect(Object.keys(countByWord(back)).toSorted()).toEqual(["v1", "v2"]);
  expect(await users(10, WITH_TESTERS)).toEqual({ v1: 10 });
  expect(await testersRules(shop)).toBe(0);
});

test("testers try a candidate that users never see; an abort leaves nothing of it in the route", async () => {
  const shop = await opened(SWITCH);
  for (const revision of ["v1", "v2"]) await teal(shop, 0, "deploy", revision);
  const { spec } = await cluster.get(shop.namespace, "httproute", "shop");

  shop.configure({
    strategy: "{ blueGreen: { gate: approval, bake: 500ms, keepWarm: 0s, drain: 500ms } }",
  });
  await teal(shop, 6, "deploy", "v3");
  expect(await users(10, WITH_TESTERS)).toEqual({ v3: 10 });
  expect(await users(10)).toEqual({ v2: 10 });
  expect(await testersRules(shop)).toBe(1);

  await teal(shop, 0, "abort");
  expect(await users(10, WITH_TESTERS)).toEqual({ v2: 10 });
  const after = await cluster.get(shop.namespace, "httproute", "shop");
  expect(after.spec).toEqual(spec);
});
