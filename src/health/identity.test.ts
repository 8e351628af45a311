import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, it, onTestFinished } from "vitest";
import type { Check } from "../core/checks.ts";
import { millis } from "../core/units.ts";
import { groupByPs, inGroup, listenerOf, listenersByLsof, ownsByLsof, ownsPort } from "./listener.ts";
import { ask, freePort, httpCheck, reachOf, serveHttp } from "./testing.ts";

const SERVER = `require("node:http").createServer((q, s) => s.end("child")).listen(0, process.argv[1], function () { console.log(this.address().port) })`;

/** A real process in a group of its own that listens; behind a shell, as services usually are. */
async function startServer(host = "127.0.0.1"): Promise<{ port: number; group: number }> {
  const child = spawn("/bin/sh", ["-c", `"$0" -e '${SERVER}' ${host}; exit`, process.execPath], {
    detached: true,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const group = child.pid as number;
  onTestFinished(async () => {
    const ended = once(child, "exit");
    process.kill(-group, "SIGKILL");
    await ended;
  });
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  return { port: Number(line.toString()), group };
}

const tcpCheck = (port?: number): Check => ({
  name: "tcp",
  kind: "ready",
  timeout: millis(1_000),
  ask: "tcp",
  tcp: port === undefined ? {} : { port },
});

describe("the listener of a port", () => {
  it("is found with its process group", async () => {
    const { port, group } = await startServer();
    const pids = await listenerOf(port);
    expect(pids).toHaveLength(1);
    const [pid] = pids as number[];
    expect(pid).not.toBe(group);
    expect(await inGroup(pid as number, group)).toBe(true);
    expect(await inGroup(process.pid, group)).toBe(false);
    expect(await ownsPort(group, port, "127.0.0.1")).toEqual({ is: "yes" });
    expect(await ownsPort(group, port, "localhost")).toEqual({ is: "yes" });
  });

  it("is found behind a wildcard address", async () => {
    const { port, group } = await startServer("0.0.0.0");
    expect(await ownsPort(group, port, "127.0.0.1")).toEqual({ is: "yes" });
  });

  it("is nobody on a closed port", async () => {
    const port = await freePort();
    expect(await listenerOf(port)).toEqual([]);
    expect(await ownsPort(process.pid, port, "127.0.0.1")).toEqual({ is: "no", pids: [] });
  });

  it("is named when it is somebody else, also after the group was found at a port of its own", async () => {
    const { port } = await serveHttp((_, response) => response.end());
    const { port: own, group } = await startServer();
    for (let look = 0; look < 2; look++)
      expect(await ownsPort(group, own, "127.0.0.1")).toEqual({ is: "yes" });
    expect(await ownsPort(group, port, "127.0.0.1")).toEqual({ is: "no", pids: [process.pid] });
  });

  it("at another address of the port does not count", async () => {
    const { port, group } = await startServer("127.0.0.2");
    expect(await listenerOf(port, "127.0.0.1")).toEqual([]);
    expect(await ownsPort(group, port, "127.0.0.2")).toEqual({ is: "yes" });
  });

  it("is found by lsof and ps as well, where there is no /proc", async () => {
    const { port, group } = await startServer();
    const pids = await listenersByLsof(port);
    expect(pids).toEqual(await listenerOf(port));
    expect(await groupByPs((pids as number[])[0] as number)).toBe(group);
    expect(await ownsByLsof(group, port)).toEqual({ is: "yes" });
    expect(await ownsByLsof(group + 1, port)).toEqual({ is: "no", pids });
    expect(await listenersByLsof(await freePort())).toBe("unknown");
  });
});

describe("identity by process", () => {
  const identity = { by: "process" } as const;

  it("is proven by the replica's own process", async () => {
    const { port, group } = await startServer();
    expect((await ask(httpCheck(), reachOf(port, { group }), { identity })).result).toBe("pass");
    expect((await ask(tcpCheck(), reachOf(port, { group }), { identity })).result).toBe("pass");
  });

  it("fails when another process answers, whatever it answers", async () => {
    const { group } = await startServer();
    for (const status of [200, 404]) {
      const { port } = await serveHttp((_, response) => response.writeHead(status).end());
      expect(await ask(httpCheck(), reachOf(port, { group }), { identity })).toMatchObject({
        result: "fail",
        expected: `a process of green-1 (group ${group}) on port ${port}`,
        actual: `pid ${process.pid}`,
      });
      expect((await ask(tcpCheck(port), reachOf(1, { group }), { identity })).result).toBe("fail");
    }
  });

  it("is unknown, never a pass, when the group is not told", async () => {
    const { port } = await startServer();
    expect(await ask(httpCheck(), reachOf(port), { identity })).toMatchObject({
      result: "unknown",
      actual: "identity cannot be proven: the target does not tell the replica's process group",
    });
  });
});

describe("identity by header", () => {
  const identity = { by: "header", header: "X-Revision" } as const;
  const named = (revision: Record<string, string>) =>
    serveHttp((_, response) => response.writeHead(200, revision).end());

  it.each([
    [{ "x-revision": "v2" }, "pass", "200"],
    [{ "x-revision": "v1" }, "fail", '"v1"'],
    [{}, "fail", "no such header"],
  ] as const)("%j is a %s", async (headers, result, actual) => {
    const { port } = await named(headers);
    expect(await ask(httpCheck(), reachOf(port), { identity })).toMatchObject({ result, actual });
  });

  it("cannot be proven by a connection alone", async () => {
    const { port } = await named({});
    expect((await ask(tcpCheck(), reachOf(port), { identity })).result).toBe("unknown");
  });
});

describe("identity by address", () => {
  it("needs no more than an answer", async () => {
    const { port } = await startServer();
    expect(await ask(tcpCheck(), reachOf(port))).toMatchObject({ result: "pass", actual: "open" });
    const closed = await freePort();
    expect(await ask(tcpCheck(), reachOf(closed))).toMatchObject({
      result: "fail",
      expected: `port ${closed} to be open`,
      actual: "ECONNREFUSED",
    });
  });
});
