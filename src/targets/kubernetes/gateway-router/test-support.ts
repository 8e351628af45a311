import { randomBytes } from "node:crypto";
import type { Cluster } from "../../../../test/cluster/cluster.ts";
import { addressOfGateway, gatewayObject, routeObject } from "../../../../test/cluster/gateway/objects.ts";
import { service } from "../../../../test/cluster/objects.ts";
import { millis, SLOTS } from "../../../core/units.ts";
import { slotLabels, slotName } from "../names.ts";
import { applySlots, settingsOf } from "../service-router/test-support.ts";
import type { GatewayRouting, KubernetesSettings } from "../settings.ts";
import type { HttpRoute, RouteRule } from "./http-route.ts";

/** Both slots with their Services, and a Gateway: the address at which users reach it. */
export async function applyGateway(cluster: Cluster, namespace: string): Promise<string> {
  const services = SLOTS.map((slot) => service(slotName("shop", slot), slotLabels("shop", slot)));
  await cluster.apply(namespace, ...services, gatewayObject("edge"));
  await applySlots(cluster, namespace);
  return addressOfGateway(cluster, namespace, "edge");
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
  await cluster.apply(namespace, routeObject(name, "edge", rules));
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
