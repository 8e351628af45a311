import { expect, test } from "vitest";
import { sharedCluster } from "./cluster.ts";
import { deployment } from "./objects.ts";

const cluster = await sharedCluster();

test("a Deployment rolls out, and the API server's pod proxy reaches its pods", async () => {
  const namespace = await cluster.namespace();
  await cluster.apply(namespace, deployment("shop", "teal.test/web:one", { replicas: 3 }));
  await cluster.kubectl("rollout", "status", "deployment/shop", "-n", namespace, "--timeout=30s");
  const pods = JSON.parse(await cluster.kubectl("get", "pods", "-n", namespace, "-o", "json"));
  const [pod] = pods.items;
  const answer = await cluster.kubectl(
    "get",
    "--raw",
    `/api/v1/namespaces/${namespace}/pods/${pod.metadata.name}:8080/proxy/`,
  );
  expect(answer).toBe(`one ${pod.metadata.name}\n`);
  expect(await cluster.kubectl("logs", "-n", namespace, pod.metadata.name)).toBe("one listens on 8080\n");
});
