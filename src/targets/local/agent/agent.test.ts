import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import type { Slot } from "../../../core/units.ts";
import { readJson } from "../files.ts";
import { isAlive, type ProcessIdentity } from "../identity.ts";
import type { ServiceFile } from "../protocol.ts";
import { releaseFolder } from "../release-folder.ts";
import { groupAlive } from "../shim/group.ts";
import { lifeFiles, type PidRecord } from "../shim/life.ts";
import { ensureAgent } from "./start.ts";
import { READY_CHECKS, spec, testService, textOf, until, type TestService } from "./test-support.ts";

const services: TestService[] = [];
afterEach(async () => {
  for (const service of services.splice(0)) await service.end();
});
function service(change: Partial<ServiceFile["replicas"]> = {}): TestService {
  const made = testService(change);
  services.push(made);
  return made;
}

const observe = async (t: TestService, slot: Slot = "blue") => (await t.call("observe", { slot })).value;
const settled = (t: TestService, slot: Slot = "blue") =>
  until(
    `${slot} settles`,
    () => observe(t, slot),
    (state) => state.settled,
  );
const allReady = (t: TestService, count: number) =>
  until(
    "ready",
    () => observe(t),
    (state) => state.replicas.filter((one) => one.phase === "ready").length === count,
  );
let intents = 0;
const write = (fence = 1, expectVersion = "any") => ({
  expect: expectVersion,
  fence,
  intent: `i${++intents}`,
});
const reach = async (t: TestService, slot: Slot = "blue") => (await t.call("reach", { slot })).replicas;
async function first(t: TestService) {
  const [one] = await reach(t);
  if (one === undefined) throw new Error("blue has no replica");
  return one;
}
const pidRecord = (t: TestService, incarnation: string) =>
  readJson<PidRecord>(lifeFiles(join(t.layout.replicas, incarnation)).pid) as PidRecord;
const get = async (port: number, path = "/") =>
  (await fetch(`http://127.0.0.1:${port}${path}`, { headers: { connection: "close" } })).text();
async function killAgent(t: TestService): Promise<void> {
  const agent = readJson<ProcessIdentity>(t.layout.agentPid) as ProcessIdentity;
  process.kill(agent.pid, "SIGKILL");
  await until(
    "the agent is gone",
    () => isAlive(agent),
    (alive) => !alive,
  );
}

test("starts replicas with their own port and names, and reports them ready", async () => {
  const t = service();
  const v1 = t.release("v1", { env: { GREETING: "hello" } });
  await t.agent();
  expect(await t.call("ensure", { slot: "blue", want: spec(v1, 2), ...write(1, "0") })).toMatchObject({
    is: "applied",
    version: "1",
  });
  const state = await settled(t);
  expect(state.replicas.map((one) => [one.id, one.phase, one.restarts])).toEqual([
    ["blue-1", "ready", 0],
    ["blue-2", "ready", 0],
  ]);
  const [a, b] = await reach(t);
  expect(new Set([a?.port, b?.port]).size).toBe(2);
  expect(JSON.parse(await get(a?.port ?? 0))).toMatchObject({
    slot: "blue",
    revision: "v1",
    replica: "blue-1",
    incarnation: a?.incarnation,
  });
  expect(textOf(a?.log ?? "")).toMatch(/^\S+Z out listening as blue-1$/m);
});

test("refuses lower fences and outdated versions; the same want changes nothing", async () => {
  const t = service();
  const v1 = t.release("v1");
  await t.agent();
  await t.call("ensure", { slot: "blue", want: spec(v1), ...write(5, "0") });
  expect(await t.call("ensure", { slot: "blue", want: spec(v1, 2), ...write(4) })).toEqual({
    is: "fenced",
    by: 5,
  });
  expect(await t.call("claim", { fence: 4 })).toEqual({ is: "fenced", by: 5 });
  expect(await t.call("ensure", { slot: "blue", want: spec(v1, 2), ...write(5, "0") })).toMatchObject({
    is: "conflict",
    version: "1",
  });
  expect(await t.call("ensure", { slot: "blue", want: spec(v1), ...write(5, "0") })).toMatchObject({
    is: "unchanged",
    version: "1",
  });
  expect(await t.call("claim", { fence: 9 })).toMatchObject({ is: "applied", seen: 9 });
  expect(JSON.parse(textOf(t.layout.slotsFile))).toMatchObject({ fence: 9, slots: { blue: { version: 1 } } });
});

test("a slot with replicas of another revision is not changed", async () => {
  const t = service();
  const v1 = t.release("v1");
  const v2 = t.release("v2");
  await t.agent();
  await t.call("ensure", { slot: "blue", want: spec(v1), ...write() });
  await settled(t);
  expect(await t.call("ensure", { slot: "blue", want: spec(v2), ...write() })).toMatchObject({
    is: "rejected",
    code: "TEAL-L202",
  });
  await t.call("retire", { slot: "blue", keep: 0, ...write() });
  expect((await settled(t)).replicas).toEqual([]);
  expect(await t.call("ensure", { slot: "blue", want: spec(v2), ...write() })).toMatchObject({
    is: "applied",
  });
  expect((await settled(t)).revision).toEqual(v2);
});

test("a revision without a complete release is refused", async () => {
  const t = service();
  await t.agent();
  const half = t.release("half", { complete: false });
  for (const revision of [half, { id: "never", config: "00000000" }]) {
    expect(await t.call("ensure", { slot: "blue", want: spec(revision), ...write() })).toMatchObject({
      is: "rejected",
      code: "TEAL-L201",
    });
  }
});

test("restarts a crashed replica as another life, on another port if need be, and tells how the last one ended", async () => {
  const t = service();
  await t.agent();
  await t.call("ensure", { slot: "blue", want: spec(t.release("v1")), ...write() });
  await settled(t);
  const before = await first(t);
  await get(before.port, "/crash").catch(() => {});
  const state = await until(
    "restarted",
    () => observe(t),
    (seen) => seen.replicas[0]?.restarts === 1 && seen.settled,
  );
  expect(state.replicas[0]).toMatchObject({ phase: "ready", exit: { code: 7, signal: null } });
  expect(state.replicas[0]?.incarnation).not.toBe(before.incarnation);
  expect(textOf(before.log)).toMatch(/teal ended: exit code 7$/m);
});

test("a command that never listens crash loops, and the other replicas of the slot stay untouched", async () => {
  const t = service();
  await t.agent();
  await t.call("ensure", { slot: "green", want: spec(t.release("good")), ...write() });
  const good = (await settled(t, "green")).replicas[0]?.incarnation;
  await t.call("ensure", {
    slot: "blue",
    want: spec(t.release("bad", { command: "echo cannot start >&2; exit 3" })),
    ...write(),
  });
  const state = await until(
    "crash loop",
    () => observe(t),
    (seen) => seen.replicas[0]?.phase === "crashLoop",
  );
  expect(state.settled).toBe(false);
  expect(state.replicas[0]?.exit).toMatchObject({ code: 3 });
  expect(textOf(join(t.layout.logs, "bad-01234567", "blue-1.log"))).toMatch(/ err cannot start$/m);
  expect((await observe(t, "green")).replicas).toMatchObject([
    { incarnation: good, phase: "ready", restarts: 0 },
  ]);
});

test("a retired replica finishes the request it works on, leaves no process, and keeps its log", async () => {
  const t = service();
  await t.agent();
  await t.call("ensure", { slot: "blue", want: spec(t.release("v1")), ...write() });
  await settled(t);
  const one = await first(t);
  const slow = get(one.port, "/hold");
  const held = async () => Number(await get(one.port, "/held"));
  await until("it works on the request", held, (count) => count === 1);
  await t.call("retire", { slot: "blue", keep: 0, ...write() });
  expect(JSON.parse(await slow)).toMatchObject({ incarnation: one.incarnation });
  expect((await settled(t)).replicas).toEqual([]);
  expect(groupAlive(one.group)).toBe(false);
  expect(existsSync(one.log)).toBe(true);
  expect(readdirSync(t.layout.replicas)).toEqual([]);
});

test("a replica that ignores SIGTERM is killed after the grace, with everything it started", async () => {
  const t = service({ stopGrace: 200 });
  await t.agent();
  const command = `trap '' TERM; sh -c "trap '' TERM; sleep 60" & ${process.execPath} server.mjs`;
  await t.call("ensure", { slot: "blue", want: spec(t.release("v1", { command })), ...write() });
  await settled(t);
  const { group } = await first(t);
  await t.call("retire", { slot: "blue", keep: 0, ...write() });
  expect((await settled(t)).replicas).toEqual([]);
  expect(groupAlive(group)).toBe(false);
});

test("scaling down keeps the ready ones", async () => {
  const t = service();
  await t.agent();
  await t.call("ensure", { slot: "blue", want: spec(t.release("v1"), 3), ...write() });
  await settled(t);
  expect(await t.call("retire", { slot: "blue", keep: 1, ...write() })).toMatchObject({ is: "applied" });
  expect((await settled(t)).replicas.map((one) => one.id)).toEqual(["blue-1"]);
  expect(await t.call("retire", { slot: "blue", keep: 2, ...write() })).toMatchObject({ is: "unchanged" });
});

test("failing checks make replicas unready without stopping them; they come back by themselves", async () => {
  const t = service();
  await t.agent();
  const v1 = t.release("v1");
  await t.call("ensure", { slot: "blue", want: spec(v1, 2), ...write() });
  const before = (await settled(t)).replicas.map((one) => one.incarnation);
  const sick = join(releaseFolder(t.layout, v1), "sick");
  writeFileSync(sick, "");
  const state = await until(
    "unready",
    () => observe(t),
    (seen) => seen.replicas.every((one) => one.phase === "unready"),
  );
  expect(state.replicas.map((one) => one.incarnation)).toEqual(before);
  // All are unready alike: users keep the members they had.
  const members = () =>
    (JSON.parse(textOf(t.layout.membersFile)) as Record<Slot, { incarnation: string }[]>).blue.map(
      (member) => member.incarnation,
    );
  expect((await until("both are members", members, (list) => list.length === 2)).toSorted()).toEqual(
    before.toSorted(),
  );
  rmSync(sick);
  expect((await allReady(t, 2)).replicas.map((one) => one.incarnation)).toEqual(before);
});

test("a port that somebody else holds is not believed, though it answers", async () => {
  const t = service();
  await t.agent();
  const files = { "other.mjs": `console.log("not listening"); setInterval(() => {}, 1000);` };
  await t.call("ensure", {
    slot: "blue",
    want: spec(t.release("v1", { command: `${process.execPath} other.mjs`, files })),
    ...write(),
  });
  await until(
    "started",
    () => reach(t),
    (seen) => seen.length === 1,
  );
  const { port } = await first(t);
  let asked = 0;
  const thief = createServer((_, response) => response.end("ok")).on("connection", () => asked++);
  await new Promise<void>((resolve) => thief.listen(port, "127.0.0.1", resolve));
  try {
    expect(await get(port, "/health")).toBe("ok");
    await until(
      "the agent looked ten times",
      () => asked,
      (times) => times > 10,
    );
    expect((await observe(t)).replicas[0]?.phase).toBe("starting");
  } finally {
    thief.close();
  }
});

test("a killed agent's replicas go on; the next agent adopts the same lives after a fresh check", async () => {
  const t = service();
  const { pid } = await t.agent();
  const v1 = t.release("v1");
  await t.call("ensure", { slot: "blue", want: spec(v1, 2), ...write() });
  const before = await settled(t);
  const one = await first(t);
  await killAgent(t);
  expect(JSON.parse(await get(one.port))).toMatchObject({ incarnation: one.incarnation });
  expect((await t.agent()).pid).not.toBe(pid);
  const after = await allReady(t, 2);
  expect(after.replicas).toEqual(before.replicas);
  // And not merely remembered: with failing checks the next agent does not say ready.
  await killAgent(t);
  writeFileSync(join(releaseFolder(t.layout, v1), "sick"), "");
  await t.agent();
  const seen = await observe(t);
  expect(seen.replicas.map((replica) => replica.phase)).toEqual(["unready", "unready"]);
  expect(seen.replicas.map((replica) => replica.incarnation)).toEqual(
    before.replicas.map((replica) => replica.incarnation),
  );
});

test("replicas that ended or crashed without an agent are started again by the next one", async () => {
  const t = service();
  await t.agent();
  await t.call("ensure", { slot: "blue", want: spec(t.release("v1"), 2), ...write() });
  await settled(t);
  const one = await first(t);
  await killAgent(t);
  await get(one.port, "/crash").catch(() => {});
  await t.agent();
  const state = await allReady(t, 2);
  expect(state.replicas.map((replica) => replica.restarts)).toEqual([1, 0]);
});

test("records of an earlier boot are not believed: the replicas are started anew", async () => {
  const t = service();
  await t.agent();
  await t.call("ensure", { slot: "blue", want: spec(t.release("v1")), ...write() });
  await settled(t);
  const one = await first(t);
  await killAgent(t);
  const record = pidRecord(t, one.incarnation);
  const { pid } = lifeFiles(join(t.layout.replicas, one.incarnation));
  const past = {
    ...record,
    shim: { ...record.shim, boot: "before" },
    child: { ...record.child, boot: "before" },
  };
  writeFileSync(pid, JSON.stringify(past));
  await t.agent();
  const state = await until(
    "another life",
    () => observe(t),
    (seen) => seen.settled && seen.replicas[0]?.incarnation !== one.incarnation,
  );
  expect(state.replicas[0]).toMatchObject({ phase: "ready", restarts: 0 });
  process.kill(record.shim.pid, "SIGTERM"); // it was never gone: no reboot really happened
  await until(
    "gone",
    () => groupAlive(one.group),
    (alive) => !alive,
  );
});

test("a replica whose shim was killed is ended and replaced", async () => {
  const t = service();
  await t.agent();
  await t.call("ensure", { slot: "blue", want: spec(t.release("v1")), ...write() });
  await settled(t);
  const one = await first(t);
  process.kill(pidRecord(t, one.incarnation).shim.pid, "SIGKILL");
  const state = await until(
    "replaced",
    () => observe(t),
    (seen) => seen.settled && seen.replicas[0]?.incarnation !== one.incarnation,
  );
  expect(state.replicas).toMatchObject([{ phase: "ready", restarts: 1 }]);
  expect(groupAlive(one.group)).toBe(false);
});

test("a replica that slots.json does not name is ended", async () => {
  const t = service();
  await t.agent();
  await t.call("ensure", { slot: "blue", want: spec(t.release("v1"), 2), ...write() });
  await settled(t);
  const [, stray] = await reach(t);
  await killAgent(t);
  const file = JSON.parse(textOf(t.layout.slotsFile)) as {
    slots: { blue: { want: { replicas: number }; replicas: { id: string }[] } };
  };
  file.slots.blue.want.replicas = 1;
  file.slots.blue.replicas = file.slots.blue.replicas.filter((one) => one.id === "blue-1");
  writeFileSync(t.layout.slotsFile, JSON.stringify(file));
  await t.agent();
  await until(
    "ended",
    () => groupAlive(stray?.group ?? 0),
    (alive) => !alive,
  );
  expect((await settled(t)).replicas.map((one) => one.id)).toEqual(["blue-1"]);
  await until(
    "its records are removed",
    () => readdirSync(t.layout.replicas).length,
    (count) => count === 1,
  );
});

test("the slot that users are on is not retired to nothing while no other could answer them", async () => {
  const t = service();
  await t.agent();
  const v1 = t.release("v1");
  await t.call("ensure", { slot: "blue", want: spec(v1), ...write() });
  await settled(t);
  writeFileSync(
    t.layout.routeFile,
    JSON.stringify({ weights: { blue: 100, green: 0 }, fence: 1, version: 1, intent: null }),
  );
  expect(await t.call("retire", { slot: "blue", keep: 0, ...write() })).toMatchObject({
    is: "rejected",
    code: "TEAL-L204",
  });
  expect(await t.call("ensure", { slot: "blue", want: spec(v1, 0), ...write() })).toMatchObject({
    is: "rejected",
    code: "TEAL-L204",
  });
  writeFileSync(
    t.layout.routeFile,
    JSON.stringify({ weights: { blue: 0, green: 100 }, fence: 1, version: 2, intent: null }),
  );
  expect(await t.call("retire", { slot: "blue", keep: 0, ...write() })).toMatchObject({ is: "applied" });
});

test("what cannot be written down is not done, and what runs goes on", async () => {
  const t = service();
  const { pid } = await t.agent();
  const v1 = t.release("v1");
  await t.call("ensure", { slot: "blue", want: spec(v1), ...write() });
  const before = await settled(t);
  const blocked = `${t.layout.slotsFile}.${pid}.tmp`; // as good as a full disk
  mkdirSync(blocked);
  expect(await t.call("ensure", { slot: "blue", want: spec(v1, 2), ...write() })).toMatchObject({
    is: "rejected",
    code: "TEAL-L205",
  });
  expect(await t.call("claim", { fence: 9 })).toMatchObject({ is: "rejected", code: "TEAL-L205" });
  expect(await observe(t)).toEqual(before);
  rmSync(blocked, { recursive: true });
  expect(await t.call("ensure", { slot: "blue", want: spec(v1, 2), ...write() })).toMatchObject({
    is: "applied",
    version: "2",
  });
});

test("a second agent of the same service ends at once", async () => {
  const t = service();
  const { pid } = await t.agent();
  const { runAgent } = await import("./run.ts");
  expect(await runAgent(t.layout, () => {})).toBe("another runs");
  expect((await t.agent()).pid).toBe(pid);
});

test("commands that come at once start one agent, and none ends another's", async () => {
  const t = service();
  for (let round = 0; round < 3; round += 1) {
    const ensured = await Promise.all(Array.from({ length: 6 }, () => ensureAgent(t.layout, t.service)));
    const pids = new Set(ensured.map((each) => (each.is === "failed" ? each.message : each.hello.pid)));
    expect([...pids]).toEqual([expect.any(Number)]);
    for (const pid of pids) process.kill(Number(pid), "SIGKILL");
  }
});

test("changed settings replace the agent and nothing else", async () => {
  const t = service();
  const { pid } = await t.agent();
  await t.call("ensure", { slot: "blue", want: spec(t.release("v1")), ...write() });
  const before = await settled(t);
  const ensured = await ensureAgent(t.layout, {
    ...t.service,
    replicas: { ...t.service.replicas, stopGrace: 1_234 },
  });
  expect(ensured).toMatchObject({ is: "restarted" });
  expect(ensured.is === "failed" ? 0 : ensured.hello.pid).not.toBe(pid);
  expect((await allReady(t, 1)).replicas).toEqual(before.replicas);
  const moved = await ensureAgent(t.layout, { ...t.service, listen: "127.0.0.1:1" });
  expect(moved).toMatchObject({ is: "failed", code: "TEAL-L207" });
});

test("changed checks are asked of the running replicas", async () => {
  const t = service();
  await t.agent();
  const v1 = t.release("v1");
  await t.call("ensure", { slot: "blue", want: spec(v1), ...write() });
  const before = await settled(t);
  const [check] = READY_CHECKS.checks;
  if (check?.ask !== "http") throw new Error("the test needs an http check");
  const other = {
    ...READY_CHECKS,
    checks: [{ ...check, http: { ...check.http, status: [[418, 418]] as const } }],
  };
  await t.call("ensure", { slot: "blue", want: spec(v1, 1, other), ...write() });
  const state = await until(
    "unready",
    () => observe(t),
    (seen) => seen.replicas[0]?.phase === "unready",
  );
  expect(state.replicas[0]?.incarnation).toBe(before.replicas[0]?.incarnation);
});

test("secrets of a release stand in no log, no record and no message", async () => {
  const t = service();
  await t.agent();
  const secret = "plantedSecret-4711";
  await t.call("ensure", {
    slot: "blue",
    want: spec(t.release("v1", { env: { DATABASE_PASSWORD: secret } })),
    ...write(),
  });
  await settled(t);
  await get((await first(t)).port, "/crash").catch(() => {});
  await until(
    "restarted",
    () => observe(t),
    (seen) => seen.replicas[0]?.restarts === 1 && seen.settled,
  );
  const found = filesBelow(t.layout.root).filter(
    (path) => !path.endsWith("release.json") && readFileSync(path).includes(secret),
  );
  expect(found).toEqual([]);
  expect(JSON.stringify(await reach(t)) + JSON.stringify(await observe(t))).not.toContain(secret);
});

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true }).flatMap((entry) =>
    entry.isFile() ? [join(entry.parentPath, entry.name)] : [],
  );
}
