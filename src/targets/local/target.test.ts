import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { allTo } from "../../core/routing.ts";
import { fence, instant, intentId, version, type Revision } from "../../core/units.ts";
import type { By } from "../../ports/write.ts";
import { READY_CHECKS, SERVER, serviceFile, until } from "./agent/test-support.ts";
import { readJson } from "./files.ts";
import { isAlive, type ProcessIdentity } from "./identity.ts";
import { groupAlive } from "./shim/group.ts";
import { createLocalTarget, type LocalTarget } from "./target.ts";

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

const signal = new AbortController().signal;
const by = (number = 1): By => ({
  intent: intentId("i"),
  fence: fence(number),
  deadline: instant(Date.now() + 20_000),
  signal,
});

async function shop(
  env: Record<string, string> = {},
): Promise<{ target: LocalTarget; again: () => Promise<LocalTarget>; source: string; root: string }> {
  const root = mkdtempSync(join(tmpdir(), "teal-target-"));
  const source = join(root, "shop");
  mkdirSync(source);
  writeFileSync(join(source, "server.mjs"), SERVER);
  const { edge, replicas } = serviceFile();
  const create = () =>
    createLocalTarget({
      stateDir: join(root, "state"),
      service: "shop",
      environment: "test",
      listen: "127.0.0.1:0",
      source,
      env,
      command: `${process.execPath} server.mjs`,
      edge,
      replicasPolicy: { ...replicas, drainCap: 60_000 },
    });
  const target = await create();
  ends.push(async () => {
    await target.stop();
    await target.close();
    rmSync(root, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  });
  return { target, again: create, source, root };
}

async function killAgent(target: LocalTarget): Promise<void> {
  const agent = readJson<ProcessIdentity>(target.layout.agentPid) as ProcessIdentity;
  process.kill(agent.pid, "SIGKILL");
  await until(
    "the agent is gone",
    () => isAlive(agent),
    (alive) => !alive,
  );
}

async function prepared(target: LocalTarget, name: string): Promise<Revision> {
  const made = await target.prepare(name, signal);
  if (made.is !== "ready") throw new Error(made.cause.message);
  return made.revision;
}

async function deployed(
  target: LocalTarget,
  name: string,
  slot: "blue" | "green",
  replicas = 1,
): Promise<Revision> {
  const revision = await prepared(target, name);
  const wrote = await target.slots.ensure(slot, { revision, replicas, checks: READY_CHECKS }, "any", by());
  expect(wrote.is).toBe("applied");
  await until(
    `${name} on ${slot}`,
    () => target.slots.observe(slot, signal),
    (read) => read.is === "seen" && read.value.settled,
  );
  return revision;
}

test("looking at a service that was never deployed starts and writes nothing", async () => {
  const { target, root } = await shop();
  const slot = await target.slots.observe("blue", signal);
  expect(slot).toMatchObject({
    is: "seen",
    version: "0",
    value: { slot: "blue", wanted: 0, settled: true, replicas: [] },
  });
  expect(await target.router.observe(signal)).toMatchObject({
    is: "seen",
    value: { weights: { blue: 0, green: 0 } },
  });
  expect(await target.slots.reach("blue", signal)).toMatchObject({ is: "seen", value: [] });
  expect(await target.address()).toBeUndefined();
  expect(readdirSync(root)).toEqual(["shop"]);
});

test("a first revision gets users by a shift, a second one waits at the preview address", async () => {
  const { target } = await shop();
  await deployed(target, "v1", "blue");
  expect(await target.router.shift(allTo("blue"), "any", by())).toMatchObject({ is: "applied" });
  const address = await target.address();
  const asks = async (url: string | undefined) =>
    (await (await fetch(`${url}/`, { headers: { connection: "close" } })).json()) as { revision: string };
  expect((await asks(address)).revision).toBe("v1");
  await deployed(target, "v2", "green");
  expect((await asks(address)).revision).toBe("v1");
  expect(await target.preview("blue")).toBeUndefined();
  expect((await asks(await target.preview("green"))).revision).toBe("v2");
  expect(await target.router.shift(allTo("green"), "any", by())).toMatchObject({ is: "applied" });
  expect((await asks(address)).revision).toBe("v2");
  expect(await target.slots.retire("blue", 0, "any", by())).toMatchObject({ is: "applied" });
});

test.for([false, true])(
  "a replica leaves only when the edge has nothing of it in flight (agent killed meanwhile: %s)",
  async (killed) => {
    const { target } = await shop({ NAIVE: "1" });
    await deployed(target, "v1", "blue");
    await target.router.shift(allTo("blue"), "any", by());
    await deployed(target, "v2", "green");
    const address = await target.address();
    const reached = await target.slots.reach("blue", signal);
    const port = reached.is === "seen" ? reached.value[0]?.port : undefined;
    const slow = Array.from({ length: 5 }, () =>
      fetch(`${address}/hold`, { headers: { connection: "close" } }),
    );
    const inFlight = async () => {
      const residual = await target.router.residual("blue", signal);
      return residual.is === "seen" ? residual.value.inFlight : undefined;
    };
    await until("blue works on them", inFlight, (count) => count === 5);
    await target.router.shift(allTo("green"), "any", by());
    await target.slots.retire("blue", 0, "any", by());
    if (killed) await killAgent(target);
    expect(await target.slots.observe("blue", signal)).toMatchObject({
      is: "seen",
      value: { replicas: [{ phase: "stopping" }] },
    });
    expect(await inFlight()).toBe(5);
    await fetch(`http://127.0.0.1:${port}/finish`, { headers: { connection: "close" } });
    const revisions = await Promise.all(
      slow.map(async (answer) => ((await (await answer).json()) as { revision: string }).revision),
    );
    expect(revisions).toEqual(["v1", "v1", "v1", "v1", "v1"]);
    await until(
      "blue is empty",
      () => target.slots.observe("blue", signal),
      (read) => read.is === "seen" && read.value.settled,
    );
  },
);

test("users are served while the agent is dead, and the next look brings it back to the same replicas", async () => {
  const { target } = await shop();
  await deployed(target, "v1", "blue", 2);
  await target.router.shift(allTo("blue"), "any", by());
  const before = await target.slots.observe("blue", signal);
  await killAgent(target);
  const address = await target.address();
  const answers = await Promise.all(
    Array.from(
      { length: 20 },
      async () => (await fetch(`${address}/`, { headers: { connection: "close" } })).status,
    ),
  );
  expect(answers).toEqual(Array.from({ length: 20 }, () => 200));
  expect(await target.router.shift(allTo("blue"), "any", by())).toMatchObject({ is: "unchanged" });
  const after = await until(
    "ready",
    () => target.slots.observe("blue", signal),
    (read) => read.is === "seen" && read.value.settled,
  );
  expect(after).toMatchObject({
    version: before.is === "seen" && before.version,
    value: before.is === "seen" && before.value,
  });
});

test("reach gives address, group, a command in the replica's environment, and its last lines", async () => {
  const { target } = await shop();
  await deployed(target, "v1", "blue");
  const read = await target.slots.reach("blue", signal);
  const [one] = read.is === "seen" ? read.value : [];
  if (one?.exec === undefined) throw new Error("blue has no replica");
  expect(groupAlive(one.group ?? 0)).toBe(true);
  expect(await one.exec('echo "$TEAL_REPLICA $PORT"; ls; exit 3', signal)).toEqual({
    exit: 3,
    output: `blue-1 ${one.port}\nserver.mjs\n`,
  });
  expect(await one.exec(["/bin/echo", "$HOME"], signal)).toEqual({ exit: 0, output: "$HOME\n" });
  expect(await one.exec("sleep 60", AbortSignal.timeout(100))).toMatchObject({ exit: null });
  expect(
    await until(
      "it wrote",
      () => one.tail(5),
      (lines) => lines.length > 0,
    ),
  ).toEqual(["listening as blue-1"]);
});

test("writes tell conflicts, fences and refusals apart; after the deadline nothing is sent", async () => {
  const { target } = await shop();
  const revision = await deployed(target, "v1", "blue");
  const want = { revision, replicas: 2, checks: READY_CHECKS };
  expect(await target.slots.ensure("blue", want, version("0"), by())).toMatchObject({
    is: "conflict",
    seen: { wanted: 1 },
  });
  expect(await target.slots.claim(by(7))).toEqual({ is: "applied", seen: 7 });
  expect(await target.slots.ensure("blue", want, "any", by(6))).toEqual({ is: "fenced", by: 7 });
  const late = { ...by(7), deadline: instant(Date.now() - 1) };
  expect(await target.slots.ensure("blue", want, "any", late)).toMatchObject({
    is: "rejected",
    cause: { code: "TEAL-L208" },
  });
  const other = { ...want, revision: { id: "v0", config: "ffffffffffffffff" } };
  expect(await target.slots.ensure("green", other, "any", by(7))).toMatchObject({
    is: "rejected",
    cause: { code: "TEAL-L201" },
  });
  expect(await target.slots.restore({ slot: "blue", what: "x", original: "1" }, by(7))).toMatchObject({
    is: "unchanged",
    seen: { wanted: 1 },
  });
});

test("stop ends every process; what was live is still known, and a later look starts nothing", async () => {
  const { target, again, root } = await shop();
  await deployed(target, "v1", "blue", 2);
  await target.router.shift(allTo("blue"), "any", by());
  const read = await target.slots.reach("blue", signal);
  const groups = read.is === "seen" ? read.value.map((one) => one.group ?? 0) : [];
  expect(groups).toHaveLength(2);
  await target.stop();
  expect(groups.map(groupAlive)).toEqual([false, false]);
  expect(processesOf(root)).toEqual([]);
  const other = await again();
  try {
    expect(await other.router.observe(signal)).toMatchObject({
      is: "seen",
      value: { weights: { blue: 100, green: 0 } },
    });
    expect(await other.slots.observe("blue", signal)).toMatchObject({
      is: "seen",
      value: { wanted: 0, replicas: [], revision: { id: "v1" } },
    });
    expect(existsSync(other.layout.agentPid)).toBe(false);
    expect(processesOf(root)).toEqual([]);
  } finally {
    await other.close();
  }
});

test("an address in use is told as the reason, not as a missing edge", async () => {
  const { target } = await shop();
  await deployed(target, "v1", "blue");
  await target.router.shift(allTo("blue"), "any", by());
  const port = new URL((await target.address()) ?? "").port;
  const root = mkdtempSync(join(tmpdir(), "teal-target-"));
  const second = await createLocalTarget({
    stateDir: root,
    service: "other",
    environment: "test",
    listen: `127.0.0.1:${port}`,
    source: root,
    command: "true",
  });
  try {
    expect(await second.router.shift(allTo("blue"), "any", by())).toMatchObject({
      is: "rejected",
      cause: { code: "TEAL-E105" },
    });
  } finally {
    await second.stop();
    await second.close();
    rmSync(root, { recursive: true, force: true });
  }
});

/** Pids of processes that work in a folder or were started for it. */
function processesOf(root: string): string[] {
  const ps = execFileSync("ps", ["-eo", "pid=,args="], { encoding: "utf8" });
  return ps.split("\n").filter((line) => line.includes(root));
}
