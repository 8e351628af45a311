import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { millis } from "../../../core/units.ts";
import { packageVersion } from "../../version.ts";
import { notWritten } from "./answers.ts";
import type { Answer, Api } from "./api.ts";
import { connectApi, NoCredentials } from "./connect.ts";
import { paths } from "./paths.ts";
import { BY, configMap } from "./testing.ts";

const TOKEN = "token-0123456789abcdef";
const all = paths.configMaps("shop");
const one = paths.configMaps("shop", "x");

let folder: string;
let ends: (() => unknown)[] = [];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "teal-call-"));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

afterEach(async () => {
  for (const end of ends) await end();
  ends = [];
});

interface Asked {
  readonly line: string;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

/** Something that answers as it is told to: no API server, only one end of a socket. */
async function answering(
  answer: (response: http.ServerResponse, count: number, asked: Asked) => void,
): Promise<{ readonly port: number; readonly asked: readonly Asked[]; readonly connections: () => number }> {
  const asked: Asked[] = [];
  let connections = 0;
  const server = http.createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      asked.push({ line: `${request.method} ${request.url}`, headers: request.headers, body });
      answer(response, asked.length, asked.at(-1) as Asked);
    });
  });
  server.on("connection", () => connections++);
  const port = await listening(server);
  ends.push(() => new Promise((resolve) => server.close(resolve).closeAllConnections()));
  return { port, asked, connections: () => connections };
}

function listening(server: net.Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve((server.address() as net.AddressInfo).port));
  });
}

async function apiAt(server: string, user: object = { token: TOKEN }): Promise<Api> {
  const path = join(folder, `kubeconfig-${Math.random()}`);
  const config = {
    clusters: [{ name: "c", cluster: { server } }],
    users: [{ name: "u", user }],
    contexts: [{ name: "prod", context: { cluster: "c", user: "u", namespace: "shop" } }],
  };
  writeFileSync(path, JSON.stringify(config));
  const connected = await connectApi({ by: "context", context: "prod", kubeconfig: path }, "");
  if (connected.is === "failed") throw new Error(connected.cause.message);
  ends.unshift(() => connected.api.close());
  return connected.api;
}

const code = (answer: Answer<unknown>): unknown =>
  answer.is === "ok" ? "ok" : [answer.is, answer.cause.code];
const json = (response: http.ServerResponse, status: number, body: object): void =>
  void response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));

describe("a request", () => {
  it("says who asks, what for, and how strictly, below the server's own path", async () => {
    const { port, asked } = await answering((response) => json(response, 200, configMap("x", "x")));
    const api = await apiAt(`http://127.0.0.1:${port}/k8s/clusters/c-1/`);
    expect([api.namespace, api.place]).toEqual(["shop", "prod/shop"]);
    await api.get(one, BY);
    await api.create(all, { kind: "ConfigMap" }, BY);
    await api.patch(one, { by: "json", operations: [{ op: "remove", path: "/data/a" }] }, BY);
    await api.patch(one, { by: "apply", body: { a: 1 }, force: true }, BY);
    await api.remove(one, { uid: "u", propagation: "Foreground" }, BY);
    const base = "/k8s/clusters/c-1/api/v1/namespaces/shop/configmaps";
    const strict = "fieldManager=teal&fieldValidation=Strict";
    expect(asked.map(({ line }) => line)).toEqual([
      `GET ${base}/x`,
      `POST ${base}?${strict}`,
      `PATCH ${base}/x?${strict}`,
      `PATCH ${base}/x?${strict}&force=true`,
      `DELETE ${base}/x`,
    ]);
    expect(asked.map(({ headers }) => headers["content-type"])).toEqual([
      undefined,
      "application/json",
      "application/json-patch+json",
      "application/apply-patch+yaml",
      "application/json",
    ]);
    for (const { headers } of asked) {
      expect(headers).toMatchObject({
        authorization: `Bearer ${TOKEN}`,
        "user-agent": `teal/${packageVersion()}`,
      });
    }
    expect(JSON.parse(asked[4]?.body ?? "")).toMatchObject({
      propagationPolicy: "Foreground",
      preconditions: { uid: "u" },
    });
  });

  it("uses one connection for many calls", async () => {
    const { port, connections } = await answering((response) => json(response, 200, {}));
    const api = await apiAt(`http://127.0.0.1:${port}`);
    for (let count = 0; count < 20; count++) expect(code(await api.get(one, BY))).toBe("ok");
    expect(connections()).toBe(1);
  });

  it("may be opened with credentials, by whoever wants all of the answer", async () => {
    const { port, asked } = await answering(
      (response) => void response.writeHead(302, { location: "/elsewhere" }).end("moved"),
    );
    const api = await apiAt(`http://127.0.0.1:${port}`);
    const request = (await api.open("GET", "/proxy", { "x-own": "1" }, BY.signal)) as http.ClientRequest;
    const status = await new Promise((resolve) => {
      request.once("response", (response) => resolve(response.resume().statusCode)).end();
    });
    expect(status).toBe(302);
    expect(asked).toHaveLength(1);
    expect(asked[0]?.headers).toMatchObject({ authorization: `Bearer ${TOKEN}`, "x-own": "1" });
  });
});

describe("unsent", () => {
  it("is what nobody listens to, after a few tries; it can be tried again", async () => {
    const nobody = net.createServer();
    const port = await listening(nobody);
    await new Promise((resolve) => nobody.close(resolve));
    const api = await apiAt(`http://127.0.0.1:${port}`);
    for (const answer of [await api.get(one, BY), await api.create(all, {}, BY)]) {
      expect(code(answer)).toEqual(["unsent", "TEAL-K106"]);
      expect(answer.is !== "ok" && notWritten(answer)).toMatchObject({ is: "rejected", retryAfter: 1_000 });
    }
  });

  it("is what a server gets that comes back meanwhile, so that a write is repeated", async () => {
    const server = http.createServer((_, response) => json(response, 201, configMap("x", "x")));
    const port = await listening(server);
    await new Promise((resolve) => server.close(resolve));
    const api = await apiAt(`http://127.0.0.1:${port}`);
    const created = api.create(all, {}, BY);
    setTimeout(() => server.listen(port, "127.0.0.1"), 20);
    expect(code(await created)).toBe("ok");
    ends.push(() => new Promise((resolve) => server.close(resolve).closeAllConnections()));
  });

  it("is a name that does not exist", async () => {
    const api = await apiAt("https://nowhere.invalid:6443");
    expect(code(await api.create(all, {}, BY))).toEqual(["unsent", "TEAL-K106"]);
  });

  it("is a server that speaks no TLS", async () => {
    const { port, asked } = await answering((response) => json(response, 200, {}));
    const api = await apiAt(`https://127.0.0.1:${port}`);
    expect(code(await api.create(all, {}, BY))).toEqual(["unsent", "TEAL-K107"]);
    expect(asked).toHaveLength(0);
  });

  it("is a server that takes the connection and never greets", async () => {
    const silent = net.createServer((socket) => void ends.unshift(() => socket.destroy()));
    const port = await listening(silent);
    ends.push(() => new Promise((resolve) => silent.close(resolve)));
    const api = await apiAt(`https://127.0.0.1:${port}`);
    const answer = await api.create(all, {}, { ...BY, within: millis(150) });
    expect(code(answer)).toEqual(["unsent", "TEAL-K106"]);
  });

  it("is what was cancelled before", async () => {
    const { port, asked } = await answering((response) => json(response, 200, {}));
    const api = await apiAt(`http://127.0.0.1:${port}`);
    expect(code(await api.create(all, {}, { signal: AbortSignal.abort() }))).toEqual(["unsent", "TEAL-K121"]);
    api.close();
    expect(code(await api.create(all, {}, BY))).toEqual(["unsent", "TEAL-K121"]);
    expect(asked).toHaveLength(0);
  });
});

describe("an answer", () => {
  it("that drips for ever ends with the bound", async () => {
    const { port } = await answering((response) => {
      response.writeHead(200);
      const drip = setInterval(() => response.write(" "), 10);
      response.once("close", () => clearInterval(drip));
    });
    const api = await apiAt(`http://127.0.0.1:${port}`);
    expect(code(await api.create(all, {}, { ...BY, within: millis(200) }))).toEqual(["unknown", "TEAL-K120"]);
    expect(code(await api.get(one, { ...BY, within: millis(200) }))).toEqual(["unknown", "TEAL-K120"]);
  });

  it("that comes from no API server is told as such", async () => {
    const { port } = await answering((response) => void response.end("<html>Welcome</html>"));
    const api = await apiAt(`http://127.0.0.1:${port}`);
    expect(code(await api.get(one, BY))).toEqual(["refused", "TEAL-K122"]);
    expect(code(await api.create(all, {}, BY))).toEqual(["unknown", "TEAL-K122"]);
    expect(await api.text("/log", BY)).toEqual({ is: "ok", value: "<html>Welcome</html>" });
  });

  it.each([502, 503])(
    "of %i from a load balancer leaves a write open, and a read is repeated",
    async (status) => {
      const { port, asked } = await answering((response, count) =>
        count <= 2 ? void response.writeHead(status).end("upstream gone") : json(response, 200, {}),
      );
      const api = await apiAt(`http://127.0.0.1:${port}`);
      expect((await api.create(all, {}, BY)).is).toBe("unknown");
      expect(asked).toHaveLength(1);
      expect((await api.get(one, BY)).is).toBe("ok");
      expect(asked).toHaveLength(3);
    },
  );

  it("that quotes the token is shown without it, and in one line", async () => {
    const { port } = await answering((response, _, { headers }) =>
      json(response, 422, {
        kind: "Status",
        reason: "Invalid",
        message: `you sent\n${headers.authorization} \u001b[31m`,
        details: { causes: [{}] },
      }),
    );
    const api = await apiAt(`http://127.0.0.1:${port}`);
    const answer = await api.create(all, {}, BY);
    if (answer.is !== "refused") throw new Error(answer.is);
    expect(answer.cause.message).toMatch(/^prod\/shop: create configmaps: .*: you sent Bearer \[redacted\]/u);
    expect(answer.cause.message).not.toContain(TOKEN);
    expect(answer.cause.message).not.toContain("\u001b");
  });

  it("of a quota or of pod security is no missing right", async () => {
    const message =
      'pods "x" is forbidden: exceeded quota: compute, requested: pods=1, used: pods=1, limited: pods=1';
    const { port } = await answering((response) =>
      json(response, 403, { kind: "Status", reason: "Forbidden", message }),
    );
    const api = await apiAt(`http://127.0.0.1:${port}`);
    expect(code(await api.create(paths.pods("shop"), {}, BY))).toEqual(["refused", "TEAL-K117"]);
  });

  it("on a connection that was closed when it was to be used again: reads go on, a write is left open", async () => {
    const { port, asked } = await answering((response, count) => {
      if (count % 2 === 1) json(response, 200, {});
      else response.socket?.destroy();
    });
    const api = await apiAt(`http://127.0.0.1:${port}`);
    await api.get(one, BY);
    expect((await api.get(one, BY)).is).toBe("ok");
    expect((await api.create(all, {}, BY)).is).toBe("unknown");
    expect(asked.map(({ line }) => line.split(" ")[0])).toEqual(["GET", "GET", "GET", "POST"]);
  });
});

describe("credentials", () => {
  const plugin = (script: string, more: object = {}) => {
    const path = join(folder, `plugin-${Math.random()}`);
    writeFileSync(path, `#!/bin/sh\n${script}\n`, { mode: 0o700 });
    return { exec: { apiVersion: "client.authentication.k8s.io/v1", command: path, ...more } };
  };
  const unreachable = "http://127.0.0.1:1";

  it("by name and password, and in the name of others", async () => {
    const { port, asked } = await answering((response) => json(response, 200, {}));
    const api = await apiAt(`http://127.0.0.1:${port}`, {
      username: "me",
      password: "pass",
      as: "ci",
      "as-groups": ["ops", "dev"],
    });
    await api.get(one, BY);
    expect(asked[0]?.headers).toMatchObject({
      authorization: `Basic ${btoa("me:pass")}`,
      "impersonate-user": "ci",
      "impersonate-group": "ops, dev",
    });
  });

  it("of a program that is not installed: its hint is shown", async () => {
    const exec = {
      apiVersion: "client.authentication.k8s.io/v1",
      command: "teal-no-such-program",
      installHint: "Get it at the shop.",
    };
    const api = await apiAt(unreachable, { exec });
    const answer = await api.create(all, {}, BY);
    expect(code(answer)).toEqual(["unsent", "TEAL-K105"]);
    expect(answer).toMatchObject({
      cause: { message: expect.stringContaining("is not installed: Get it at the shop.") as string },
    });
    await expect(api.open("GET", "/", {}, BY.signal)).rejects.toBeInstanceOf(NoCredentials);
  });

  it("of a program that fails: what it said is shown, no secret in it", async () => {
    const api = await apiAt(unreachable, plugin("echo 'session expired, token=abcdefghij' >&2; exit 1"));
    const answer = await api.get(one, BY);
    expect(code(answer)).toEqual(["unsent", "TEAL-K105"]);
    expect(JSON.stringify(answer)).toContain("session expired, token=[redacted]");
  });

  it("that come too late: what was said to be unsent is not sent later", async () => {
    const { port, asked } = await answering((response) => json(response, 200, {}));
    const done = join(folder, "done");
    const api = await apiAt(
      `http://127.0.0.1:${port}`,
      plugin(`sleep 0.5; touch ${done}; echo '{"status":{"token":"t"}}'`),
    );
    expect(code(await api.create(all, {}, { ...BY, within: millis(100) }))).toEqual(["unsent", "TEAL-K105"]);
    await expect.poll(() => existsSync(done)).toBe(true);
    expect(code(await api.get(one, BY))).toBe("ok");
    expect(asked.map(({ line }) => line.split(" ")[0])).toEqual(["GET"]);
  });

  it("that no header can hold", async () => {
    const api = await apiAt(unreachable, { token: "two\nlines" });
    const answer = await api.create(all, {}, BY);
    expect(code(answer)).toEqual(["unsent", "TEAL-K103"]);
    expect(JSON.stringify(answer)).not.toContain("two");
  });

  it("of a program that never ends: the call does, and the program ends with the connection", async () => {
    const pidFile = join(folder, "pid");
    const api = await apiAt(unreachable, plugin(`echo $$ > ${pidFile}; exec sleep 1000`));
    expect(code(await api.get(one, { ...BY, within: millis(300) }))).toEqual(["unsent", "TEAL-K105"]);
    await expect.poll(() => existsSync(pidFile) && readFileSync(pidFile, "utf8").trim()).toMatch(/^\d+$/u);
    const pid = Number(readFileSync(pidFile, "utf8"));
    expect(alive(pid)).toBe(true);
    api.close();
    await expect.poll(() => alive(pid)).toBe(false);
  });
});

function alive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
