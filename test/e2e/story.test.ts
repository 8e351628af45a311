import { createHash } from "node:crypto";
import { readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { expect, test } from "vitest";
import { abort, promote, rollback } from "../../src/api/steering.ts";
import { currentStep } from "../../src/core/deployment.ts";
import type { JournalEvent } from "../../src/core/journal.ts";
import { millis } from "../../src/core/units.ts";
import { releaseFolder, releaseName } from "../../src/targets/local/release-folder.ts";
import { until } from "./processes.ts";
import { blueGreen, shopHealth, type Place } from "./place.ts";
import { complaints, outcomeOf, serving, tell, versionsOf } from "./support.ts";

/** The whole story of one service after another, each under load, on real processes. */

function shifts(events: readonly JournalEvent[]): readonly JournalEvent[] {
  return events.filter((event) => event.kind === "intent" && event.call.call === "shift");
}

/** The deployment under way has reached this kind of step. */
async function atStep(place: Place, kind: string): Promise<boolean> {
  const { open } = await place.status();
  return open !== undefined && currentStep(open.deployment)?.do === kind;
}

test("v2 is switched to and, while it is warm, back from it: nobody notices", async () => {
  const shop = await serving({ revisions: ["v1", "v2"], replicas: 2 });
  const users = await shop.users();
  await until("users to be served", () => users.answers.length > 100);
  const there = await shop.deploy("v2");
  expect(outcomeOf(there), tell(there)).toBe("warm");
  const asked = users.now;
  const back = await rollback(shop.connection, { signal: shop.signal });
  expect(outcomeOf(back), tell(back)).toBe("reverted");
  const returned = users.now;
  await until("users after it", () => users.now > returned + 200);
  await users.stop();
  expect(complaints(users)).toEqual([]);
  const answered = (from: number, to: number) =>
    Object.keys(versionsOf(users.answers.filter(({ at, took }) => at > from && at + took < to)));
  expect(answered(0, asked).toSorted()).toEqual(["v1", "v2"]);
  expect(answered(returned, Infinity)).toEqual(["v1"]);
  expect(users.events).toBeGreaterThan(0);
  // Nothing of v2 was stopped before users were back on v1.
  const order = (await shop.journal()).flatMap((event) =>
    event.kind === "intent" && event.dir === "back" ? [event.call.call] : [],
  );
  expect(order).toEqual(["shift", "retire"]);
});

test("a revision that never becomes healthy is rejected: users stay where they are, its log is kept", async () => {
  const shop = await serving({ revisions: ["v1", "unhealthy"], replicas: 2, health: shopHealth("1500ms") });
  const users = await shop.users();
  const moved = await shop.deploy("unhealthy");
  await users.stop();
  expect(outcomeOf(moved), tell(moved)).toBe("reverted");
  if (moved.is !== "ended") throw new Error("not ended");
  expect(moved.deployment.cause?.code).toBe("TEAL-H101");
  expect(JSON.stringify(moved.deployment.failure)).toContain("no database configured");
  expect(shifts(moved.events)).toEqual([]);
  expect(complaints(users)).toEqual([]);
  expect(Object.keys(versionsOf(users.answers))).toEqual(["v1"]);
  const { candidate } = moved.deployment.plan;
  expect((await shop.slot(candidate.slot)).replicas).toEqual([]);
  const log = join(
    shop.connection.target.layout.logs,
    releaseName(candidate.revision),
    `${candidate.slot}-1.log`,
  );
  expect(readFileSync(log, "utf8")).toContain("shop unhealthy");
});

test("a revision that passes its checks and fails its users is caught in the bake and reverted", async () => {
  const shop = await serving({ revisions: ["v1", "unsellable"], strategy: blueGreen("10s"), replicas: 2 });
  const users = await shop.users();
  const moved = await shop.deploy("unsellable");
  const reverted = users.now;
  await until("users after it", () => users.now > reverted + 200);
  await users.stop();
  expect(outcomeOf(moved), tell(moved)).toBe("reverted");
  if (moved.is !== "ended") throw new Error("not ended");
  expect(moved.deployment.cause?.code).toBe("TEAL-B201");
  expect(moved.deployment.cause?.evidence?.join("\n")).toContain("POST /api/checkout 500");
  const itsOwn = users.answers.filter(
    ({ got, version, kind }) => got === 500 && version === "unsellable" && kind === "checkout",
  );
  expect(itsOwn.length).toBeGreaterThan(0);
  expect(complaints(users, (answered) => itsOwn.includes(answered))).toEqual([]);
  expect(Object.keys(versionsOf(users.answers.filter(({ at }) => at > reverted)))).toEqual(["v1"]);
});

test("a rollback after the previous slot was retired starts the kept release as it was", async () => {
  const shop = await serving({ revisions: ["v1", "v2"] });
  const { layout } = shop.connection.target;
  const first = (await shop.slot("blue")).revision;
  if (first === undefined) throw new Error("nothing on blue");
  const release = () =>
    statSync(join(releaseFolder(layout, first), "release.json"), { bigint: true }).mtimeNs;
  const made = release();
  await shop.deploy("v2");
  const done = await promote(shop.connection, { signal: shop.signal });
  expect(outcomeOf(done), tell(done)).toBe("done");
  expect((await shop.slot("blue")).replicas).toEqual([]);
  // Making v1 anew would make something else now.
  writeFileSync(join(shop.source, "server.js"), "throw new Error('changed since')");
  const users = await shop.users();
  const back = await rollback(shop.connection, { signal: shop.signal });
  expect(outcomeOf(back), tell(back)).toBe("warm");
  await users.stop();
  expect(complaints(users)).toEqual([]);
  const { serves, observed } = await shop.status();
  expect(serves).toMatchObject({ slot: "blue", revision: "v1" });
  expect(observed.slots.blue).toMatchObject({ value: { revision: first } });
  expect(release()).toBe(made);
});

test("deploying over a warm slot retires it first, and the same revision again writes nothing", async () => {
  const shop = await serving({ revisions: ["v1", "v2", "v3"] });
  const users = await shop.users();
  await shop.deploy("v2");
  const third = await shop.deploy("v3");
  await users.stop();
  expect(outcomeOf(third), tell(third)).toBe("warm");
  expect(complaints(users)).toEqual([]);
  expect((await shop.status()).serves).toMatchObject({ slot: "blue", revision: "v3" });
  expect(await outcomes(shop)).toEqual(["v1 done", "v2 done"]);
  const done = await promote(shop.connection, { signal: shop.signal });
  expect(outcomeOf(done), tell(done)).toBe("done");

  const { root, agentLog, edgeLog } = shop.connection.target.layout;
  const written = () => digests(root).filter(([file]) => file !== agentLog && file !== edgeLog);
  const before = written();
  const again = await shop.deploy("v3");
  expect(outcomeOf(again), tell(again)).toBe("unchanged");
  expect(written()).toEqual(before);
  expect(await outcomes(shop)).toEqual(["v1 done", "v2 done", "v3 done"]);
});

async function outcomes(shop: Place): Promise<readonly string[]> {
  const { store, key } = shop.connection;
  const answer = await store.history(key, 50);
  return answer.is === "rows"
    ? answer.rows.map(({ revision, outcome }) => `${revision} ${outcome}`).toReversed()
    : [];
}

/** Every file below with what is in it; logs of replicas may grow, and the index beside the journal is a cache. */
function digests(folder: string): readonly (readonly [file: string, digest: string])[] {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter(
    (entry) => entry.isFile() && !/\.log$|-shm$/.test(entry.name),
  );
  return files.map((entry) => {
    const file = join(entry.parentPath, entry.name);
    return [file, createHash("sha256").update(readFileSync(file)).digest("hex")] as const;
  });
}

test("a candidate that crashes is rejected at once, and nothing of it is left running", async () => {
  const shop = await serving({ revisions: ["v1", "crashing"] });
  const users = await shop.users();
  const moved = await shop.deploy("crashing");
  await users.stop();
  expect(outcomeOf(moved), tell(moved)).toBe("reverted");
  if (moved.is !== "ended") throw new Error("not ended");
  // Not the deadline of its start: that would be TEAL-H102.
  expect(moved.deployment.cause?.code).toBe("TEAL-H103");
  const { candidate } = moved.deployment.plan;
  const log = join(
    shop.connection.target.layout.logs,
    releaseName(candidate.revision),
    `${candidate.slot}-1.log`,
  );
  expect(readFileSync(log, "utf8")).toContain("cart.js");
  expect(moved.deployment.failure?.log?.join("\n")).toContain("cart.js");
  expect(complaints(users)).toEqual([]);
  expect((await shop.slot(candidate.slot)).replicas).toEqual([]);
});

test("two deployments at once: one of them is busy", async () => {
  const shop = await serving({ revisions: ["v1", "v2", "v3"] });
  const users = await shop.users();
  const moves = await Promise.all([shop.deploy("v2"), shop.deploy("v3", {}, await shop.connect())]);
  await users.stop();
  expect(moves.map(outcomeOf).toSorted(), moves.map(tell).join()).toEqual(["busy", "warm"]);
  expect(complaints(users)).toEqual([]);
  const winner = moves[0] !== undefined && outcomeOf(moves[0]) === "warm" ? "v2" : "v3";
  expect((await shop.status()).serves.revision).toBe(winner);
});

test("an abort while the candidate starts: nothing moves, nothing is left of it", async () => {
  const shop = await serving({ revisions: ["v1", "slow"], replicas: 2 });
  const users = await shop.users();
  const deploying = shop.deploy("slow");
  await until("the candidate to start", async () =>
    (await shop.slot("green")).replicas.some(({ phase }) => phase === "starting"),
  );
  const aborted = await abort(await shop.connect(), { signal: shop.signal });
  expect([outcomeOf(aborted), outcomeOf(await deploying)]).toEqual(["reverted", "reverted"]);
  await users.stop();
  expect(complaints(users)).toEqual([]);
  expect(shifts(await shop.journal())).toEqual([]);
  expect((await shop.slot("green")).replicas).toEqual([]);
});

test("an abort in the bake, and a rollback in the middle of a canary, take everybody back", async () => {
  const shop = await serving({ revisions: ["v1", "v2"], strategy: blueGreen("30s") });
  const users = await shop.users();
  const baking = shop.deploy("v2");
  await until("the bake", () => atStep(shop, "bake"));
  const aborted = await abort(await shop.connect(), { signal: shop.signal });
  expect([outcomeOf(aborted), outcomeOf(await baking)]).toEqual(["reverted", "reverted"]);
  expect((await shop.status()).serves).toMatchObject({ revision: "v1", weights: { blue: 100, green: 0 } });

  const { wishes, ...rest } = await shop.connect();
  const strategy = {
    ...wishes.strategyFor("canary"),
    shifts: [{ share: 50, gate: { gate: "watch", for: millis(30_000) } as const }],
  };
  const canary = shop.deploy("v2", {}, { ...rest, wishes: { ...wishes, strategyFor: () => strategy } });
  await until("the canary's gate", () => atStep(shop, "gate"));
  const back = await rollback(await shop.connect(), { signal: shop.signal });
  expect([outcomeOf(back), outcomeOf(await canary)]).toEqual(["reverted", "reverted"]);
  const returned = users.now;
  await until("users after it", () => users.now > returned + 200);
  await users.stop();
  expect(complaints(users)).toEqual([]);
  expect(Object.keys(versionsOf(users.answers.filter(({ at }) => at > returned)))).toEqual(["v1"]);
});

test("secrets of the environment stand in the release's own file, and nothing repeats them that a candidate says", async () => {
  const token = "tk4Zq9Lw2Rx7Vb1N";
  const password = "pZ8mC3vK6yH2dJ5s";
  const secrets = { API_TOKEN: token, DATABASE_URL: `postgres://shop:${password}@db.example.com/shop` };
  const shop = await serving({ revisions: ["v1", "talkative"], secrets, health: shopHealth("1s") });
  const told: unknown[] = [];
  const connection = await shop.connect({
    notifier: { tell: (event) => told.push(event) },
    waiting: (reason) => told.push(reason),
  });
  const moved = await shop.deploy("talkative", {}, connection);
  expect(outcomeOf(moved), tell(moved)).toBe("reverted");
  // The check quotes what the candidate answered, without what must not be told.
  expect(moved.is === "ended" && moved.deployment.cause?.evidence?.join()).toContain(
    "cannot reach [redacted] with [redacted]",
  );
  expect(moved.is === "ended" && moved.deployment.failure?.log?.join()).toContain(
    "no database at [redacted] for [redacted]",
  );
  const said = JSON.stringify([told, moved, await shop.status(), await shop.journal()]);
  expect([token, password].filter((secret) => said.includes(secret))).toEqual([]);

  const files = readdirSync(shop.stateDir, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  const holding = files
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => [token, password].some((secret) => readFileSync(file).includes(secret)));
  // What the candidate itself wrote to its output is in its own log, word for word, as it is in every log.
  expect(holding.map((file) => basename(file)).toSorted()).toEqual([
    "green-1.log",
    "release.json",
    "release.json",
  ]);
  expect(holding.map((file) => (statSync(file).mode & 0o777).toString(8))).toEqual(["600", "600", "600"]);
});
