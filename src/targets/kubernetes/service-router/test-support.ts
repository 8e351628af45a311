import { randomBytes } from "node:crypto";
import type { Cluster } from "../../../../test/cluster/cluster.ts";
import { deployment } from "../../../../test/cluster/objects.ts";
import { fence, instant, intentId, millis, SLOTS, type Slot } from "../../../core/units.ts";
import type { By } from "../../../ports/write.ts";
import type { Api } from "../api/api.ts";
import { connectApi } from "../api/connect.ts";
import type { Labels } from "../api/objects.ts";
import { slotLabels, slotName } from "../names.ts";
import type { KubernetesSettings } from "../settings.ts";

export const NEVER = new AbortController().signal;

/** Two Deployments as a slot provider leaves them, their pods ready: `<slot>` is the revision each answers with. */
export async function applySlots(cluster: Cluster, namespace: string, replicas = 2): Promise<void> {
  await cluster.apply(namespace, ...SLOTS.map((slot) => slotDeployment(slot, replicas)));
  for (const slot of SLOTS) {
    const name = `deployment/${slotName("shop", slot)}`;
    await cluster.kubectl("rollout", "status", name, "-n", namespace, "--timeout=60s");
  }
}

function slotDeployment(slot: Slot, replicas: number): object {
  const labels = slotLabels("shop", slot);
  const made = deployment(slotName("shop", slot), `teal.test/web:${slot}`, { replicas, labels });
  return { ...made, metadata: { name: slotName("shop", slot), labels } };
}

/** A live Service of a name of its own; its address for users. */
export async function applyLive(
  cluster: Cluster,
  namespace: string,
  selector: Labels | undefined,
  more: { readonly metadata?: object; readonly spec?: object } = {},
): Promise<{ readonly name: string; readonly url: string }> {
  const name = `live-${randomBytes(3).toString("hex")}`;
  await cluster.apply(namespace, {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, ...more.metadata },
    spec: {
      ...(selector === undefined ? {} : { selector }),
      ports: [{ name: "http", port: 80, targetPort: "http" }],
      ...more.spec,
    },
  });
  const { spec } = await cluster.get(namespace, "service", name);
  return { name, url: `http://${spec.clusterIP}` };
}

export function settingsOf(
  namespace: string,
  kubeconfig: string,
  live: string,
  changes: Partial<KubernetesSettings> = {},
): KubernetesSettings {
  return {
    service: "shop",
    environment: "production",
    namespace,
    access: { by: "context", context: "teal-test", kubeconfig },
    template: { from: "image", image: "teal.test/web:blue", port: 8080 },
    port: 8080,
    routing: { by: "service", service: live },
    replicas: 2,
    propagation: millis(1_500),
    metrics: { port: "http", path: "/metrics", inFlight: "in_flight", requests: "requests_total" },
    liveSecrets: [],
    ...changes,
  };
}

export async function apiOf(settings: KubernetesSettings): Promise<Api> {
  const made = await connectApi(settings.access, settings.namespace);
  if (made.is === "failed") throw new Error(made.cause.message);
  return made.api;
}

let intents = 0;

export function as(number: number, within = 10_000): By {
  return {
    intent: intentId(`test-${++intents}`),
    fence: fence(number),
    deadline: instant(Date.now() + within),
    signal: NEVER,
  };
}
