import { until } from "../../e2e/processes.ts";
import type { Cluster } from "../cluster.ts";
import type { Json } from "../kubelet/client.ts";
import { GATEWAY_CLASS } from "./start.ts";

const API = "gateway.networking.k8s.io/v1";

/** A Gateway with one listener for HTTP on port 80. */
export function gatewayObject(name: string): Json {
  const listeners = [{ name: "web", port: 80, protocol: "HTTP" }];
  const spec = { gatewayClassName: GATEWAY_CLASS, listeners };
  return { apiVersion: API, kind: "Gateway", metadata: { name }, spec };
}

export function routeObject(name: string, gateway: string, rules: readonly object[]): Json {
  const spec = { parentRefs: [{ name: gateway }], rules };
  return { apiVersion: API, kind: "HTTPRoute", metadata: { name }, spec };
}

/** Where users reach a Gateway, once it serves. */
export async function addressOfGateway(cluster: Cluster, namespace: string, name: string): Promise<string> {
  let address = "";
  await until(`the address of Gateway ${name}`, async () => {
    const { status } = await cluster.get(namespace, "gateway", name);
    const programmed = (status?.conditions ?? []).find(({ type }: Json) => type === "Programmed");
    if (programmed?.status === "True") address = status.addresses[0].value;
    return address !== "";
  });
  return `http://${address}`;
}
