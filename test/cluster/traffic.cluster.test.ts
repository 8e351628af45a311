import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { until } from "../e2e/processes.ts";
import { sharedCluster } from "./cluster.ts";
import { deployment, service } from "./objects.ts";
import { ask, startUsers } from "./users.ts";

const cluster = await sharedCluster();

describe("a Service with two Deployments behind it", () => {
  let namespace = "";
  let url = "";
  beforeAll(async () => {
    namespace = await cluster.namespace();
    const slot = (name: string) =>
      deployment(name, `teal.test/web:${name}`, { replicas: 3, labels: { app: "shop", slot: name } });
    await cluster.apply(
      namespace,
      slot("blue"),
      slot("green"),
      service("shop", { app: "shop", slot: "blue" }),
    );
    for (const name of ["blue", "green"]) {
      await cluster.kubectl("rollout", "status", `deployment/${name}`, "-n", namespace, "--timeout=40s");
    }
    url = `http://${(await cluster.get(namespace, "service", "shop")).spec.clusterIP}`;
    for (const node of cluster.nodes) await shows("blue", node);
  });

  afterEach(() => cluster.delayNodes([]));

  const select = async (slot: string): Promise<void> => {
    const patch = JSON.stringify([{ op: "replace", path: "/spec/selector", value: { app: "shop", slot } }]);
    await cluster.kubectl("patch", "service", "shop", "-n", namespace, "--type=json", "-p", patch);
  };
  const answers = async (node: string) => (await ask(cluster, url, node).catch(String)).split(" ")[0];
  const shows = (slot: string, node: string) =>
    until(`${node} to send users to ${slot}`, async () => (await answers(node)) === slot);

  test("its EndpointSlices hold the ready pods of the one that it selects", async () => {
    const slices = await cluster.get(namespace, "endpointslices", "-l", "kubernetes.io/service-name=shop");
    const pods = await cluster.get(namespace, "pods", "-l", "slot=blue");
    const endpoints = slices.items.flatMap((slice: { endpoints: unknown[] }) => slice.endpoints);
    const names = endpoints.map((each: { targetRef: { name: string } }) => each.targetRef.name);
    expect(names.toSorted()).toEqual(
      pods.items.map((pod: { metadata: { name: string } }) => pod.metadata.name).toSorted(),
    );
    expect(endpoints.map((each: { conditions: { ready: boolean } }) => each.conditions.ready)).toEqual([
      true,
      true,
      true,
    ]);
  });

  test("a selector patched under load moves new connections without an error; kept ones stay", async () => {
    const users = startUsers(cluster, { url, rate: 200 });
    await until("the first users", async () => (await countOf(namespace, "blue")) > 100);
    await select("green");
    for (const node of cluster.nodes) await shows("green", node);
    const moved = await countOf(namespace, "green");
    await until("more users of green", async () => (await countOf(namespace, "green")) > moved + 100);
    const seen = await users.stop();
    expect(seen.filter(({ got }) => got !== 200)).toEqual([]);
    const last = (kind: string) => seen.filter((each) => each.kind === kind).slice(-20);
    expect(new Set(last("fresh").map(({ version }) => version))).toEqual(new Set(["green"]));
    // Which of its idle connections a user takes is not said: the ones to blue may rest, but none was cut off.
    const moment = seen.findLastIndex(({ kind, version }) => kind === "fresh" && version === "blue");
    const kept = seen.slice(moment + 1).filter(({ kind }) => kind === "keep-alive");
    expect(kept.map(({ version }) => version)).toContain("blue");
    await select("blue");
    for (const node of cluster.nodes) await shows("blue", node);
  });

  test("a node that hears late goes on sending to the previous pods, and only that node", async () => {
    const [first = "", second = "", third = ""] = cluster.nodes;
    await cluster.delayNodes([0, 600_000, 0]);
    await select("green");
    await shows("green", first);
    await shows("green", third);
    expect(await answers(second)).toBe("blue");
    await cluster.delayNodes([]);
    await shows("green", second);
    await select("blue");
    for (const node of cluster.nodes) await shows("blue", node);
  });
});

async function metric(namespace: string, slot: string, name: string): Promise<number> {
  const pods = await cluster.get(namespace, "pods", "-l", `slot=${slot}`);
  const values = pods.items.map(async ({ status }: { status: { podIP: string } }) => {
    const text = await (await fetch(`http://${status.podIP}:8080/metrics`)).text();
    return Number(new RegExp(`^${name} (\\d+)$`, "m").exec(text)?.[1]);
  });
  return (await Promise.all<number>(values)).reduce((sum, value) => sum + value, 0);
}
const countOf = (namespace: string, slot: string) => metric(namespace, slot, "requests_total");
