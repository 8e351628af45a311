import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { freePort } from "../agent/port.ts";
import { until } from "../agent/test-support.ts";
import { readJson } from "../files.ts";
import { isAlive } from "../identity.ts";
import { programFile } from "../programs.ts";
import { replaceNames, replicaEnvironment } from "./environment.ts";
import { groupAlive } from "./group.ts";
import { lifeFiles, type ExitRecord, type LifeSpec, type PidRecord } from "./life.ts";
import { LineSplitter, RotatingLog } from "./log.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});
function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "teal-shim-"));
  folders.push(made);
  return made;
}

/** Runs the real shim for a command. */
async function life(command: string, change: Partial<LifeSpec> = {}, cwd = ".") {
  const root = folder();
  const release = join(root, "release");
  mkdirSync(release);
  writeFileSync(
    join(release, "release.json"),
    JSON.stringify({ command, cwd, env: { NAME: "value" }, complete: true }),
  );
  const spec: LifeSpec = {
    slot: "green",
    replica: "green-1",
    incarnation: "green-1.abc",
    revision: { id: "v1", config: "c" },
    port: await freePort(new Set()),
    release,
    log: join(root, "logs", "green-1.log"),
    stopGrace: 300,
    rotation: { maxBytes: 1_000_000, keep: 2 },
    ...change,
  };
  const files = lifeFiles(join(root, "life"));
  mkdirSync(files.folder);
  writeFileSync(files.spec, JSON.stringify(spec));
  const shim = spawn(process.execPath, [programFile("shim"), files.folder], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  const ended = once(shim, "exit");
  return {
    spec,
    files,
    shim,
    ended,
    pid: () =>
      until(
        "pid record",
        () => readJson<PidRecord>(files.pid),
        (record) => record !== undefined,
      ) as Promise<PidRecord>,
    exit: () => readJson<ExitRecord>(files.exit),
    log: () => (existsSync(spec.log) ? readFileSync(spec.log, "utf8") : ""),
  };
}

test("records who runs and how it ended, and copies both outputs line by line with time stamps", async () => {
  const one = await life(
    `echo "$TEAL_SLOT $TEAL_REPLICA $TEAL_REVISION $TEAL_INCARNATION $PORT $NAME {port}"; echo bad >&2; printf 'no end'; exit 3`,
  );
  await one.ended;
  expect(one.exit()).toMatchObject({ code: 3, signal: null });
  const { port } = one.spec;
  const lines = one.log().trimEnd().split("\n");
  expect(lines.every((line) => /^\d{4}-\d\d-\d\dT[\d:.]+Z (out|err|teal) /.test(line))).toBe(true);
  const texts = lines.map((line) => line.slice(line.indexOf(" ") + 1));
  expect(texts).toEqual(
    expect.arrayContaining([
      `out green green-1 v1 green-1.abc ${port} value ${port}`,
      "err bad",
      "out no end",
      "teal ended: exit code 3",
    ]),
  );
});

test("inherits nothing from the machine but what every program needs", () => {
  const env = replicaEnvironment(
    { env: { A: "1", PORT: "7" } },
    { slot: "blue", replica: "blue-1", incarnation: "i", port: 80, revision: { id: "v1" } },
    { PATH: "/bin", SECRET: "x" },
  );
  expect(env).toEqual({
    PATH: "/bin",
    A: "1",
    PORT: "80",
    TEAL_SLOT: "blue",
    TEAL_REVISION: "v1",
    TEAL_REPLICA: "blue-1",
    TEAL_INCARNATION: "i",
  });
});

test("a revision's name stays one word of the command", () => {
  const names = { slot: "blue", replica: "blue-1", incarnation: "i", port: 80 } as const;
  expect(
    replaceNames("run {revision} {port} ${HOME} {other}", { ...names, revision: { id: "v1; rm -rf 'x'" } }),
  ).toBe(`run 'v1; rm -rf '\\''x'\\''' 80 \${HOME} {other}`);
});

test("SIGTERM ends the whole group, by force after the grace", async () => {
  const one = await life(`trap '' TERM; sh -c "trap '' TERM; sleep 60" & echo up; sleep 60`);
  const { child } = await one.pid();
  await until(
    "it runs",
    () => one.log().includes("out up"),
    (up) => up,
  );
  one.shim.kill("SIGTERM");
  await one.ended;
  expect(one.exit()).toMatchObject({ code: null, signal: "SIGKILL" });
  expect(groupAlive(child.pid)).toBe(false);
});

test("processes that the command leaves behind end with it", async () => {
  const one = await life(`sleep 60 & exit 0`);
  const { child } = await one.pid();
  await one.ended;
  expect(one.exit()).toMatchObject({ code: 0 });
  expect(groupAlive(child.pid)).toBe(false);
});

test("a server behind a shell has the whole grace, though its shell ends at once", async () => {
  const server = `process.on("SIGTERM", () => setTimeout(() => { console.log("finished"); process.exit(0); }, 1500)); console.log("up"); setInterval(() => {}, 1000);`;
  const one = await life(`${process.execPath} -e '${server}'; true`, { stopGrace: 10_000 });
  await until(
    "up",
    () => one.log().includes("out up"),
    (up) => up,
  );
  one.shim.kill("SIGTERM");
  await one.ended;
  expect(one.log()).toMatch(/ out finished$/m);
});

test("a command that cannot be started says why", async () => {
  const one = await life("true", {}, "nowhere");
  await one.ended;
  expect(one.exit()).toMatchObject({
    code: null,
    signal: null,
    note: expect.stringContaining("could not be started") as string,
  });
});

test("a life that was given up before it began never runs its command", async () => {
  const root = folder();
  const one = await life(`touch ${join(root, "ran")}`, { stopGrace: 100 });
  writeFileSync(
    one.files.exit,
    JSON.stringify({ code: null, signal: null, at: 1, note: "stopped before it started" }),
  );
  await one.ended;
  expect(existsSync(join(root, "ran"))).toBe(false);
});

test("a killed shim leaves the record by which its replica is found", async () => {
  const one = await life("echo up; exec sleep 60");
  const { child, shim } = await one.pid();
  await until(
    "it runs",
    () => one.log().includes("out up"),
    (up) => up,
  );
  one.shim.kill("SIGKILL");
  await one.ended;
  expect([isAlive(shim), isAlive(child)]).toEqual([false, true]);
  process.kill(-child.pid, "SIGKILL");
  await until(
    "gone",
    () => groupAlive(child.pid),
    (alive) => !alive,
  );
});

test("the log is rotated by size and so many files are kept", () => {
  const path = join(folder(), "a.log");
  const log = new RotatingLog(path, { maxBytes: 100, keep: 2 }, () => 0);
  for (let n = 0; n < 10; n++) log.lines("out", [`line ${n} ${"x".repeat(20)}`]);
  log.close();
  const numbers = (file: string) =>
    [...readFileSync(file, "utf8").matchAll(/line (\d)/g)].map((match) => Number(match[1]));
  // 55 bytes a line: each file holds one.
  expect([numbers(path), numbers(`${path}.1`), numbers(`${path}.2`)]).toEqual([[9], [8], [7]]);
  expect(existsSync(`${path}.3`)).toBe(false);
});

test("lines that could not be written are counted, and the count told later", () => {
  const root = folder();
  const blocked = join(root, "logs");
  writeFileSync(blocked, ""); // a file where the folder should be
  const log = new RotatingLog(join(blocked, "a.log"), { maxBytes: 1_000, keep: 1 }, () => 0);
  log.lines("out", ["lost", "lost"]);
  rmSync(blocked);
  log.lines("out", ["kept"]);
  log.close();
  const texts = readFileSync(join(blocked, "a.log"), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => line.slice(line.indexOf(" ") + 1));
  expect(texts).toEqual(["teal 2 lines could not be written here", "out kept"]);
});

test("lines and characters cut between chunks stay whole; a line without end is written in pieces", () => {
  const splitter = new LineSplitter();
  const bytes = Buffer.from("höhe\nzwei");
  expect(splitter.push(bytes.subarray(0, 2))).toEqual([]);
  expect(splitter.push(bytes.subarray(2))).toEqual(["höhe"]);
  expect(splitter.end()).toEqual(["zwei"]);
  const pieces = splitter.push(Buffer.from("x".repeat(40_000)));
  expect(pieces.map((piece) => piece.length)).toEqual([16_384, 16_384]);
  expect(splitter.end()[0]?.length).toBe(40_000 - 32_768);
});
