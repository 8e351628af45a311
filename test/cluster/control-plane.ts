import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { certificates } from "./certificates.ts";
import type { Components } from "./component.ts";
import { writeKubeconfig } from "./kubeconfig.ts";
import { Client } from "./kubelet/client.ts";
import { API, programsFolder, SERVICES } from "./place.ts";
import { randomBytes } from "node:crypto";

/** What the tests lean on; the others of a real cluster only cost time. */
const CONTROLLERS = [
  "deployment",
  "replicaset",
  "statefulset",
  "daemonset",
  "job",
  "cronjob",
  "endpoints",
  "endpointslice",
  "namespace",
  "garbage-collector",
  "pod-garbage-collector",
  "horizontal-pod-autoscaler",
  "disruption",
  "serviceaccount",
  "serviceaccount-token",
  "root-ca-certificate-publisher",
  "resourcequota",
  "node-lifecycle",
  "taint-eviction",
].map((name) => `${name}-controller`);

/** Enough that no test waits for a client's own limit. */
const QUICK = ["--kube-api-qps=500", "--kube-api-burst=1000"];

export interface ControlPlane {
  readonly kubeconfig: string;
  /** For the administrator, who may do everything. */
  readonly client: Client;
  readonly ca: string;
  readonly token: string;
}

/** Starts etcd and the API server, and, once that is ready, controllers and scheduler. */
export async function startControlPlane(components: Components): Promise<ControlPlane> {
  const { folder } = components;
  await certificates(folder);
  const begin = (name: string, ...args: string[]) =>
    components.begin(name, [join(programsFolder(), name), ...args]);
  const file = (name: string): string => join(folder, name);
  const token = randomBytes(16).toString("hex");
  writeFileSync(file("tokens.csv"), `${token},admin,admin,system:masters\n`, { mode: 0o600 });
  const ca = readFileSync(file("ca.crt"), "utf8");
  const kubeconfig = file("admin.kubeconfig");
  writeKubeconfig(kubeconfig, { server: `https://127.0.0.1:${API.port}`, ca, token, user: "admin" });

  begin(
    "etcd",
    `--data-dir=${file("etcd")}`,
    "--unsafe-no-fsync",
    "--listen-client-urls=http://127.0.0.1:2379",
    "--advertise-client-urls=http://127.0.0.1:2379",
    "--listen-peer-urls=http://127.0.0.1:2380",
    "--log-level=warn",
  );
  const server = begin(
    "kube-apiserver",
    "--etcd-servers=http://127.0.0.1:2379",
    `--advertise-address=${API.address}`,
    `--secure-port=${API.port}`,
    `--tls-cert-file=${file("server.crt")}`,
    `--tls-private-key-file=${file("server.key")}`,
    `--service-cluster-ip-range=${SERVICES}`,
    "--authorization-mode=RBAC",
    `--token-auth-file=${file("tokens.csv")}`,
    "--service-account-issuer=https://kubernetes.default.svc",
    `--service-account-key-file=${file("accounts.key")}`,
    `--service-account-signing-key-file=${file("accounts.key")}`,
    "--kubelet-preferred-address-types=InternalIP",
    "--profiling=false",
  );
  const client = new Client({ server: `https://127.0.0.1:${API.port}`, ca, token });
  await server.until("its /readyz", async () => {
    const answer = await client.request("GET", "/readyz").catch(() => undefined);
    return answer?.status === 200;
  });
  // They give up when the API server takes longer than some seconds.
  begin(
    "kube-controller-manager",
    `--kubeconfig=${kubeconfig}`,
    `--controllers=${CONTROLLERS.join(",")}`,
    "--leader-elect=false",
    `--service-account-private-key-file=${file("accounts.key")}`,
    `--root-ca-file=${file("ca.crt")}`,
    ...QUICK,
  );
  begin("kube-scheduler", `--kubeconfig=${kubeconfig}`, "--leader-elect=false", ...QUICK);
  return { kubeconfig, client, ca, token };
}
