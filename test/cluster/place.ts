import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * Where a cluster runs: namespaces that run.ts made, in which every address and port is free for us.
 *
 * cluster 10.100.0.1 (API server) · node n 10.100.n.2, reached over 10.100.n.1 · pods of node n 10.244.n.0/24 ·
 * Services 10.96.0.0/16 · users 10.200.n.2 on the link to node n, which is 10.200.n.1 there
 */
export const API = { address: "10.100.0.1", port: 6443 } as const;
export const SERVICES = "10.96.0.0/16";
export const PODS = "10.244.0.0/16";

export const nodeName = (index: number): string => `node-${index}`;
export const nodeAddress = (index: number): string => `10.100.${index}.2`;
export const KUBELET_PORT = 10250;
export const KUBE_PROXY_HEALTH_PORT = 10256;
/** Where a node's kubelet is told how late its kube-proxy hears of changes. */
export const DELAY_PATH = "/teal.test/delay";

/** The folder with etcd, kube-apiserver, kubectl and the others. */
export function programsFolder(): string {
  const folder = process.env["TEAL_TEST_PROGRAMS"];
  if (folder === undefined || process.env["TEAL_TEST_CLUSTER"] === undefined) {
    throw new Error(
      "a test cluster starts only in namespaces of its own: npm run test:kubernetes, or npm run cluster",
    );
  }
  return folder;
}

/** A folder for one cluster: certificates, etcd's data, logs of every component. */
export function clusterFolder(): string {
  programsFolder();
  return mkdtempSync(join(tmpdir(), "cluster-"));
}

/** The folder with the definitions of the Gateway API. */
export function gatewayCrdsFolder(): string {
  const folder = process.env["TEAL_TEST_GATEWAY_CRDS"];
  if (folder === undefined)
    throw new Error("run.ts did not say where the definitions of the Gateway API are");
  return folder;
}

/** The program with the conformance tests of the Gateway API. */
export function conformanceProgram(): string {
  const program = process.env["TEAL_TEST_CONFORMANCE"];
  if (program === undefined) throw new Error("run.ts did not say where the conformance tests are");
  return program;
}
