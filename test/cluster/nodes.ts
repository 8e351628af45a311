import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Component, Components } from "./component.ts";
import type { ControlPlane } from "./control-plane.ts";
import type { DescribedNode } from "./handle.ts";
import type { Json } from "./kubelet/client.ts";
import type { Config } from "./kubelet/main.ts";
import { holderOf, joinNode, joinUsers } from "./network.ts";
import { API, KUBE_PROXY_HEALTH_PORT, nodeAddress, nodeName } from "./place.ts";

const KUBELET = join(import.meta.dirname, "kubelet/main.ts");
/** A node is a machine: whatever runs on it ends with it. */
const NAMESPACES = ["--net", "--pid", "--fork", "--kill-child", "--mount", "--mount-proc"];

export interface NodeOptions {
  readonly seed: number;
  readonly allocatable: Readonly<Record<string, string>>;
}

/** Starts a node's kubelet in a network of its own and joins that to the cluster. */
export async function startNode(
  index: number,
  plane: ControlPlane,
  { seed, allocatable }: NodeOptions,
  components: Components,
): Promise<DescribedNode> {
  const name = nodeName(index);
  const { folder } = components;
  const own = join(folder, name);
  mkdirSync(own);
  const config: Config = {
    index,
    seed,
    allocatable,
    folder: own,
    server: `https://${API.address}:${API.port}`,
    ca: plane.ca,
    token: plane.token,
    certificate: { key: join(folder, "server.key"), cert: join(folder, "server.crt") },
  };
  const command = ["unshare", ...NAMESPACES, process.execPath, KUBELET] as const;
  const component = components.begin(name, command, { TEAL_TEST_NODE: JSON.stringify(config) });
  const pid = await networkOf(component);
  await joinNode(index, pid);
  return { name, address: nodeAddress(index), pid };
}

/** The process that holds the network which a component made for itself. */
async function networkOf(component: Component): Promise<number> {
  let pid: number | undefined;
  await component.until("its network", () => Promise.resolve((pid = holderOf(component.pid)) !== undefined));
  if (pid === undefined) throw new Error(`${component.name} has no network`);
  return pid;
}

/** Starts what holds the users' network. */
export async function startUsers(nodes: readonly DescribedNode[], components: Components): Promise<number> {
  const component = components.begin("users", ["unshare", "--net", "sleep", "infinity"]);
  const pid = await networkOf(component);
  await joinUsers(
    pid,
    nodes.map((node) => node.pid),
  );
  return pid;
}

/** Waits until every node takes pods and carries Services. */
export async function nodesAreUp(
  nodes: readonly DescribedNode[],
  plane: ControlPlane,
  components: Components,
): Promise<void> {
  await components.until("every node to be ready", () => nodesReady(plane, nodes.length));
  await components.until("kube-proxy on every node", () => servicesCarried(nodes));
}

/** Whether every node's kube-proxy carries the traffic of Services. */
async function servicesCarried(nodes: readonly DescribedNode[]): Promise<boolean> {
  const looks = nodes.map(async ({ address }) => {
    const url = `http://${address}:${KUBE_PROXY_HEALTH_PORT}/healthz`;
    return (await fetch(url, { signal: AbortSignal.timeout(2000) })).ok;
  });
  return (await Promise.all(looks).catch(() => [false])).every(Boolean);
}

/** Whether this many nodes are ready for pods. */
async function nodesReady(plane: ControlPlane, count: number): Promise<boolean> {
  const { items } = await plane.client.must("GET", "/api/v1/nodes");
  const ready = items.filter(
    ({ spec, status }: Json) =>
      (spec.taints ?? []).length === 0 &&
      status.conditions?.some(({ type, status: is }: Json) => type === "Ready" && is === "True"),
  );
  return ready.length >= count;
}
