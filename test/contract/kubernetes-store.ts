import { afterAll, afterEach, beforeAll, beforeEach } from "vitest";
import { openKubernetesStore, type KubernetesStoreOptions } from "../../src/state/kubernetes/store.ts";
import type { StateStore } from "../../src/ports/store.ts";
import type { Api } from "../../src/targets/kubernetes/api/api.ts";
import { connectApi } from "../../src/targets/kubernetes/api/connect.ts";
import { sharedCluster, type Cluster } from "../cluster/cluster.ts";
import { startFaultProxy, type FaultProxy } from "../cluster/fault-proxy.ts";
import { KEY } from "./append-many.ts";

/** The shared cluster, and in each test a namespace of its own with a store on it. */
export interface StoreTest {
  readonly cluster: Cluster;
  readonly namespace: string;
  /** A store of this namespace with a connection of its own. */
  readonly store: StateStore;
  /** A further one, as another process would have. */
  open(kubeconfig?: string, service?: string, options?: KubernetesStoreOptions): Promise<StateStore>;
  api(kubeconfig?: string): Promise<Api>;
  /** Stands between a store and the API server. */
  proxy(seed?: number): Promise<FaultProxy>;
  kubectl(...args: string[]): Promise<string>;
}

/** Calls the hooks of vitest: to be called once in a file. */
export function storeTests(): StoreTest {
  let cluster: Cluster;
  let namespace = "";
  let store: StateStore;
  const apis: Api[] = [];
  const proxies: FaultProxy[] = [];

  const api = async (kubeconfig = cluster.kubeconfig) => {
    const connected = await connectApi({ by: "context", context: "teal-test", kubeconfig }, namespace);
    if (connected.is === "failed") throw new Error(connected.cause.message);
    apis.push(connected.api);
    return connected.api;
  };
  const open = async (kubeconfig?: string, service: string = KEY.service, options?: KubernetesStoreOptions) =>
    openKubernetesStore(await api(kubeconfig), service, options);

  beforeAll(async () => {
    cluster = await sharedCluster();
  });
  afterAll(() => cluster.stop());
  beforeEach(async () => {
    namespace = await cluster.namespace("store");
    store = await open();
  });
  afterEach(async () => {
    for (const each of apis.splice(0)) each.close();
    for (const each of proxies.splice(0)) await each.stop();
  });

  return {
    get cluster() {
      return cluster;
    },
    get namespace() {
      return namespace;
    },
    get store() {
      return store;
    },
    open,
    api,
    proxy: async (seed) => {
      const proxy = await startFaultProxy({
        upstream: cluster.kubeconfig,
        ...(seed !== undefined && { seed }),
      });
      proxies.push(proxy);
      return proxy;
    },
    kubectl: (...args) => cluster.kubectl("-n", namespace, ...args),
  };
}
