import { randomBytes } from "node:crypto";
import { until } from "../../../../test/e2e/processes.ts";
import type { Cluster } from "../../../../test/cluster/cluster.ts";
import { GATEWAY_CLASS } from "../../../../test/cluster/gateway/start.ts";
import { service } from "../../../../test/cluster/objects.ts";
import { millis, SLOTS } from "../../../core/units.ts";
import { slotLabels, slotName } from "../names.ts";
import { applySlots, settingsOf } from "../service-router/test-support.ts";
import type { GatewayRouting, KubernetesSettings } from "../settings.ts";
import type { HttpRoute, RouteRule } from "./http-route.ts";

/** Both slots with their Services, and a Gateway: the address at which users reach it. */
export async function applyGateway(cluster: Cluster, namespace: string): Promise<string> {
  await cluster.apply(
    namespace,
    ...SLOTS.map((slot) => service(slotName("shop", slot), slotLabels("shop", slot))),
    {
      apiVersion: "gateway.networking.k8s.io/v1",
      kind: "Gateway",
      metadata: { name: "edge" },
      spec: {
        gatewayClassName: GATEWAY_CLASS,
        listeners: [{ name: "web", port: 80, protocol: "HTTP" }],
      },
    },
  );
  await applySlots(cluster, namespace);
  let address = "";
  await until("the Gateway's address", async () => {
    const { status } = await cluster.get(namespace, "gateway", "edge");
    const ready = status?.conditions?.some(
      ({ type, status: said }: { type: string; status: string }) => type === "Programmed" && said === "True",
    );
    address = ready ? status.addresses[0].value : "";
    return address !== "";
  });
  return `http://${address}`;
}

/** A route to the slots, with a name of its own: everything to blue. */
export const BLUE: RouteRule = {
  backendRefs: [
    { name: "shop-blue", port: 80, weight: 100 },
    { name: "shop-green", port: 80, weight: 0 },
  ],
};

export async function applyRoute(
  cluster: Cluster,
  namespace: string,
  rules: readonly RouteRule[] = [BLUE],
): Promise<string> {
  const name = `route-${randomBytes(3).toString("hex")}`;
  await cluster.apply(namespace, {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "HTTPRoute",
    metadata: { name },
    spec: { parentRefs: [{ name: "edge" }], rules },
  });
  return name;
}

export async function readRoute(cluster: Cluster, namespace: string, name: string): Promise<HttpRoute> {
  return (await cluster.get(namespace, "httproute", name)) as HttpRoute;
}

export function gatewaySettings(
  namespace: string,
  kubeconfig: string,
  route: string,
  routing: Partial<GatewayRouting> = {},
): KubernetesSettings {
  return settingsOf(namespace, kubeconfig, "", {
    routing: { by: "gateway", route, ...routing },
    propagation: millis(300),
  });
}
