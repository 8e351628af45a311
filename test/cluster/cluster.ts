import { rm } from "node:fs/promises";
import { keepLogs, type Component } from "./component.ts";
import { startControlPlane } from "./control-plane.ts";
import { connect, type Described } from "./handle.ts";
import { prepareMiddle } from "./network.ts";
import { clusterFolder, gatewayCrdsFolder } from "./place.ts";

/** A real control plane, and nodes whose pods are processes of this machine. README.md says what is real. */
export interface Cluster {
  /** Path of a file; context `teal-test`, a user who may do everything. */
  readonly kubeconfig: string;
  readonly nodes: readonly string[];
  /** The real kubectl, as that user; throws with what it wrote to standard error. */
  kubectl(...args: string[]): Promise<string>;
  /** A fresh namespace, ready for pods. */
  namespace(prefix?: string): Promise<string>;
  /** The kubeconfig's path of a new account that has exactly a Role of these rules. */
  serviceAccount(namespace: string, rules: readonly object[]): Promise<string>;
  /**
   * The command line that runs a program where users are: a network of its own, whose connections to the service range
   * take the nodes in turn; or on one node, as a process of the node itself.
   */
  asClient(command: readonly string[], node?: string): string[];
  /** Milliseconds by which each node's kube-proxy sees every change late; 0 for nodes that are not mentioned. */
  delayNodes(delays: readonly number[]): Promise<void>;
  /** Ends everything. Of the shared cluster: deletes the namespaces that were taken. */
  stop(): Promise<void>;
}

export interface ClusterOptions {
  readonly nodes?: number;
  readonly gatewayCrds?: boolean;
}

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
  const end = async (): Promise<void> => {
    await Promise.all(components.map((component) => component.kill()));
  };
  try {
    await prepareMiddle();
    const plane = await startControlPlane(folder, (component) => components.push(component));
    const described: Described = { folder, kubeconfig: plane.kubeconfig, ca: plane.ca, nodes: [], users: 0 };
    const cluster = connect(described, async () => {
      await end();
      await rm(folder, { recursive: true, force: true });
    });
    if (options.gatewayCrds === true) {
      await cluster.kubectl("apply", "--server-side", "-f", gatewayCrdsFolder());
    }
    return { ...cluster, described };
  } catch (error) {
    keepLogs();
    await end();
    throw error;
  }
}

/** The cluster that all files of the vitest project `kubernetes` use, one file after the other. */
export async function sharedCluster(): Promise<Cluster> {
  const { inject } = await import("vitest");
  const described = inject("cluster");
  const taken: string[] = [];
  const cluster = connect(described, async () => {
    if (taken.length > 0) await cluster.kubectl("delete", "namespace", "--wait=false", ...taken);
  });
  return {
    ...cluster,
    namespace: async (prefix) => {
      const name = await cluster.namespace(prefix);
      taken.push(name);
      return name;
    },
  };
}
