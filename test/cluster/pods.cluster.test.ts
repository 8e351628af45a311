import { describe, expect, test } from "vitest";
import { until } from "../e2e/processes.ts";
import { sharedCluster } from "./cluster.ts";
import type { Json } from "./kubelet/client.ts";
import { deployment } from "./objects.ts";

const cluster = await sharedCluster();

const rolledOut = (namespace: string, name: string): Promise<string> =>
  cluster.kubectl("rollout", "status", `deployment/${name}`, "-n", namespace, "--timeout=40s");

const podsOf = async (namespace: string): Promise<readonly Json[]> =>
  (await cluster.get(namespace, "pods")).items;

/** The first pod's only container, once its status is as wanted. */
async function containerWhere(
  namespace: string,
  what: string,
  holds: (status: Json) => boolean,
): Promise<Json> {
  let found: Json;
  await until(
    what,
    async () => {
      const [pod] = await podsOf(namespace);
      found = pod?.status?.containerStatuses?.[0];
      return found !== undefined && holds(found);
    },
    30_000,
  );
  return found;
}

const waitsFor = (reason: string) => (status: Json) => status.state.waiting?.reason === reason;

/** Waits for an event of this reason whose message contains `text`. */
async function told(namespace: string, reason: string, text: string): Promise<void> {
  await until(`the event ${reason}: ${text}`, async () => {
    const { items } = await cluster.get(namespace, "events");
    return items.some((event: Json) => event.reason === reason && event.message.includes(text));
  });
}

/** What a pod answers, through the API server. */
const through = (namespace: string, pod: Json, path: string): Promise<string> =>
  cluster.kubectl(
    "get",
    "--raw",
    `/api/v1/namespaces/${namespace}/pods/${pod.metadata.name}:8080/proxy${path}`,
  );

describe("a Deployment", () => {
  test("rolls out, and the API server's pod proxy reaches its pods", async () => {
    const namespace = await cluster.namespace();
    await cluster.apply(namespace, deployment("shop", "teal.test/web:one", { replicas: 3 }));
    await rolledOut(namespace, "shop");
    const [pod] = await podsOf(namespace);
    expect(await through(namespace, pod, "/")).toBe(`one ${pod.metadata.name}\n`);
    expect(await cluster.kubectl("logs", "-n", namespace, pod.metadata.name)).toBe("one listens on 8080\n");
  });

  test("of the shop runs the shop of the examples", async () => {
    const namespace = await cluster.namespace();
    const container = {
      ports: [{ name: "http", containerPort: 3000 }],
      env: [{ name: "SHOP_ORDERS", value: "/orders.ndjson" }],
    };
    await cluster.apply(namespace, deployment("shop", "teal.test/shop:v7", { container }));
    await rolledOut(namespace, "shop");
    const [pod] = await podsOf(namespace);
    const answer = await fetch(`http://${pod.status.podIP}:3000/health`);
    expect(await answer.json()).toEqual({ ok: true, version: "v7" });
  });

  test("replaced under another image ends the pods that it had", async () => {
    const namespace = await cluster.namespace();
    await cluster.apply(namespace, deployment("shop", "teal.test/web:one", { replicas: 2 }));
    await rolledOut(namespace, "shop");
    await cluster.kubectl("set", "image", "deployment/shop", "web=teal.test/web:two", "-n", namespace);
    await rolledOut(namespace, "shop");
    await until("the pods of before to be gone", async () => (await podsOf(namespace)).length === 2);
    for (const pod of await podsOf(namespace)) expect(await through(namespace, pod, "/")).toMatch(/^two /);
  });
});

describe("a pod that cannot run", () => {
  test("crashes: it is restarted later and later, and its last words can be read", async () => {
    const namespace = await cluster.namespace();
    await cluster.apply(namespace, deployment("shop", "teal.test/crash:one"));
    const status = await containerWhere(
      namespace,
      "a crash loop",
      (each) => waitsFor("CrashLoopBackOff")(each) && each.restartCount > 0,
    );
    expect(status.lastState.terminated).toMatchObject({ exitCode: 1, reason: "Error" });
    await told(namespace, "BackOff", "Back-off restarting failed container web");
    const [pod] = await podsOf(namespace);
    expect(
      await cluster.kubectl("logs", "-n", namespace, pod.metadata.name, "--previous", "--tail=1"),
    ).toContain("no configuration for the database");
  });

  test("has an image that is nowhere", async () => {
    const namespace = await cluster.namespace();
    await cluster.apply(namespace, deployment("shop", "teal.test/missing:one"));
    const status = await containerWhere(namespace, "a pull that failed", waitsFor("ImagePullBackOff"));
    expect(status.state.waiting.message).toContain("teal.test/missing:one: not found");
    await told(namespace, "Failed", 'Failed to pull image "teal.test/missing:one"');
  });

  test("lacks a ConfigMap of its environment, until it is there", async () => {
    const namespace = await cluster.namespace();
    const container = {
      env: [
        { name: "SHOW", value: "GREETING" },
        { name: "NAME", valueFrom: { configMapKeyRef: { name: "words", key: "name" } } },
        { name: "GREETING", value: "hello $(NAME)" },
      ],
    };
    await cluster.apply(namespace, deployment("shop", "teal.test/web:one", { container }));
    const status = await containerWhere(namespace, "the error", waitsFor("CreateContainerConfigError"));
    expect(status.state.waiting.message).toBe('configmap "words" not found');
    await cluster.kubectl("create", "configmap", "words", "--from-literal=name=Teal", "-n", namespace);
    await rolledOut(namespace, "shop");
    const [pod] = await podsOf(namespace);
    expect(await through(namespace, pod, "/show")).toBe("hello Teal");
  });

  test("lacks a volume's Secret, until it is there; then its files lie at the mount path", async () => {
    const namespace = await cluster.namespace();
    const container = {
      command: [
        "node",
        "-e",
        "console.log(require('fs').readFileSync('/etc/shop/word', 'utf8')); setInterval(() => {}, 1e6)",
      ],
      volumeMounts: [{ name: "words", mountPath: "/etc/shop" }],
      readinessProbe: null,
    };
    const pod = { volumes: [{ name: "words", secret: { secretName: "words" } }] };
    await cluster.apply(namespace, deployment("shop", "reader", { container, pod }));
    await told(
      namespace,
      "FailedMount",
      'MountVolume.SetUp failed for volume "words" : secret "words" not found',
    );
    await cluster.kubectl(
      "create",
      "secret",
      "generic",
      "words",
      "--from-literal=word=open",
      "-n",
      namespace,
    );
    await rolledOut(namespace, "shop");
    const [{ metadata }] = (await podsOf(namespace)) as [Json];
    await until(
      "its output",
      async () => (await cluster.kubectl("logs", "-n", namespace, metadata.name)) === "open\n",
    );
  });

  test("fits on no node", async () => {
    const namespace = await cluster.namespace();
    const container = { resources: { requests: { cpu: "64" } } };
    await cluster.apply(namespace, deployment("shop", "teal.test/web:one", { container }));
    await told(namespace, "FailedScheduling", "Insufficient cpu");
  });

  test("exceeds the quota, or what an admission plugin allows", async () => {
    const namespace = await cluster.namespace();
    await cluster.kubectl("create", "quota", "few", "--hard=pods=1", "-n", namespace);
    await cluster.apply(namespace, deployment("shop", "teal.test/web:one", { replicas: 2 }));
    await told(namespace, "FailedCreate", "exceeded quota: few");
  });
});

describe("probes", () => {
  test("never ready is alive and gets no users", async () => {
    const namespace = await cluster.namespace();
    await cluster.apply(namespace, deployment("shop", "teal.test/never-ready:one"));
    await told(namespace, "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503");
    const [pod] = await podsOf(namespace);
    const conditions = Object.fromEntries(
      pod.status.conditions.map(({ type, status }: Json) => [type, status]),
    );
    expect(conditions).toMatchObject({ Initialized: "True", ContainersReady: "False", Ready: "False" });
  });

  test("a failed liveness probe restarts the container", async () => {
    const namespace = await cluster.namespace();
    const livenessProbe = {
      httpGet: { path: "/health/db", port: "http" },
      periodSeconds: 1,
      failureThreshold: 2,
    };
    await cluster.apply(
      namespace,
      deployment("shop", "teal.test/failing:one", { container: { livenessProbe } }),
    );
    const status = await containerWhere(namespace, "a restart", ({ restartCount }) => restartCount > 0);
    expect(status.restartCount).toBeGreaterThan(0);
    await told(namespace, "Killing", "Container web failed liveness probe, will be restarted");
  });

  test("a startup probe holds the others back", async () => {
    const namespace = await cluster.namespace();
    const container = {
      env: [{ name: "START_MS", value: "2500" }],
      startupProbe: { tcpSocket: { port: "http" }, periodSeconds: 1, failureThreshold: 20 },
      livenessProbe: { httpGet: { path: "/health", port: "http" }, periodSeconds: 1, failureThreshold: 1 },
    };
    await cluster.apply(namespace, deployment("shop", "teal.test/web:one", { container }));
    await rolledOut(namespace, "shop");
    const status = await containerWhere(namespace, "it to be ready", ({ ready }) => ready);
    expect(status).toMatchObject({ restartCount: 0, started: true });
  });

  test("an open readiness gate keeps a pod from being ready until somebody closes it", async () => {
    const namespace = await cluster.namespace();
    const pod = { readinessGates: [{ conditionType: "example.com/registered" }] };
    await cluster.apply(namespace, deployment("shop", "teal.test/web:one", { pod }));
    await containerWhere(namespace, "its container", ({ ready }) => ready);
    const ready = async () => {
      const [{ status, metadata }] = (await podsOf(namespace)) as [Json];
      const condition = status.conditions.find(({ type }: Json) => type === "Ready");
      return { name: metadata.name, is: condition.status, reason: condition.reason };
    };
    await until("the gate to be the reason", async () => (await ready()).reason === "ReadinessGatesNotReady");
    const { name } = await ready();
    const patch = { status: { conditions: [{ type: "example.com/registered", status: "True" }] } };
    const patching = [
      "patch",
      "pod",
      name,
      "-n",
      namespace,
      "--subresource=status",
      "-p",
      JSON.stringify(patch),
    ];
    await cluster.kubectl(...patching);
    await until("the pod to be ready", async () => (await ready()).is === "True");
  });
});

describe("the end of a pod", () => {
  test("lets what is in flight end: the process goes after its preStop hook", async () => {
    const namespace = await cluster.namespace();
    const container = { lifecycle: { preStop: { sleep: { seconds: 8 } } } };
    const grace = { terminationGracePeriodSeconds: 20 };
    await cluster.apply(namespace, deployment("shop", "teal.test/web:one", { container, pod: grace }));
    await rolledOut(namespace, "shop");
    const [pod] = await podsOf(namespace);
    const url = `http://${pod.status.podIP}:8080`;
    await cluster.kubectl("delete", "pod", pod.metadata.name, "-n", namespace, "--wait=false");
    const slow = fetch(`${url}/slow?ms=500`);
    expect((await fetch(`${url}/`)).status).toBe(200);
    expect(await (await slow).text()).toBe(`one ${pod.metadata.name}\n`);
    await until(
      "the pod to be gone",
      async () => !(await podsOf(namespace)).some((each) => each.metadata.uid === pod.metadata.uid),
    );
    await expect(fetch(`${url}/`, { signal: AbortSignal.timeout(2000) })).rejects.toThrow();
  });

  test("comes by force to a process that does not listen", async () => {
    const namespace = await cluster.namespace();
    const container = {
      command: ["node", "-e", "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000)"],
      readinessProbe: null,
    };
    await cluster.apply(
      namespace,
      deployment("shop", "deaf", { container, pod: { terminationGracePeriodSeconds: 1 } }),
    );
    await rolledOut(namespace, "shop");
    await cluster.kubectl("delete", "deployment", "shop", "-n", namespace);
    await until("the pod to be gone", async () => (await podsOf(namespace)).length === 0);
  });
});

test("a Job runs to its end, after its init containers", async () => {
  const namespace = await cluster.namespace();
  const say = (word: string) => ["node", "-e", `console.log(${JSON.stringify(word)})`];
  const spec = {
    restartPolicy: "Never",
    initContainers: [{ name: "first", image: "say", command: say("first") }],
    containers: [{ name: "second", image: "say", command: say("second") }],
  };
  const job = {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { name: "say" },
    spec: { template: { spec } },
  };
  await cluster.apply(namespace, job);
  await cluster.kubectl("wait", "--for=condition=complete", "job/say", "-n", namespace, "--timeout=30s");
  expect(await cluster.kubectl("logs", "job/say", "-c", "first", "-n", namespace)).toBe("first\n");
  expect(await cluster.kubectl("logs", "job/say", "-n", namespace)).toContain("second\n");
});

test("a program in a pod reaches the API server as its service account", async () => {
  const namespace = await cluster.namespace();
  const script = `
    const { readFileSync } = require("fs");
    const folder = "/var/run/secrets/kubernetes.io/serviceaccount/";
    const read = (name) => readFileSync(folder + name, "utf8");
    const path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
    const request = require("https").request("https://" + process.env.KUBERNETES_SERVICE_HOST + path, {
      method: "POST",
      ca: read("ca.crt"),
      headers: { authorization: "Bearer " + read("token"), "content-type": "application/json" },
    }, async (response) => {
      let text = "";
      for await (const part of response) text += part;
      console.log(JSON.parse(text).status.userInfo.username);
    });
    request.end(JSON.stringify({ apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" }));`;
  const spec = {
    restartPolicy: "Never",
    containers: [{ name: "asks", image: "asks", command: ["node", "-e", script] }],
  };
  await cluster.apply(namespace, { apiVersion: "v1", kind: "Pod", metadata: { name: "asks" }, spec });
  await until(
    "its answer",
    async () =>
      (await cluster.kubectl("logs", "asks", "-n", namespace).catch(() => "")) ===
      `system:serviceaccount:${namespace}:default\n`,
  );
});
