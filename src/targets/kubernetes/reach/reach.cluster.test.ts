import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sharedCluster } from "../../../../test/cluster/cluster.ts";
import { startFaultProxy, type FaultProxy } from "../../../../test/cluster/fault-proxy.ts";
import { deployment } from "../../../../test/cluster/objects.ts";
import { probeContract } from "../../../../test/contract/probe.ts";
import type { Check, HttpAsk } from "../../../core/checks.ts";
import { millis } from "../../../core/units.ts";
import { createProbe } from "../../../health/probe.ts";
import { httpCheck } from "../../../health/testing.ts";
import type { Reach } from "../../../ports/slots.ts";
import { systemClock } from "../../../state/system-clock.ts";
import type { Api } from "../api/api.ts";
import type { Pod } from "../api/objects.ts";
import { paths } from "../api/paths.ts";
import { apiOf, settingsOf } from "../service-router/test-support.ts";
import { podReach } from "./reach.ts";

const cluster = await sharedCluster();
const NEVER = new AbortController().signal;
const ODD = join(import.meta.dirname, "../../../../test/kubernetes/odd-pod.ts");

let namespace = "";
let proxy: FaultProxy;
let api: Api;
let pod: Pod;

beforeAll(async () => {
  namespace = await cluster.namespace("reach");
  const container = {
    command: [process.execPath, ODD],
    readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 },
  };
  await cluster.apply(namespace, deployment("odd", "teal.test/odd:v2", { container }));
  await cluster.kubectl("rollout", "status", "deployment/odd", "-n", namespace, "--timeout=60s");
  pod = (await cluster.get(namespace, "pods")).items[0];
  proxy = await startFaultProxy({ upstream: cluster.kubeconfig });
  // Straight to the API server, over TLS: the Host header of a probe must not decide whose certificate is expected.
  api = await apiOf(settingsOf(namespace, cluster.kubeconfig, "odd"));
});

afterAll(async () => {
  api.close();
  await proxy.stop();
});

const reachBy = (through: Api, port = 8080, of: Pod = pod): Reach => ({
  replica: of.metadata.name,
  incarnation: `${of.metadata.uid}.0`,
  tail: () => Promise.resolve([]),
  ...podReach(through, { access: { by: "context", context: "teal-test" } }, of, port),
});

const ask = (check: Check, reach = reachBy(api), identity: "address" | "header" = "address") =>
  createProbe().sample(
    check,
    {
      reach,
      revision: { id: "v2", config: "c" },
      identity: identity === "header" ? { by: "header", header: "x-revision" } : { by: "address" },
      attempt: 1,
    },
    NEVER,
  );
const http = (asked: Partial<HttpAsk>, timeout = 5_000) => httpCheck(asked, timeout);
const tcp = (port: number, timeout = 5_000): Check => ({
  name: "port",
  kind: "ready",
  timeout: millis(timeout),
  ask: "tcp",
  tcp: { port },
});

probeContract("through the API server's pod proxy", async () => {
  const own = await startFaultProxy({ upstream: cluster.kubeconfig });
  const through = await apiOf(settingsOf(namespace, own.kubeconfig, "odd"));
  return {
    clock: systemClock,
    settle: 0,
    patience: 1_000,
    probe: createProbe(),
    revision: { id: "v2", config: "c" },
    identity: { by: "address" },
    reach: reachBy(through),
    passes: http({ path: "/status?code=200" }),
    fails: http({ path: "/status?code=503" }),
    gone: reachBy(through, 8080, { ...pod, metadata: { ...pod.metadata, name: "odd-gone" } }),
    cutOff: () => {
      own.rate(1, [{ is: "reset", when: "before" }]);
      own.cut("reset");
      return Promise.resolve();
    },
    end: async () => {
      through.close();
      await own.stop();
    },
  };
});

describe("an answer of the pod", () => {
  test("arrives as it was given, with its identity", async () => {
    const sample = await ask(http({ path: "/echo" }), reachBy(api), "header");
    expect(sample).toMatchObject({ result: "pass", actual: "200" });
  });

  test("a question arrives as it was asked: method, query, headers, Host, body", async () => {
    const expectBody = {
      json: {
        "$.method": "POST",
        "$.url": "/echo?a=1&b=%20",
        "$.body": "hello",
        "$.headers.host": "shop.example.com",
        "$.headers['x-own']": "yes",
        "$.headers['user-agent']": "teal-probe",
      },
    };
    const headers = { host: "shop.example.com", "x-own": "yes" };
    const sample = await ask(
      http({ method: "POST", path: "/echo?a=1&b=%20", headers, body: "hello", expectBody }),
    );
    expect(sample).toMatchObject({ result: "pass" });
  });

  test.each([401, 403, 404, 500, 503])("with %i is the pod's own", async (code) => {
    expect(await ask(http({ path: `/status?code=${code}` }))).toMatchObject({
      result: "fail",
      actual: String(code),
      excerpt: "the pod says so",
    });
  });

  test.each(["/to-path", "/to-host", "/to-address"])(
    "redirects within the pod are followed: %s",
    async (path) => {
      const expectBody = { json: { "$.url": "/echo?x=1" } };
      expect(await ask(http({ path, followRedirects: 1, expectBody }))).toMatchObject({ result: "pass" });
    },
  );

  test("a redirect is shown without the proxy's path, and one that leads away is not followed", async () => {
    expect(await ask(http({ path: "/to-path" }))).toMatchObject({ actual: "302 redirect to /echo" });
    expect(await ask(http({ path: "/to-elsewhere", followRedirects: 3 }))).toMatchObject({
      result: "fail",
      actual: "302 redirect away from the replica, to http://shop.example.com/echo",
    });
  });

  test("a page keeps its links, and its headers", async () => {
    const check = http({
      path: "/page",
      expectBody: { contains: ['<a href="/cart">'] },
      expectHeaders: { "cache-control": "^max-age=60$" },
    });
    expect(await ask(check)).toMatchObject({ result: "pass" });
  });

  test.each([
    ["/reset", "ECONNRESET"],
    ["/close", "closed without an answer"],
    ["/garbage", "no valid HTTP answer"],
  ])("%s is the pod's failure", async (path, actual) => {
    expect(await ask(http({ path }))).toMatchObject({ result: "fail", actual });
  });

  test("to an upgrade is the pod's", async () => {
    const headers = { connection: "Upgrade", upgrade: "odd" };
    expect(await ask(http({ headers, status: [[101, 101]] }))).toMatchObject({
      result: "pass",
      actual: "101",
    });
  });

  test("a port where nobody listens", async () => {
    expect(await ask(http({}), reachBy(api, 9))).toMatchObject({ result: "fail", actual: "ECONNREFUSED" });
  });

  test("that does not come is the pod's failure while the API server answers", async () => {
    expect(await ask(http({ path: "/hang" }, 5_000))).toMatchObject({
      result: "fail",
      actual: "timeout after 5000 ms through the API server",
    });
  });

  test("that is late says what its time includes", async () => {
    expect((await ask(http({ path: "/echo", latency: millis(0) }))).actual).toMatch(
      /^200 after \d+ ms through the API server$/,
    );
  });
});

describe("no answer of the pod", () => {
  test("a pod that cuts its answer off cannot be told from a connection that broke", async () => {
    expect(await ask(http({ path: "/cut" }))).toMatchObject({
      result: "unknown",
      actual: expect.stringContaining("no whole answer came from the API server"),
    });
  });

  test.each(["authorization", "Impersonate-User"])(
    "the API server would take the header %s",
    async (name) => {
      expect(await ask(http({ path: "/echo", headers: { [name]: "x" } }))).toMatchObject({
        result: "unknown",
        actual: expect.stringContaining("cannot be sent through the API server"),
      });
    },
  );

  test("the API server would tidy the path", async () => {
    expect(await ask(http({ path: "/a//b" }))).toMatchObject({
      result: "unknown",
      actual: expect.stringContaining("/a//b cannot be sent through the API server"),
    });
  });

  test.each([
    ["GET", [], "get"],
    ["POST", ["get"], "create"],
    ["OPTIONS", ["get", "create"], "*"],
  ] as const)("without the right, %s", async (method, verbs, named) => {
    const rules = [{ apiGroups: [""], resources: ["pods/proxy"], verbs: ["update", ...verbs] }];
    const kubeconfig = await cluster.serviceAccount(namespace, rules);
    const { contexts } = JSON.parse(
      await cluster.kubectl("--kubeconfig", kubeconfig, "config", "view", "-o", "json"),
    ) as { contexts: { name: string }[] };
    const access = { by: "context", context: contexts[0]?.name ?? "", kubeconfig } as const;
    const limited = await apiOf(settingsOf(namespace, kubeconfig, "odd", { access }));
    expect(await ask(http({ method, path: "/echo" }), reachBy(limited))).toMatchObject({
      result: "unknown",
      actual: `not allowed: the right to ${named} pods/proxy in namespace ${namespace} is missing`,
    });
    limited.close();
  });

  test.each<[string, Parameters<FaultProxy["rate"]>[1][number]]>([
    ["is dead", { is: "dead" }],
    ["has too much to do", { is: "answer", status: 429 }],
    ["is not well", { is: "answer", status: 500 }],
    ["cuts the answer", { is: "reset", when: "amid" }],
  ])("an API server that %s says nothing about the pod", async (_, fault) => {
    const through = await apiOf(settingsOf(namespace, proxy.kubeconfig, "odd"));
    proxy.rate(1, [fault]);
    expect((await ask(http({ path: "/echo" }, 1_500), reachBy(through))).result).toBe("unknown");
    proxy.clear();
    expect((await ask(http({ path: "/echo" }), reachBy(through))).result).toBe("pass");
    through.close();
  });

  test("a pod without an address yet is not asked at all", async () => {
    const { status: _none, ...early } = pod;
    expect(await ask(http({}), reachBy(api, 8080, early))).toMatchObject({
      result: "unknown",
      actual: "the pod has no address yet",
    });
  });

  test("a command is not run beside a pod", async () => {
    const check: Check = {
      name: "cmd",
      kind: "deep",
      timeout: millis(1_000),
      ask: "exec",
      exec: { command: "true", expectExit: 0 },
    };
    expect((await ask(check)).result).toBe("unknown");
  });
});

describe("a port", () => {
  test.each([
    [8080, "of HTTP"],
    [8081, "of another protocol"],
  ])("%i %s is open", async (port) => {
    expect(await ask(tcp(port))).toMatchObject({ result: "pass", actual: "open" });
  });

  test("nobody listens on is closed", async () => {
    expect(await ask(tcp(9))).toMatchObject({
      result: "fail",
      expected: "port 9 to be open",
      actual: "ECONNREFUSED",
    });
  });

  test("that stays silent may be open: unknown", async () => {
    expect(await ask(tcp(8082, 700))).toMatchObject({
      result: "unknown",
      actual: expect.stringContaining("it may be open and silent"),
    });
  });

  test("of HTTP sees no request", async () => {
    const before = await metricOf();
    await ask(tcp(8080));
    expect(await metricOf()).toBe(before + 1);
  });
});

/** How many requests the pod had, this one included. */
async function metricOf(): Promise<number> {
  const answer = await api.text(`${paths.pods(namespace, pod.metadata.name)}:8080/proxy/count`, {
    signal: NEVER,
  });
  if (answer.is !== "ok") throw new Error(answer.cause.message);
  return Number((JSON.parse(answer.value) as { count: number }).count);
}
