import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { allTo, NOBODY } from "../../core/routing.ts";
import { instant } from "../../core/units.ts";
import { EdgeError, startHolder, stopHolder } from "./edge/start.ts";
import { listenSlot } from "./edge/testing-slot.ts";
import { memberOf, TestEdge, until } from "./edge/testing.ts";
import { layout } from "./layout.ts";
import { createLocalRouter } from "./router.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function running(): Promise<TestEdge> {
  const edge = new TestEdge();
  cleanups.push(() => edge.stop());
  return edge.start();
}

const { signal } = new AbortController();

test("observe, claim, shift and their refusals", async () => {
  const edge = await running();
  const { router } = edge;
  const seen = await router.observe(signal);
  if (seen.is !== "seen") throw new Error(JSON.stringify(seen));
  expect(seen.value.weights).toEqual(NOBODY);
  expect(await router.claim(edge.by(4))).toEqual({ is: "applied", seen: 4 });
  expect(await router.shift(allTo("blue"), seen.version, edge.by(3))).toEqual({ is: "fenced", by: 4 });
  expect(await router.shift(allTo("blue"), seen.version, edge.by(4))).toMatchObject({
    is: "applied",
    seen: { weights: allTo("blue") },
  });
  expect(await router.shift(allTo("blue"), seen.version, edge.by(4))).toMatchObject({ is: "unchanged" });
  expect(await router.shift(allTo("green"), seen.version, edge.by(4))).toMatchObject({
    is: "conflict",
    seen: { weights: allTo("blue") },
  });
  expect(await router.shift("pool", "any", edge.by(4))).toMatchObject({
    is: "rejected",
    cause: { code: "TEAL-E110" },
  });
});

test("a stale fence is refused also after the edge was killed", async () => {
  const edge = await running();
  await edge.router.claim(edge.by(7));
  const pid = await edge.pid();
  process.kill(pid, "SIGKILL");
  await until(
    "another edge answers",
    async () => (await edge.ask("hello", {}).catch(() => ({ pid }))).pid !== pid,
  );
  expect(await edge.router.observe(signal)).toMatchObject({ is: "seen" });
  expect(await edge.router.shift(allTo("blue"), "any", edge.by(6))).toEqual({ is: "fenced", by: 7 });
});

test("evidence grows from an acknowledgement to answers of the revision", async () => {
  const edge = await running();
  const slot = await listenSlot("green");
  cleanups.push(() => slot.close());
  await edge.members("green", memberOf(slot));
  await edge.shift(allTo("green"));
  expect(await edge.router.sample(allTo("green"), signal)).toMatchObject({
    is: "seen",
    value: { strength: "ack", moved: true },
  });
  expect(await edge.router.sample(allTo("blue"), signal)).toMatchObject({
    is: "seen",
    value: { moved: false },
  });
  for (let round = 0; round < 5; round++) await (await fetch(`${edge.url}/who`)).text();
  expect(await edge.router.sample(allTo("green"), signal)).toMatchObject({
    is: "seen",
    value: { strength: "identity", moved: true, detail: "5 answers from r-green, 0 started on blue" },
  });
  const traffic = await edge.router.traffic("green", signal);
  if (traffic.is !== "seen") throw new Error(JSON.stringify(traffic));
  expect(traffic.value).toMatchObject({ requests: 5, errors: 0, lost: 0 });
  expect(traffic.value.latency.at(-1)).toEqual({ le: Infinity, count: 5 });
});

test("without an edge reads are unreadable and writes rejected: nothing was sent", async () => {
  const folder = mkdtempSync(join(tmpdir(), "teal-router-"));
  cleanups.push(() => rmSync(folder, { recursive: true }));
  const router = createLocalRouter(layout(folder, "shop", "test"));
  const edge = new TestEdge();
  cleanups.push(() => edge.stop());
  expect(await router.observe(signal)).toMatchObject({ is: "unreadable", cause: { code: "TEAL-E120" } });
  expect(await router.shift(allTo("blue"), "any", edge.by())).toMatchObject({
    is: "rejected",
    cause: { code: "TEAL-E120" },
  });
  expect(
    await router.shift(allTo("blue"), "any", { ...edge.by(), deadline: instant(Date.now() - 1) }),
  ).toMatchObject({ is: "rejected", cause: { code: "TEAL-E121" } });
});

test("a write whose answer was lost is unknown", async () => {
  const edge = new TestEdge();
  cleanups.push(() => edge.stop());
  const deaf = createServer((socket) => socket.once("data", () => socket.destroy()));
  await new Promise<void>((resolve) => deaf.listen(edge.layout.edgeSocket, resolve));
  cleanups.push(() => deaf.close());
  expect(await edge.router.shift(allTo("blue"), "any", edge.by())).toMatchObject({ is: "unknown" });
  expect(await edge.router.observe(signal)).toMatchObject({ is: "unreadable" });
});

test("an address in use, and one that cannot be bound, are said so", async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
  cleanups.push(() => taken.close());
  const { port } = taken.address() as { port: number };
  for (const [listen, code] of [
    [`127.0.0.1:${port}`, "TEAL-E105"],
    ["192.0.2.1:80", "TEAL-E106"],
    ["8080", "TEAL-E106"],
  ] as const) {
    const edge = new TestEdge();
    cleanups.push(() => edge.stop());
    writeFileSync(edge.layout.serviceFile, JSON.stringify({ listen, preview: "127.0.0.1:0", edge: {} }));
    const error = await startHolder(edge.layout).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(EdgeError);
    expect((error as EdgeError).code).toBe(code);
  }
});

test("a holder that runs is left alone; a second start finds the same edge", async () => {
  const edge = await running();
  expect(await startHolder(edge.layout)).toEqual(edge.hello);
});

test("nothing is accepted before the edge can answer: clients that come first wait", async () => {
  const edge = new TestEdge();
  cleanups.push(() => edge.stop());
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const { port } = probe.address() as { port: number };
  await new Promise((resolve) => probe.close(resolve));
  writeFileSync(
    edge.layout.serviceFile,
    JSON.stringify({
      listen: `127.0.0.1:${port}`,
      preview: "127.0.0.1:0",
      edge: {
        streams: { policy: "hold", after: 0, over: 0 },
        queue: { timeout: 100, limit: 10 },
        responseTimeout: 1_000,
        trustedProxies: [],
      },
    }),
  );
  let started = false;
  const statuses: number[] = [];
  const early = (async () => {
    while (statuses.length < 5) {
      // Refused until somebody listens; from then on every connection is answered.
      const answer = await fetch(`http://127.0.0.1:${port}/`).catch(
        (error: { cause?: { code?: string } }) => error.cause?.code,
      );
      if (typeof answer === "object") statuses.push(answer.status);
      else if (answer !== "ECONNREFUSED" || started) statuses.push(-1);
    }
  })();
  await startHolder(edge.layout);
  started = true;
  await early;
  expect(statuses).toEqual([503, 503, 503, 503, 503]);
});

test("a corrupt route record: nobody is served by a guess, the reason is told, and mending it is enough", async () => {
  const edge = new TestEdge();
  cleanups.push(() => edge.stop());
  writeFileSync(edge.layout.routeFile, '{"weights":{"blue":1');
  const error = (await startHolder(edge.layout).catch((reason: unknown) => reason)) as EdgeError;
  expect(error.code).toBe("TEAL-E102");
  expect(error.message).toMatch(/route\.json is not a route record/);
  writeFileSync(
    edge.layout.routeFile,
    '{"weights":{"blue":0,"green":100},"fence":3,"version":9,"intent":null}',
  );
  await startHolder(edge.layout);
  expect(await edge.router.observe(signal)).toMatchObject({
    is: "seen",
    version: "9",
    value: { weights: allTo("green") },
  });
  await stopHolder(edge.layout);
  await until("it is gone", async () => (await edge.router.observe(signal)).is === "unreadable");
});
