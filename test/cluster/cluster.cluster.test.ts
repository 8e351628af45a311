import { expect, test } from "vitest";
import { sharedCluster } from "./cluster.ts";

const cluster = await sharedCluster();

test("the API server is the real one and says which version it is", async () => {
  const { serverVersion } = JSON.parse(await cluster.kubectl("version", "-o", "json")) as {
    serverVersion: { gitVersion: string };
  };
  expect(serverVersion.gitVersion).toMatch(/^v1\.\d+\.\d+$/);
});

test("a service account may do what its role says, and nothing else", async () => {
  const namespace = await cluster.namespace();
  const kubeconfig = await cluster.serviceAccount(namespace, [
    { apiGroups: [""], resources: ["configmaps"], verbs: ["get", "create"] },
  ]);
  const may = (verb: string, what: string) =>
    cluster.kubectl("--kubeconfig", kubeconfig, "auth", "can-i", verb, what).catch(() => "no");
  expect((await may("create", "configmaps")).trim()).toBe("yes");
  expect((await may("delete", "configmaps")).trim()).toBe("no");
});
