import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { sharedCluster, type Cluster } from "../../../../test/cluster/cluster.ts";
import { startFaultProxy, type Fault, type FaultProxy } from "../../../../test/cluster/fault-proxy.ts";
import { millis } from "../../../core/units.ts";
import { isConflict, isFailedTest, notWritten } from "./answers.ts";
import type { Answer, Api } from "./api.ts";
import { connectApi } from "./connect.ts";
import type { ConfigMap } from "./objects.ts";
import { paths } from "./paths.ts";
import { apiOf, BY, configMap, makeConfigMap } from "./testing.ts";

let cluster: Cluster;
let namespace: string;
/** Straight to the API server. */
let direct: Api;
let folder: string;

beforeAll(async () => {
  cluster = await sharedCluster();
  namespace = await cluster.namespace("api");
  direct = await apiOf(cluster.kubeconfig, namespace);
  folder = mkdtempSync(join(process.env["TMPDIR"] ?? "/tmp", "teal-api-"));
});

afterAll(async () => {
  direct?.close();
  rmSync(folder, { recursive: true, force: true });
  await cluster?.stop();
});

const all = () => paths.configMaps(namespace);
const one = (name: string) => paths.configMaps(namespace, name);
const there = async (name: string) => (await direct.get(one(name), BY)).is === "ok";

/** What is told of an answer, without its words. */
function short(answer: Answer<unknown>): unknown {
  if (answer.is === "ok") return "ok";
  const { code } = answer.cause;
  return answer.is === "refused" ? [answer.status, answer.reason, code] : [answer.is, code];
}

describe("through a faulty network", () => {
  let proxy: FaultProxy;
  let api: Api;

  beforeEach(async () => {
    proxy = await startFaultProxy({ upstream: cluster.kubeconfig });
    api = await apiOf(proxy.kubeconfig, namespace);
  });

  afterEach(async () => {
    api.close();
    await proxy.stop();
  });

  it.each<readonly [string, Fault, unknown, boolean]>([
    ["whose answer is lost", { is: "reset", when: "after" }, ["unknown", "TEAL-K120"], true],
    ["whose answer is closed away", { is: "close", when: "after" }, ["unknown", "TEAL-K120"], true],
    ["whose answer breaks off", { is: "reset", when: "amid" }, ["unknown", "TEAL-K120"], true],
    ["whose answer stalls", { is: "stall" }, ["unknown", "TEAL-K120"], true],
    ["that is reset on its way", { is: "reset", when: "before" }, ["unknown", "TEAL-K120"], false],
    ["that nobody answers", { is: "dead" }, ["unknown", "TEAL-K120"], false],
    ["that meets a 500", { is: "answer", status: 500 }, ["unknown", "TEAL-K119"], false],
    ["that meets a 504", { is: "answer", status: 504 }, ["unknown", "TEAL-K119"], false],
    ["that meets a 503", { is: "answer", status: 503 }, ["unknown", "TEAL-K116"], false],
    [
      "that a starting server refuses",
      { is: "answer", status: 503, retryAfter: 1 },
      [503, "ServiceUnavailable", "TEAL-K116"],
      false,
    ],
    [
      "that a busy server refuses",
      { is: "answer", status: 429, retryAfter: 2 },
      [429, "TooManyRequests", "TEAL-K116"],
      false,
    ],
    ["that conflicts", { is: "answer", status: 409 }, [409, "Conflict", "TEAL-K113"], false],
    ["that is answered slowly", { is: "slow", ms: 200 }, "ok", true],
    ["that is answered in tiny pieces", { is: "chop" }, "ok", true],
  ])("a write %s is told exactly, and sent once", async (what, fault, expected, done) => {
    const name = what.toLowerCase().replaceAll(/\W+/gu, "-");
    proxy.next({ verb: "create" }, fault);
    // Only what never answers is waited for to the end.
    const within = millis(["stall", "dead"].includes(fault.is) ? 1_500 : 20_000);
    const answer = await api.create(all(), configMap(name, "faults"), { ...BY, within });
    expect(short(answer)).toEqual(expected);
    expect(await there(name)).toBe(done);
    expect(proxy.counts()).toEqual({ "create configmaps": 1 });
  });

  it("tells how long a busy server asks to wait, in the words of the ports", async () => {
    proxy.next({ verb: "create" }, { is: "answer", status: 429, retryAfter: 2 });
    const answer = await api.create(all(), configMap("later", "faults"), BY);
    if (answer.is === "ok") throw new Error("it was not refused");
    expect(notWritten(answer)).toMatchObject({ is: "rejected", retryAfter: 2_000 });
  });

  it("a write that comes late is unknown, and does come", async () => {
    proxy.next({ verb: "create" }, { is: "late", ms: 5_000 });
    expect(short(await api.create(all(), configMap("late", "faults"), BY))).toEqual(["unknown", "TEAL-K120"]);
    expect(await there("late")).toBe(false);
    const mirror = direct.mirror(all(), { fields: "metadata.name=late" });
    for (;;) {
      const changed = mirror.changed(AbortSignal.timeout(5_000));
      const read = await mirror.read(BY);
      if (read.is === "seen" && read.items.length === 1) break;
      await changed;
    }
  });

  it.each<readonly [string, Fault]>([
    ["resets", { is: "reset", when: "before" }],
    ["lost answers", { is: "reset", when: "after" }],
    ["broken answers", { is: "close", when: "amid" }],
    ["429", { is: "answer", status: 429, retryAfter: 0 }],
    ["500", { is: "answer", status: 500 }],
    ["503", { is: "answer", status: 503 }],
    ["stalls", { is: "stall" }],
    ["dead sockets", { is: "dead" }],
  ])("a read survives %s", async (_, fault) => {
    if (!(await there("read"))) await makeConfigMap(direct, "read", "read");
    proxy.next({ verb: "get" }, fault, 2);
    const answer = await api.get(one("read"), { ...BY, within: millis(6_000) });
    expect(answer).toMatchObject({ is: "ok", value: { metadata: { name: "read" } } });
    expect(proxy.counts()).toEqual({ "get configmaps": 3 });
  });

  it("a read ends with its bound, and says why", async () => {
    proxy.rate(1, [{ is: "dead" }]);
    const answer = await api.get(one("read"), { ...BY, within: millis(2_000) });
    expect(short(answer)).toEqual(["unknown", "TEAL-K120"]);
    expect(proxy.counts()["get configmaps"]).toBeGreaterThan(1);
  });

  it("a cancelled call ends at once", async () => {
    proxy.rate(1, [{ is: "dead" }]);
    const stop = new AbortController();
    const [read, write] = [
      api.get(one("x"), { signal: stop.signal }),
      api.create(all(), configMap("x", "x"), { signal: stop.signal }),
    ];
    while ((proxy.counts()["create configmaps"] ?? 0) + (proxy.counts()["get configmaps"] ?? 0) < 2) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    stop.abort();
    expect([short(await read), short(await write)]).toEqual([
      ["unknown", "TEAL-K120"],
      ["unknown", "TEAL-K120"],
    ]);
    expect(short(await api.get(one("x"), { signal: stop.signal }))).toEqual(["unsent", "TEAL-K121"]);
  });

  it("pages of a list belong to one moment, and are asked for anew when that is forgotten", async () => {
    const names = Array.from({ length: 501 }, (_, at) => `page-${at}`);
    for (const name of names) await makeConfigMap(direct, name, "pages");
    const list = async () => {
      const answer = await api.list<ConfigMap>(all(), { labels: "part=pages" }, BY);
      return answer.is === "ok" ? answer.value.items.map(({ metadata }) => metadata.name).sort() : answer;
    };
    expect(await list()).toEqual(names.sort());
    expect(proxy.counts()).toEqual({ "list configmaps": 2 });
    proxy.next({ verb: "list" }, { is: "slow", ms: 0 });
    proxy.next({ verb: "list" }, { is: "answer", status: 410 });
    expect(await list()).toEqual(names.sort());
    expect(proxy.counts()).toEqual({ "list configmaps": 5 });
  });

  it("kubectl works through the proxy, in the name of whoever it is asked to", async () => {
    await makeConfigMap(direct, "kubectl", "kubectl");
    const account = await cluster.serviceAccount(namespace, [
      { apiGroups: [""], resources: ["pods"], verbs: ["list"] },
    ]);
    const restricted = await apiOf(proxy.through(account), namespace);
    expect(short(await restricted.list(paths.pods(namespace), {}, BY))).toBe("ok");
    expect(short(await restricted.get(one("kubectl"), BY))).toEqual([403, "Forbidden", "TEAL-K111"]);
    restricted.close();
    const shown = await cluster.kubectl(
      "--kubeconfig",
      proxy.kubeconfig,
      "-n",
      namespace,
      "get",
      "cm",
      "kubectl",
      "-oname",
    );
    expect(shown.trim()).toBe("configmap/kubectl");
  });
});

describe("what the server itself refuses", () => {
  it("an object that exists, another version, a test that fails, another uid", async () => {
    const made = await makeConfigMap(direct, "taken", "taken");
    const again = await direct.create(all(), configMap("taken", "taken"), BY);
    expect(short(again)).toEqual([409, "AlreadyExists", "TEAL-K114"]);
    const stale = await direct.patch(
      one("taken"),
      { by: "merge", body: { metadata: { resourceVersion: "1" } } },
      BY,
    );
    expect(short(stale)).toEqual([409, "Conflict", "TEAL-K113"]);
    const tested = await direct.patch(
      one("taken"),
      {
        by: "json",
        operations: [
          { op: "test", path: "/data/text", value: "something else" },
          { op: "replace", path: "/data/text", value: "never" },
        ],
      },
      BY,
    );
    expect(short(tested)).toEqual([422, "Invalid", "TEAL-K113"]);
    const other = await direct.remove(one("taken"), { uid: "00000000-0000-0000-0000-000000000000" }, BY);
    expect([again, stale, tested, other].map(isConflict)).toEqual([true, true, true, true]);
    expect([again, stale, tested, other].map(isFailedTest)).toEqual([false, false, true, false]);
    expect(await direct.get(one("taken"), BY)).toEqual({ is: "ok", value: made });
  });

  it("an invalid object and an unknown field, which are no conflicts", async () => {
    const invalid = await direct.create(all(), configMap("NOT A NAME", "x"), BY);
    expect(short(invalid)).toEqual([422, "Invalid", "TEAL-K115"]);
    const unknown = await direct.create(all(), { ...configMap("unknown-field", "x"), dta: {} }, BY);
    expect(short(unknown)).toEqual([400, "BadRequest", "TEAL-K115"]);
    await makeConfigMap(direct, "strict", "strict");
    const patched = await direct.patch(one("strict"), { by: "merge", body: { dta: {} } }, BY);
    expect(short(patched)).toEqual([422, "Invalid", "TEAL-K115"]);
    expect([invalid, unknown, patched].map(isConflict)).toEqual([false, false, false]);
    expect(JSON.stringify(patched)).toContain("unknown field");
  });

  it("never tells the data of a Secret that it finds invalid", async () => {
    const name = "confidential";
    const body = {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name },
      stringData: { key: "hunter2-hunter2" },
    };
    expect(short(await direct.create(paths.secrets(namespace), body, BY))).toBe("ok");
    const answer = await direct.patch(paths.secrets(namespace, name), { by: "merge", body: { dta: {} } }, BY);
    expect(short(answer)).toEqual([422, "Invalid", "TEAL-K115"]);
    expect(JSON.stringify(answer)).toContain("unknown field");
    expect(JSON.stringify(answer)).not.toMatch(new RegExp(`hunter2|${btoa("hunter2-hunter2")}`, "u"));
  });

  it("fields of others, naming them and who owns them", async () => {
    const file = join(folder, "owned.json");
    writeFileSync(file, JSON.stringify(configMap("owned", "owned", { text: "theirs" })));
    await cluster.kubectl("apply", "-n", namespace, "--server-side", "--field-manager=helm", "-f", file);
    const body = configMap("owned", "owned", { text: "ours" });
    const answer = await direct.patch(one("owned"), { by: "apply", body, force: false }, BY);
    expect(short(answer)).toEqual([409, "Conflict", "TEAL-K118"]);
    expect(answer).toMatchObject({
      cause: { message: expect.stringContaining(".data.text (helm)") as string },
    });
    expect(short(await direct.patch(one("owned"), { by: "apply", body, force: true }, BY))).toBe("ok");
    expect(await direct.get(one("owned"), BY)).toMatchObject({ value: { data: { text: "ours" } } });
  });

  it("a missing right, naming it and where it is missing", async () => {
    const rules = [{ apiGroups: ["apps"], resources: ["deployments"], verbs: ["get"] }];
    const api = await apiOf(await cluster.serviceAccount(namespace, rules), namespace);
    const patch = { by: "merge", body: {} } as const;
    const answer = await api.patch(paths.deployments(namespace, "shop-blue"), patch, BY);
    expect(short(answer)).toEqual([403, "Forbidden", "TEAL-K111"]);
    const said = `may not patch deployments.apps in namespace ${namespace}. Add the verb patch on deployments.apps`;
    expect(answer).toMatchObject({ cause: { message: expect.stringContaining(said) as string } });
    api.close();
  });

  it("what a webhook or a policy does not let through, and nothing is unknown about it", async () => {
    const url = "https://127.0.0.1:1/nobody";
    const webhook = {
      apiVersion: "admissionregistration.k8s.io/v1",
      kind: "ValidatingWebhookConfiguration",
      metadata: { name: `teal-${namespace}` },
      webhooks: [
        {
          name: "nobody.teal.test",
          admissionReviewVersions: ["v1"],
          sideEffects: "None",
          clientConfig: { url },
          namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": namespace } },
          objectSelector: { matchLabels: { part: "webhook" } },
          rules: [
            { apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["configmaps"] },
          ],
        },
      ],
    };
    const path = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";
    expect(short(await direct.create(path, webhook, BY))).toBe("ok");
    try {
      let answer: Answer<unknown>;
      let tries = 0;
      do {
        // The server learns of its webhooks by a watch.
        answer = await direct.create(all(), configMap(`webhook-${tries}`, "webhook"), BY);
      } while (answer.is === "ok" && tries++ < 500);
      expect(short(answer)).toEqual([500, "InternalError", "TEAL-K117"]);
    } finally {
      await direct.remove(`${path}/teal-${namespace}`, {}, BY);
    }
  });

  it("what is not there: an object, a namespace, a kind", async () => {
    const absent = ["absent", "TEAL-K112"];
    expect(short(await direct.get(one("nothing"), BY))).toEqual(absent);
    expect(short(await direct.create(paths.configMaps("nowhere"), configMap("x", "x"), BY))).toEqual(absent);
    expect(short(await direct.list("/apis/teal.test/v1/namespaces/x/unicorns", {}, BY))).toEqual(absent);
    expect(await direct.mirror("/apis/teal.test/v1/namespaces/x/unicorns", {}).read(BY)).toMatchObject({
      is: "unreadable",
      cause: { code: "TEAL-K112" },
    });
  });
});

describe("who asks", () => {
  /** A kubeconfig like the cluster's, changed. */
  function kubeconfig(user: object, cluster_: object = {}): string {
    const config = JSON.parse(readFileSync(cluster.kubeconfig, "utf8")) as {
      clusters: { cluster: object }[];
      users: { user: object }[];
    };
    Object.assign(config.clusters[0]?.cluster ?? {}, cluster_);
    if (config.users[0] !== undefined) config.users[0].user = user;
    const path = join(folder, `kubeconfig-${Math.random()}`);
    writeFileSync(path, JSON.stringify(config));
    return path;
  }

  const token = () =>
    (JSON.parse(readFileSync(cluster.kubeconfig, "utf8")) as { users: { user: { token: string } }[] })
      .users[0]?.user.token ?? "";

  it("is refused with a wrong token, which nobody gets to see", async () => {
    const api = await apiOf(kubeconfig({ token: "wrong-token-0123456789" }), namespace);
    const answer = await api.get(one("x"), BY);
    expect(short(answer)).toEqual([401, "Unauthorized", "TEAL-K110"]);
    expect(JSON.stringify(answer)).not.toContain("wrong-token");
    api.close();
  });

  it("goes on when a token in a file was rotated", async () => {
    const file = join(folder, "token");
    writeFileSync(file, `${token()}\n`);
    const api = await apiOf(kubeconfig({ tokenFile: file }), namespace);
    expect(short(await api.get(one("nothing"), BY))).toEqual(["absent", "TEAL-K112"]);
    writeFileSync(file, "revoked");
    expect(short(await api.get(one("nothing"), BY))).toEqual(["absent", "TEAL-K112"]); // read again after a minute
    api.close();
    const second = await apiOf(kubeconfig({ tokenFile: file }), namespace);
    expect(short(await second.get(one("nothing"), BY))).toEqual([401, "Unauthorized", "TEAL-K110"]);
    writeFileSync(file, token());
    expect(short(await second.get(one("nothing"), BY))).toEqual(["absent", "TEAL-K112"]);
    second.close();
  });

  it("runs the program that prints credentials once for many calls, and again when they are refused", async () => {
    const [program, runs, current] = ["plugin", "runs", "current"].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    writeFileSync(
      program,
      `#!/bin/sh
echo "$KUBERNETES_EXEC_INFO $EXTRA" >> ${runs}
echo '{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":{"token":"'$(cat ${current})'"}}'`,
    );
    chmodSync(program, 0o700);
    writeFileSync(current, "revoked");
    const env = [{ name: "EXTRA", value: "yes" }];
    const exec = { apiVersion: "client.authentication.k8s.io/v1", command: program, args: [], env };
    const api = await apiOf(kubeconfig({ exec }), namespace);
    expect(short(await api.get(one("nothing"), BY))).toEqual([401, "Unauthorized", "TEAL-K110"]);
    const lines = () => readFileSync(runs, "utf8").trim().split("\n");
    expect(lines()).toHaveLength(2);
    expect(lines()[0]).toMatch(/^\{"apiVersion":"client.authentication.k8s.io\/v1".* yes$/u);
    writeFileSync(current, token());
    const answers = await Promise.all(Array.from({ length: 5 }, () => api.get(one("nothing"), BY)));
    expect(answers.map(short)).toEqual(Array.from({ length: 5 }, () => ["absent", "TEAL-K112"]));
    for (let count = 0; count < 5; count++) await api.get(one("nothing"), BY);
    expect(lines().length).toBeLessThanOrEqual(8); // each of the five may have met its own 401
    api.close();
  });

  it("uses the proxy of the kubeconfig", async () => {
    const asked: string[] = [];
    const sockets = new Set<net.Socket>();
    const proxy = net.createServer((client) => {
      sockets.add(client);
      client.once("data", (head) => {
        const [, host = "", port = ""] = /^CONNECT ([^:]+):(\d+) /u.exec(head.toString()) ?? [];
        asked.push(`${host}:${port}`);
        const server = net.connect(Number(port), host, () => {
          sockets.add(server);
          client.write("HTTP/1.1 200 OK\r\n\r\n");
          client.pipe(server).pipe(client);
        });
        for (const socket of [client, server]) socket.on("error", () => undefined);
      });
    });
    await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
    const { port } = proxy.address() as net.AddressInfo;
    const api = await apiOf(
      kubeconfig({ token: token() }, { "proxy-url": `http://127.0.0.1:${port}` }),
      namespace,
    );
    expect(short(await api.get(one("nothing"), BY))).toEqual(["absent", "TEAL-K112"]);
    expect(short(await api.get(one("nothing"), BY))).toEqual(["absent", "TEAL-K112"]);
    expect(asked).toHaveLength(1);
    api.close();
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => proxy.close(resolve));
  });

  it.each([
    ["an authority that did not sign it", { "certificate-authority-data": undefined }],
    ["another server's name", { "tls-server-name": "elsewhere.test" }],
  ])("sends nothing to a server with %s", async (_, changed) => {
    const api = await apiOf(kubeconfig({ token: token() }, changed), namespace);
    for (const answer of [await api.get(one("x"), BY), await api.create(all(), configMap("x", "x"), BY)]) {
      expect(short(answer)).toEqual(["unsent", "TEAL-K107"]);
    }
    api.close();
  });

  it("is asked to name one of the contexts that there are", async () => {
    const connected = await connectApi(
      { by: "context", context: "prod", kubeconfig: cluster.kubeconfig },
      "",
    );
    expect(connected).toMatchObject({ is: "failed", cause: { code: "TEAL-K102" } });
    expect(JSON.stringify(connected)).toContain("it has teal-test");
  });
});
