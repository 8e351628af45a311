import { readFileSync, readdirSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Cluster } from "../../../../test/cluster/cluster.ts";
import type { CheckPlan } from "../../../core/checks.ts";
import type { SlotSpec } from "../../../core/calls.ts";
import type { SlotState } from "../../../core/observed.ts";
import { fence, instant, intentId, millis, type Slot } from "../../../core/units.ts";
import type { SlotProvider } from "../../../ports/slots.ts";
import type { By } from "../../../ports/write.ts";
import { systemClock } from "../../../state/system-clock.ts";
import type { Api } from "../api/api.ts";
import { connectApi } from "../api/connect.ts";
import { prepare } from "../prepare.ts";
import type { KubernetesSettings } from "../settings.ts";
import { createKubernetesSlots } from "./slots.ts";

/** A service of a namespace of the test cluster, whose template is the Deployment `shop`. */
export interface Shop {
  readonly namespace: string;
  readonly settings: KubernetesSettings;
  readonly api: Api;
  readonly slots: SlotProvider;
  /** A revision by its tag or image, ready to be started. */
  revision(name: string, replicas?: number): Promise<SlotSpec>;
  /** Another operator's view of the same service: a connection and mirrors of its own. */
  another(): Promise<{ readonly slots: SlotProvider; readonly api: Api }>;
  end(): Promise<void>;
}

const NOTHING: CheckPlan = {
  checks: [],
  window: {
    of: 1,
    passes: 1,
    consecutive: 1,
    interval: millis(100),
    jitter: 0,
    deadline: millis(1_000),
  },
  minHealthy: "all",
  identity: { by: "address" },
};

const KEY = new Uint8Array(32).fill(7);

export const NEVER = new AbortController().signal;

export interface ShopOptions {
  /** Another way to the same cluster. */
  readonly kubeconfig?: string;
  /** Changes of the template's pod specification, and of its Deployment's. */
  readonly pod?: object;
  readonly deployment?: object;
  /** Objects that are there first. */
  readonly before?: readonly object[];
}

export async function shopIn(cluster: Cluster, options: ShopOptions = {}): Promise<Shop> {
  const { kubeconfig = cluster.kubeconfig, before = [] } = options;
  const namespace = await cluster.namespace("slots");
  await cluster.apply(namespace, ...before, template(options));
  const settings: KubernetesSettings = {
    service: "shop",
    environment: "test",
    namespace,
    access: { by: "context", context: "teal-test", kubeconfig },
    template: { from: "live", deployment: "shop" },
    routing: { by: "service", service: "shop" },
    replicas: 1,
    propagation: millis(1_000),
    liveSecrets: [],
  };
  const open: Api[] = [];
  const connected = async (path: string) => {
    const connection = await connectApi({ by: "context", context: "teal-test", kubeconfig: path }, namespace);
    if (connection.is === "failed") throw new Error(connection.cause.message);
    open.push(connection.api);
    return connection.api;
  };
  const api = await connected(kubeconfig);
  // Prepared past whatever stands between: what is tested is the slots.
  const straight = kubeconfig === cluster.kubeconfig ? api : await connected(cluster.kubeconfig);
  return {
    namespace,
    settings,
    api,
    slots: createKubernetesSlots(api, settings),
    revision: async (name, replicas = 1) => {
      const using = { api: straight, settings, key: KEY, clock: systemClock };
      const prepared = await prepare(using, name, NEVER);
      if (prepared.is === "refused") throw new Error(prepared.cause.message);
      return { revision: prepared.revision, replicas, checks: NOTHING };
    },
    another: async () => {
      const other = await connected(cluster.kubeconfig);
      return { api: other, slots: createKubernetesSlots(other, settings) };
    },
    end: async () => {
      for (const each of open) each.close();
      await cluster.kubectl("delete", "namespace", namespace, "--wait=false");
    },
  };
}

/** The user's own Deployment, which runs nothing itself. */
function template({ pod = {}, deployment = {} }: ShopOptions): object {
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "shop" },
    spec: {
      replicas: 0,
      ...deployment,
      selector: { matchLabels: { app: "shop" } },
      template: {
        metadata: { labels: { app: "shop" } },
        spec: {
          terminationGracePeriodSeconds: 5,
          containers: [
            {
              name: "web",
              image: "teal.test/web:v1",
              ports: [{ containerPort: 8080 }],
              readinessProbe: { httpGet: { path: "/health", port: 8080 }, periodSeconds: 1 },
            },
          ],
          ...pod,
        },
      },
    },
  };
}

/** Kills the program of a pod as a fault of it would: pods are processes of this machine. */
export function killProgram(pod: string): void {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/u.test(name) && Number(name) !== process.pid);
  const own = pids.filter((pid) => environmentOf(pid).includes(`HOSTNAME=${pod}`));
  if (own.length === 0) throw new Error(`no process of ${pod}`);
  for (const pid of own) process.kill(Number(pid), "SIGKILL");
}

function environmentOf(pid: string): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
  } catch {
    return [];
  }
}

let intents = 0;

export function by(number: number, within = 20_000): By {
  return {
    intent: intentId(`test-${++intents}`),
    fence: fence(number),
    deadline: instant(Date.now() + within),
    signal: NEVER,
  };
}

/** What the slot shows once it is so; fails with the last look after 60 s. */
export async function until(
  slots: SlotProvider,
  slot: Slot,
  so: (state: SlotState) => boolean,
): Promise<SlotState> {
  const end = performance.now() + 60_000;
  for (;;) {
    const look = await slots.observe(slot, NEVER);
    if (look.is === "seen" && so(look.value)) return look.value;
    if (performance.now() > end) throw new Error(`still not so: ${JSON.stringify(look)}`);
    await sleep(20);
  }
}

export function ready(replicas: number): (state: SlotState) => boolean {
  return (state) =>
    state.settled && state.replicas.filter(({ phase }) => phase === "ready").length === replicas;
}
