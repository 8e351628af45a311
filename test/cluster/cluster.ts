import { rm } from "node:fs/promises";
import { Components, keepLogs } from "./component.ts";
import { startControlPlane } from "./control-plane.ts";
import { connect, type Cluster, type Described } from "./handle.ts";

import { prepareMiddle } from "./network.ts";
import { nodesAreUp, startNode, startUsers } from "./nodes.ts";
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
  const components = new Components(clusterFolder());
  try {
    await prepareMiddle();
    const plane = await startControlPlane(components);
    const node = { seed: options.seed ?? 1, allocatable: options.allocatable ?? ALLOCATABLE };
    const indexes = Array.from({ length: options.nodes ?? 3 }, (_, at) => at + 1);
    const nodes = await Promise.all(indexes.map((index) => startNode(index, plane, node, components)));
    const users = await startUsers(nodes, components);
    const { folder } = components;
    const described: Described = { folder, kubeconfig: plane.kubeconfig, ca: plane.ca, nodes, users };
    const cluster = connect(described, async () => {
      await components.end();
      await rm(folder, { recursive: true, force: true });
    });
    if (options.gatewayCrds === true) {
      await cluster.kubectl("apply", "--server-side", "-f", gatewayCrdsFolder());
    }
    await nodesAreUp(nodes, plane, components);
    return { ...cluster, described };
  } catch (error) {
    keepLogs();
    await components.end();
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
