import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, test } from "vitest";
import { allTo } from "../../../core/routing.ts";
import { otherSlot, type Slot } from "../../../core/units.ts";
import { identify, isAlive } from "../identity.ts";
import { listenSlot, type TestSlot } from "./testing-slot.ts";
import { kill, memberOf, spawnSlot, TestEdge, until } from "./testing.ts";
import { Load } from "./testing-load.ts";
import { holderOf, startHolder, upgradeEdge } from "./start.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function bothSlots(): Promise<{ edge: TestEdge; slots: Record<Slot, TestSlot> }> {
  const edge = new TestEdge();
  cleanups.push(() => edge.stop());
  await edge.start();
  const slots = { blue: await listenSlot("blue"), green: await listenSlot("green") };
  cleanups.push(
    () => slots.blue.close(),
    () => slots.green.close(),
  );
  await edge.members("blue", memberOf(slots.blue));
  await edge.members("green", memberOf(slots.green));
  await edge.shift(allTo("blue"));
  return { edge, slots };
}

const EVERYBODY = { kept: 8, fresh: 2, uploads: 2, pipelined: 2, events: 3, sockets: 3 };

test("20 flips under mixed load lose nothing, and nothing that starts after an answer goes the other way", async () => {
  const { edge } = await bothSlots();
  const load = new Load(edge.port).start(EVERYBODY);
  let live: Slot = "blue";
  const spans: { live: Slot; from: number; to: number }[] = [];
  for (let flip = 0; flip < 20; flip++) {
    await sleep(60);
    live = otherSlot(live);
    const before = spans.at(-1);
    if (before !== undefined) before.to = performance.now();
    await edge.shift(allTo(live));
    spans.push({ live, from: performance.now(), to: Infinity });
  }
  await sleep(150);
  await load.stop();
  expect(load.failures).toEqual([]);
  const wrong = load.answers.filter(({ by, started, ended }) =>
    spans.some((span) => started >= span.from && ended <= span.to && by !== span.live),
  );
  expect(wrong).toEqual([]);
  expect(new Set(load.answers.map(({ by }) => by))).toEqual(new Set(["blue", "green"]));
  expect(load.reconnects).toBeGreaterThan(20);
  for (const slot of ["blue", "green"] as const) {
    await until("nothing in flight", async () => (await edge.ask("residual", { slot })).inFlight === 0);
    expect(await edge.ask("traffic", { slot })).toMatchObject({ lost: 0, errors: 0 });
  }
});

test("a killed edge refuses no connection, and the next one serves with the recorded weights", async () => {
  const { edge } = await bothSlots();
  await edge.shift(allTo("green"));
  const load = new Load(edge.port).start({ fresh: 4 });
  for (let round = 0; round < 3; round++) {
    const pid = await edge.pid();
    process.kill(pid, "SIGKILL");
    await until(
      "another edge answers",
      async () => (await edge.ask("hello", {}).catch(() => ({ pid }))).pid !== pid,
    );
    const answered = load.answers.length;
    await until("it serves", () => load.answers.length > answered + 20);
  }
  await load.stop();
  // Those that were being answered were cut; none was refused and none went astray.
  expect(load.failures.filter((failure) => /ECONNREFUSED|status/.test(failure))).toEqual([]);
  expect(load.answers.every(({ by }) => by === "green")).toBe(true);
  const seen = await edge.router.observe(new AbortController().signal);
  expect(seen).toMatchObject({ is: "seen", value: { weights: allTo("green") } });
});

test("an upgrade under load costs no request, and streams move by policy", async () => {
  const { edge } = await bothSlots();
  const load = new Load(edge.port).start(EVERYBODY);
  await sleep(100);
  for (let round = 0; round < 3; round++) {
    const before = await edge.pid();
    const hello = await upgradeEdge(edge.layout);
    expect(hello.pid).not.toBe(before);
    // What the draining edge still gets must follow the successor's word.
    await edge.shift(allTo(round % 2 === 0 ? "green" : "blue"));
    const acknowledged = performance.now();
    await sleep(100);
    const live = round % 2 === 0 ? "green" : "blue";
    expect(load.answers.filter(({ started, by }) => started > acknowledged && by !== live)).toEqual([]);
  }
  await load.stop();
  expect(load.failures).toEqual([]);
  expect(load.reconnects).toBeGreaterThan(6);
});

test("a connection that was idle during the upgrade follows the successor's word, then ends", async () => {
  const { edge, slots } = await bothSlots();
  const socket = connect(edge.port, "127.0.0.1");
  let received = "";
  socket.setEncoding("latin1").on("data", (chunk: string) => (received += chunk));
  const closed = once(socket, "close");
  socket.write("GET /who HTTP/1.1\r\nHost: shop\r\n\r\n");
  await until("the first answer", () => received.endsWith("blue"));
  await upgradeEdge(edge.layout);
  await edge.shift(allTo("green"));
  await edge.members("green", { ...memberOf(slots.green), replica: "green-2", incarnation: "second" });
  socket.write("GET /who HTTP/1.1\r\nHost: shop\r\n\r\n");
  await closed;
  expect(received).toMatch(/Connection: close[^]*green$/i);
});

test("a request that the draining edge still works on counts as in flight", async () => {
  const { edge, slots } = await bothSlots();
  const answer = fetch(`${edge.url}/held`);
  await until("it is in flight", async () => (await edge.ask("residual", { slot: "blue" })).inFlight === 1);
  await upgradeEdge(edge.layout);
  expect((await edge.ask("residual", { slot: "blue" })).inFlight).toBe(1);
  slots.blue.held[0]?.end("blue");
  expect(await (await answer).text()).toBe("blue");
  await until(
    "it is through",
    async () => (await edge.ask("residual", { slot: "blue", replica: slots.blue.name })).inFlight === 0,
  );
});

test("a killed holder is replaced by the edge it leaves behind", async () => {
  const { edge } = await bothSlots();
  const load = new Load(edge.port).start(EVERYBODY);
  const before = holderOf(edge.layout);
  process.kill(before?.pid ?? 0, "SIGKILL");
  const hello = await startHolder(edge.layout);
  await until(
    "another holder lives",
    () => holderOf(edge.layout) !== undefined && holderOf(edge.layout)?.pid !== before?.pid,
  );
  expect(hello.public).toBe(edge.hello.public);
  await until(
    "another edge answers",
    async () => (await edge.ask("hello", {}).catch(() => edge.hello)).epoch !== edge.hello.epoch,
  );
  await sleep(100);
  await load.stop();
  expect(load.failures).toEqual([]);
});

test("a killed replica costs no GET while another one is ready", async () => {
  const { edge } = await bothSlots();
  const [first, second] = [await spawnSlot("blue"), await spawnSlot("blue")];
  cleanups.push(
    () => kill(first.child),
    () => kill(second.child),
  );
  await edge.members("blue", first.member, second.member);
  const load = new Load(edge.port).start({ kept: 8, fresh: 4 });
  await until("both work", async () => {
    const { newRequests = 0 } = await edge.ask("residual", {
      slot: "blue",
      replica: "blue",
      incarnation: first.member.incarnation,
    });
    return newRequests > 20;
  });
  await kill(first.child);
  const answered = load.answers.length;
  await until("the other one works", () => load.answers.length > answered + 200);
  await load.stop();
  expect(load.failures).toEqual([]);
});

test("a member that died while the edge was down gets nothing, whoever has its port now", async () => {
  const { edge } = await bothSlots();
  const victim = await spawnSlot("blue");
  cleanups.push(() => kill(victim.child));
  await edge.members("blue", victim.member);
  const holder = holderOf(edge.layout);
  process.kill(holder?.pid ?? 0, "SIGSTOP");
  const pid = await edge.pid();
  process.kill(pid, "SIGKILL");
  await kill(victim.child);
  const stranger = await listenSlot("stranger", victim.port);
  cleanups.push(() => stranger.close());
  let strangers = 0;
  stranger.server.on("request", () => strangers++);
  process.kill(holder?.pid ?? 0, "SIGCONT");
  await until(
    "another edge answers",
    async () => (await edge.ask("hello", {}).catch(() => ({ pid }))).pid !== pid,
  );
  const answer = await fetch(`${edge.url}/who`);
  expect(answer.status).toBe(503);
  expect(strangers).toBe(0);
  // The idle slot's member still lives and was believed.
  expect(await (await fetch(`${edge.preview}/who`)).text()).toBe("green");
});

test("stopping ends the holder and the edge", async () => {
  const { edge } = await bothSlots();
  const holder = holderOf(edge.layout);
  const serving = identify(await edge.pid());
  await edge.stop();
  expect(holder !== undefined && isAlive(holder)).toBe(false);
  expect(serving !== undefined && isAlive(serving)).toBe(false);
});
