import { spawn } from "node:child_process";
import { openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { writeKubeconfig } from "../kubeconfig.ts";
import { API, KUBE_PROXY_HEALTH_PORT, PODS, programsFolder } from "../place.ts";
import type { Credentials } from "./client.ts";
import type { Node } from "./context.ts";
import { DelayLine } from "./delay-line.ts";

const PORT = 6444;

/** Starts the real kube-proxy in this node's network; it hears from the API server through the line that is returned. */
export async function startProxy(node: Node, { ca, token }: Credentials): Promise<DelayLine> {
  const line = new DelayLine();
  await line.listen(PORT, { host: API.address, port: API.port });
  const kubeconfig = join(node.folder, "kube-proxy.kubeconfig");
  writeKubeconfig(kubeconfig, { server: `https://127.0.0.1:${PORT}`, ca, token, user: "kube-proxy" });
  const config = {
    apiVersion: "kubeproxy.config.k8s.io/v1alpha1",
    kind: "KubeProxyConfiguration",
    mode: "nftables",
    hostnameOverride: node.name,
    clientConnection: { kubeconfig },
    clusterCIDR: PODS,
    conntrack: { maxPerCore: 0, min: 0 },
    healthzBindAddress: `0.0.0.0:${KUBE_PROXY_HEALTH_PORT}`,
    metricsBindAddress: "127.0.0.1:10249",
  };
  const path = join(node.folder, "kube-proxy.json");
  writeFileSync(path, JSON.stringify(config));
  const output = openSync(join(node.folder, "kube-proxy.log"), "a");
  const child = spawn(join(programsFolder(), "kube-proxy"), [`--config=${path}`], {
    // A connection whose answers are late is not a dead one.
    env: { ...process.env, HTTP2_READ_IDLE_TIMEOUT_SECONDS: "120", HTTP2_PING_TIMEOUT_SECONDS: "120" },
    stdio: ["ignore", output, output],
  });
  child.once("exit", (code, signal) => {
    console.error(`kube-proxy of ${node.name} ended with ${code ?? signal}`);
    process.exit(1);
  });
  return line;
}
