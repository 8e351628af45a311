import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, expect, test } from "vitest";
import { note } from "../../test/contract/append-many.ts";
import type { Happening } from "../core/journal.ts";
import { instant, intentId } from "../core/units.ts";
import { memorySpool, notJournaled } from "../engine/spool.ts";
import { fileSpool } from "./spool.ts";

const WRITER = join(import.meta.dirname, "../../test/contract/spool-writer.ts");
let folder: string;
let path: string;
let reported: string[];
const make = () => fileSpool(path, (cause) => reported.push(cause.code));

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "teal-spool-"));
  path = join(folder, "state", "spool.ndjson");
  reported = [];
});
afterEach(() => rmSync(folder, { recursive: true }));

test.each([
  ["file", () => make()],
  ["memory", () => memorySpool()],
])("a %s spool keeps order, gives the same again, and forgets when told", async (_name, open) => {
  const spool = open();
  expect(await spool.drain()).toEqual([]);
  await spool.clear();
  const events = Array.from({ length: 20 }, (_, index) => note(`${index}\n"ü"`));
  await Promise.all(events.map((event) => spool.add(event)));
  expect(await spool.drain()).toEqual(events);
  expect(await spool.drain()).toEqual(events);
  await spool.clear();
  expect(await spool.drain()).toEqual([]);
  await spool.add(note("again"));
  expect(await spool.drain()).toEqual([note("again")]);
});

test("the file is its user's alone, and another process finds it", async () => {
  await make().add(note("a"));
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(await make().drain()).toEqual([note("a")]);
});

test("a torn last line is reported, dropped, and spoils no later one", async () => {
  await make().add(note("a"));
  appendFileSync(path, '{"kind":"asked","as');
  expect(await make().drain()).toEqual([note("a")]);
  expect(reported).toEqual(["TEAL-S130"]);
  await make().add(note("b"));
  expect(reported).toEqual(["TEAL-S130", "TEAL-S130"]);
  expect(await make().drain()).toEqual([note("a"), note("b")]);
  expect(readFileSync(path, "utf8").split("\n")).toHaveLength(3);
});

test("a damaged line is reported and the others are kept", async () => {
  await make().add(note("a"));
  await make().add(note("b"));
  writeFileSync(path, readFileSync(path, "utf8").replace("{", "#"));
  expect(await make().drain()).toEqual([note("b")]);
  expect(reported).toEqual(["TEAL-S131"]);
});

test("a process killed in the middle of its additions loses none it acknowledged, ten times", async () => {
  for (let round = 1; round <= 10; round += 1) {
    const writer = spawn(process.execPath, [WRITER, path], { stdio: ["ignore", "pipe", "inherit"] });
    let acknowledged = 0;
    createInterface({ input: writer.stdout }).on("line", () => {
      acknowledged += 1;
      if (acknowledged === 5 * round) writer.kill("SIGKILL");
    });
    await once(writer, "close");
    expect(writer.signalCode).toBe("SIGKILL");
    const kept = await make().drain();
    expect(kept.length).toBeGreaterThanOrEqual(acknowledged);
    expect(kept).toEqual(kept.map((_, index) => note(String(index))));
    await make().clear();
  }
});

test("an addition that cannot be kept rejects", async () => {
  writeFileSync(join(folder, "state"), "");
  await expect(make().add(note("a"))).rejects.toThrow();
});

test("what the journal has already is not journaled twice", () => {
  const outcome = (name: string): Happening => ({
    kind: "outcome",
    intent: intentId(name),
    result: "applied",
  });
  const journal = [
    { ...outcome("i1"), seq: 1, at: instant(1) },
    { ...note("a"), seq: 2, at: instant(2) },
  ];
  expect(notJournaled([outcome("i1"), outcome("i2"), note("a")], journal)).toEqual([
    outcome("i2"),
    note("a"),
  ]);
});
