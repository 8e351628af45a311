import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, expect, test } from "vitest";
import { rightsFor } from "../../src/targets/kubernetes/preflight/rights.ts";
import { sharedCluster } from "../cluster/cluster.ts";
import type { Json } from "../cluster/kubelet/client.ts";
import { deployment, service } from "../cluster/objects.ts";
import { ask } from "../cluster/users.ts";
import { until } from "../e2e/processes.ts";
import { Place } from "./place.ts";

/* Teal in a pod of the cluster: the pod's service account, checks that go to pods directly. */

const cluster = await sharedCluster();
afterAll(() => cluster.stop());

let place: Place | undefined;
afterEach(async () => {
  await place?.dispose();
  place = undefined;
  delete process.env["SHOP_TOKEN"];
});

const MAIN = join(import.meta.dirname, "../../src/cli/main.ts");
/** Answers with what it was asked. */
const ECHO = "registry.k8s.io/gateway-api/echo-basic";
const TOKEN = "let-me-look-4471";
/** The API server's proxy takes `Authorization` for itself: it reaches a pod only directly. */
const WHO =
  '{ path: /who, send: { headers: { authorization: "Bearer ${SHOP_TOKEN}" } }, body: { contains: "Bearer ${SHOP_TOKEN}" } }';
const HEALTH = `{ ready: /health, deep: [{ http: ${WHO} }], window: { of: 2, passes: 1, consecutive: 1, interval: 50ms, deadline: 15s } }`;
const STRATEGY = "{ blueGreen: { bake: 300ms, keepWarm: 0s, drain: 500ms } }";

/** An account `teal` that has exactly the Role that Teal prints for a pod. */
async function account(namespace: string): Promise<void> {
  const rights = rightsFor({ routing: { by: "service" }, access: { by: "pod" } }, { keda: false });
  const rbac = "rbac.authorization.k8s.io";
  const metadata = { name: "teal" };
  await cluster.apply(
    namespace,
    { apiVersion: "v1", kind: "ServiceAccount", metadata },
    {
      apiVersion: `${rbac}/v1`,
      kind: "Role",
      metadata,
      rules: rights.map(({ group, resource, verbs }) => ({
        apiGroups: [group],
        resources: [resource],
        verbs,
      })),
    },
    {
      apiVersion: `${rbac}/v1`,
      kind: "RoleBinding",
      metadata,
      roleRef: { apiGroup: rbac, kind: "Role", name: "teal" },
      subjects: [{ kind: "ServiceAccount", name: "teal", namespace }],
    },
  );
}

/** A pod of that account that runs a command once, with its configuration in a ConfigMap. */
function podOf(name: string, words: readonly string[]): object {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name },
    spec: {
      serviceAccountName: "teal",
      restartPolicy: "Never",
      containers: [
        {
          name: "teal",
          image: "teal",
          command: [process.execPath, MAIN, ...words, "--config", "/etc/teal/teal.yaml"],
          env: [
            { name: "TEAL_STATE_DIR", value: "/var/teal" },
            { name: "SHOP_TOKEN", value: TOKEN },
          ],
          volumeMounts: [
            { name: "config", mountPath: "/etc/teal" },
            { name: "state", mountPath: "/var/teal" },
          ],
        },
      ],
      volumes: [
        { name: "config", configMap: { name: "teal-config" } },
        { name: "state", emptyDir: {} },
      ],
    },
  };
}

/** Runs a command in such a pod to its end; it must succeed. @returns what it printed. */
async function tealInPod(namespace: string, ...words: readonly string[]): Promise<string> {
  const name = ["teal", ...words.slice(0, 2)].join("-");
  await cluster.apply(namespace, podOf(name, words));
  const status = async (): Promise<Json> => (await cluster.get(namespace, "pod", name)).status;
  await until(`${name} to end`, async () => ["Succeeded", "Failed"].includes((await status()).phase), 90_000);
  const log = await cluster.kubectl("logs", name, "-n", namespace);
  const { phase, containerStatuses } = await status();
  expect({ phase, exitCode: containerStatuses[0].state.terminated.exitCode }, log).toEqual({
    phase: "Succeeded",
    exitCode: 0,
  });
  return log;
}

/** A template of pods that say what they were asked, behind a Service. */
async function opened(): Promise<Place> {
  const env = [
    { name: "HTTP_PORT", value: "8080" },
    { name: "POD_NAME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
  ];
  const template = deployment("shop", `${ECHO}:v0`, { replicas: 0, container: { env } });
  const objects = [template, service("shop", { app: "shop" })];
  return (place = await Place.open(cluster, { objects, health: HEALTH, strategy: STRATEGY }));
}

test("in a pod of the cluster Teal deploys with the Role of its account, and asks pods directly", async () => {
  const shop = await opened();
  const { namespace } = shop;
  await account(namespace);
  shop.configure({ context: "in-cluster" });
  const config = readFileSync(join(shop.folder, "teal.yaml"), "utf8");
  const map = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "teal-config" } };
  await cluster.apply(namespace, { ...map, data: { "teal.yaml": config } });

  await tealInPod(namespace, "deploy", "v1", "--yes");
  expect(await shop.live()).toBe("blue");
  const log = await tealInPod(namespace, "deploy", "v2", "--yes");
  expect(await shop.live()).toBe("green");
  expect(log).not.toContain(TOKEN);
  expect(await tealInPod(namespace, "status")).toContain("v2 serves on green.");

  const { items } = await cluster.get(namespace, "pods", "-l", "teal.dev/slot=green");
  expect(items.map(({ spec }: Json) => spec.containers[0].image)).toEqual([`${ECHO}:v2`, `${ECHO}:v2`]);
  const names: readonly string[] = items.map(({ metadata: { name } }: Json) => name);
  const { spec } = await cluster.get(namespace, "service", "shop");
  const answered = JSON.parse(await ask(cluster, `http://${spec.clusterIP}/`));
  expect(names).toContain(answered.pod);
  // Each was asked from where Teal ran.
  const address = (await cluster.get(namespace, "pod", "teal-deploy-v2")).status.podIP;
  for (const name of names) {
    const said = await cluster.kubectl("logs", name, "-n", namespace);
    expect(said).toContain(`made to /who to client (::ffff:${address}:`);
  }
});

test("from outside, the same check is refused beforehand: the API server takes the header for itself", async () => {
  const shop = await opened();
  process.env["SHOP_TOKEN"] = TOKEN;
  const refused = await shop.teal("deploy", "v1", "--yes");
  expect(refused.code).toBe(3);
  expect(refused.err).toContain("the header authorization cannot be sent through the API server");
  expect(refused.err).toContain("TEAL-K617");
  expect(await shop.live()).toBeUndefined();
});
