import { setTimeout as sleep } from "node:timers/promises";
import { KUBELET_PORT } from "../place.ts";
import type { Node } from "./context.ts";

const RENEW_MS = 4000;
const RETRY_MS = 200;

/** Makes the Node object, says that it is ready and renews its lease, for ever. */
export async function keepRegistered(
  node: Node,
  allocatable: Readonly<Record<string, string>>,
): Promise<void> {
  for (let registered = false; ;) {
    try {
      if (!registered) await register(node, allocatable);
      registered = true;
      await renew(node);
      await sleep(RENEW_MS);
    } catch (error) {
      console.error(`registration of ${node.name}: ${String(error)}`);
      await sleep(RETRY_MS);
    }
  }
}

async function register(node: Node, allocatable: Readonly<Record<string, string>>): Promise<void> {
  const labels = { "kubernetes.io/hostname": node.name, "kubernetes.io/os": "linux" };
  const made = await node.client.request("POST", "/api/v1/nodes", {
    metadata: { name: node.name, labels },
    spec: { podCIDR: `10.244.${node.index}.0/24` },
  });
  if (made.status >= 300 && made.status !== 409) throw new Error(made.body?.message ?? String(made.status));
  const now = new Date().toISOString();
  const condition = (type: string, status: string, reason: string) => ({
    type,
    status,
    reason,
    message: reason,
    lastHeartbeatTime: now,
    lastTransitionTime: now,
  });
  await node.client.must("PATCH", `/api/v1/nodes/${node.name}/status`, {
    status: {
      capacity: allocatable,
      allocatable,
      addresses: [
        { type: "InternalIP", address: node.address },
        { type: "Hostname", address: node.name },
      ],
      conditions: [
        condition("Ready", "True", "KubeletReady"),
        condition("MemoryPressure", "False", "KubeletHasSufficientMemory"),
        condition("DiskPressure", "False", "KubeletHasNoDiskPressure"),
        condition("PIDPressure", "False", "KubeletHasSufficientPID"),
      ],
      daemonEndpoints: { kubeletEndpoint: { Port: KUBELET_PORT } },
      nodeInfo: {
        kubeletVersion: "v1.37.2-teal-test",
        containerRuntimeVersion: "teal-test://processes",
        operatingSystem: "linux",
        architecture: process.arch === "x64" ? "amd64" : process.arch,
        kernelVersion: "",
        osImage: "",
        machineID: node.name,
        systemUUID: node.name,
        bootID: String(process.hrtime.bigint()),
        kubeProxyVersion: "",
      },
    },
  });
}

async function renew(node: Node): Promise<void> {
  const path = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases";
  const spec = {
    holderIdentity: node.name,
    leaseDurationSeconds: 40,
    renewTime: new Date().toISOString().replace("Z", "000Z"),
  };
  const patched = await node.client.request("PATCH", `${path}/${node.name}`, { spec });
  if (patched.status === 404) await node.client.must("POST", path, { metadata: { name: node.name }, spec });
  else if (patched.status >= 300) throw new Error(`lease: ${patched.status} ${patched.body?.message}`);
}
