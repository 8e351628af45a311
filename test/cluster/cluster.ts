import { rm } from "node:fs/promises";
import { keepLogs, type Component } from "./component.ts";
import { startControlPlane } from "./control-plane.ts";
import { connect, type Cluster, type Described } from "./handle.ts";

import { prepareMiddle } from "./network.ts";
import { nodesReady, servicesCarried, startNode, startUsers } from "./nodes.ts";
import { clusterFolder, gatewayCrdsFolder } from "./place.ts";

export type { Cluster } from "./handle.ts";

export interface ClusterOptions {
  readonly nodes?: number;
  /** What every node has for pods. */
  readonly allocatable?: Readonly<Record<string, string>>;
  /** Of the delays with which kubelets show what happened. */
  readonly seed?: number;
  readonly gatewayCrds?: boolean;
}

const ALLOCATABLE = { cpu: "4", memory: "8Gi", "ephemeral-storage": "20Gi", pods: "60" };

declare module "vitest" {
  interface ProvidedContext {
    cluster: Described;
  }
}

/** Only in the namespaces that run.ts makes, and one at a time there: addresses and ports are fixed. */
export async function startCluster(
  options: ClusterOptions = {},
): Promise<Cluster & { readonly described: Described }> {
  const folder = clusterFolder();
  const components: Component[] = [];
  const started = (component: Component): void => void components.push(component);
  const end = async (): Promise<void> => {
    await Promise.all(components.map((component) => component.kill()));
  };
  try {
    await prepareMiddle();
    const plane = await startControlPlane(folder, started);
    const node = { folder, seed: options.seed ?? 1, allocatable: options.allocatable ?? ALLOCATABLE };
    const indexes = Array.from({ length: options.nodes ?? 3 }, (_, at) => at + 1);
    const nodes = await Promise.all(indexes.map((index) => startNode(index, plane, node, started)));
    const users = await startUsers(nodes, folder, started);
    const described: Described = { folder, kubeconfig: plane.kubeconfig, ca: plane.ca, nodes, users };
    const cluster = connect(described, async () => {
      await end();
      await rm(folder, { recursive: true, force: true });
    });
    if (options.gatewayCrds === true) {
      await cluster.kubectl("apply", "--server-side", "-f", gatewayCrdsFolder());
    }
    const [firstNode] = components.filter(({ name }) => name === nodes[0]?.name);
    await firstNode?.until("every node to be ready", () => nodesReady(plane, nodes.length));
    await firstNode?.until("kube-proxy on every node", () => servicesCarried(nodes));
    return { ...cluster, described };
  } catch (error) {
    keepLogs();
    await end();
    throw error;
  }
}

let shared: Promise<Cluster> | undefined;

/**
 * The cluster that all files of the vitest project `kubernetes` use, one file after the other. What a file leaves in it
 * is deleted when the next one begins.
 */
export function sharedCluster(): Promise<Cluster> {
  return (shared ??= takeOver());
}

async function takeOver(): Promise<Cluster> {
  const { inject } = await import("vitest");
  const cluster = connect(inject("cluster"), () => cluster.deleteNamespaces());
  await cluster.deleteNamespaces();
  await cluster.delayNodes([]);
  return cluster;
}
