import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { resume } from "../../src/api/steering.ts";
import type { JournalEvent } from "../../src/core/journal.ts";
import { SLOTS } from "../../src/core/units.ts";
import { identify } from "../../src/targets/local/identity.ts";
import type { Place } from "./place.ts";
import { kill, until } from "./processes.ts";
import { complaints, outcomeOf, serving, tell, versionsOf } from "./support.ts";

/** Everything that can be killed is killed under load, with SIGKILL: a replica, the agent, the edge, the engine. */

test("a replica that is killed costs no GET, comes back, and runs what was deployed, not what was edited since", async () => {
  const shop = await serving({ revisions: ["v1"], replicas: 2 });
  writeFileSync(join(shop.source, "release.json"), JSON.stringify({ version: "edited", colour: "#000000" }));
  const users = await shop.users();
  await until("users to be served", () => users.answers.length > 100);
  const reach = await shop.connection.target.slots.reach("blue", shop.signal);
  const victim = reach.is === "seen" ? reach.value[0] : undefined;
  if (victim?.group === undefined) throw new Error("no replica to kill");
  kill(-victim.group);
  await until("another life of the replica", async () => {
    const { replicas } = await shop.slot("blue");
    const replica = replicas.find(({ id }) => id === victim.replica);
    return replica?.phase === "ready" && replica.incarnation !== victim.incarnation && replica.restarts === 1;
  });
  const replaced = users.now;
  await until("users after it", () => users.now > replaced + 200);
  await users.stop();
  const gets = users.answers.filter(({ kind }) => kind !== "checkout");
  expect(gets.filter(({ got }) => got !== 200)).toEqual([]);
  expect(Object.keys(versionsOf(gets))).toEqual(["v1"]);
});

test("a killed agent is not missed by anybody, and the next command starts another", async () => {
  const shop = await serving({ revisions: ["v1"], replicas: 2 });
  const users = await shop.users();
  await until("users to be served", () => users.answers.length > 100);
  const lives = async () =>
    (await shop.slot("blue")).replicas
      .filter(({ phase }) => phase === "ready")
      .map(({ incarnation }) => incarnation);
  const before = { agent: shop.agentPid(), lives: await lives() };
  kill(before.agent);
  const killed = users.now;
  await until("users without an agent", () => users.now > killed + 300);
  await until(
    "the same lives, seen ready by another agent",
    async () => (await lives()).join() === before.lives.join(),
  );
  expect(shop.agentPid()).not.toBe(before.agent);
  await users.stop();
  expect(complaints(users)).toEqual([]);
});

test("a killed edge refuses nobody: what was under way is cut, what comes is served", async () => {
  const shop = await serving({ revisions: ["v1"], replicas: 2 });
  const users = await shop.users({ streams: 0 });
  await until("users to be served", () => users.answers.length > 100);
  const before = await shop.edgePid();
  const killed = users.now;
  kill(before);
  await until("its process to be gone", () => identify(before) === undefined);
  const gone = users.now;
  await until("another edge", async () => (await shop.edgePid().catch(() => before)) !== before);
  const replaced = users.now;
  await until("users after it", () => users.now > replaced + 300);
  await users.stop();
  const failed = users.answers.filter(({ got }) => got !== 200 && got !== 201);
  // A kept connection that the old edge had is dead; its user finds out with the next request on it.
  const excused = failed.filter(
    ({ at, took, kind, got }) =>
      typeof got === "string" && at < replaced && at + took >= killed && (at <= gone || kind !== "fresh"),
  );
  expect(failed.filter((answered) => !excused.includes(answered))).toEqual([]);
  expect(failed.filter(({ got }) => got === "ECONNREFUSED")).toEqual([]);
  expect((await shop.status()).serves).toMatchObject({ slot: "blue", revision: "v1" });
});

/** Moments at which the engine's process dies, in the order in which a deployment meets them. */
const MOMENTS = [
  "intent ensure",
  "effect ensure",
  "intent shift",
  "effect shift",
  "verdict confirm-green-100",
] as const;

test.each(MOMENTS)(
  "the engine is killed at: %s. Another process goes on, and nobody notices",
  async (moment) => {
    const shop = await serving({ revisions: ["v1", "v2"] });
    const users = await shop.users();
    expect(await killedAt(shop, "v2", moment)).toBe("SIGKILL");
    const { open } = await shop.status();
    expect(open?.overdue).toContain("nobody advances");
    const moved = await shop.during(resume(shop.connection, { signal: shop.signal }));
    await users.stop();
    expect(outcomeOf(moved), tell(moved)).toBe("warm");
    expect(complaints(users)).toEqual([]);
    const { serves, observed } = await shop.status();
    expect(serves).toEqual({ slot: "green", revision: "v2", weights: { blue: 0, green: 100 } });
    expect(SLOTS.map((slot) => observed.slots[slot])).toMatchObject([
      { value: { wanted: 1, settled: true } },
      { value: { wanted: 1, settled: true } },
    ]);
    // Each write took effect once, whoever made it; one that nobody began may stand there as given up.
    expect(applied(await shop.journal())).toEqual(["ensure", "shift"]);
  },
);

function applied(events: readonly JournalEvent[]): readonly string[] {
  return events.flatMap((event) => {
    const done =
      event.kind === "intent" &&
      events.some(
        (each) => each.kind === "outcome" && each.intent === event.intent && each.result === "applied",
      );
    return done ? [event.call.call] : [];
  });
}

const ENGINE = fileURLToPath(new URL("./engine-process.ts", import.meta.url));

/** Deploys in another process, which kills itself at the moment. @returns how it ended. */
function killedAt(shop: Place, revision: string, moment: string): Promise<string> {
  const child = spawn(process.execPath, [ENGINE, shop.configFile, shop.stateDir, revision, moment], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  return shop.during(
    new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("exit", (code, signal) => resolve(signal ?? `exit ${code}`));
    }),
  );
}
