import { join } from "node:path";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import type { Cluster } from "../cluster.ts";
import { Component } from "../component.ts";
import { CONTROLLER } from "./tables.ts";

/** The class of Gateways that the test cluster's gateway serves. */
export const GATEWAY_CLASS = "teal-test";

export interface TestGateway {
  stop(): Promise<void>;
}

/** Starts the gateway process and waits until its class is accepted. */
export async function startGateway(cluster: Cluster): Promise<TestGateway> {
  const folder = await mkdtemp(join(tmpdir(), "gateway-"));
  const main = join(import.meta.dirname, "main.ts");
  const component = new Component("gateway", folder, [process.execPath, main, cluster.kubeconfig]);
  await cluster.apply("default", {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "GatewayClass",
    metadata: { name: GATEWAY_CLASS },
    spec: { controllerName: CONTROLLER },
  });
  await component.until("its class to be accepted", async () => {
    const path = "jsonpath={.status.conditions[?(@.type=='Accepted')].status}";
    return (await cluster.kubectl("get", "gatewayclass", GATEWAY_CLASS, "-o", path)) === "True";
  });
  return {
    stop: async () => {
      await component.kill();
      await cluster.kubectl("delete", "gatewayclass", GATEWAY_CLASS);
      await rm(folder, { recursive: true, force: true });
    },
  };
}
