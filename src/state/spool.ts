import type { FileHandle } from "node:fs/promises";
import { mkdir, open, readFile, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import type { Happening } from "../core/journal.ts";
import type { Cause } from "../core/units.ts";
import type { Spool } from "../engine/spool.ts";

/**
 * The spool in a file: one event per line, each on the disk before `add` resolves. A process that dies while it
 * writes leaves a torn last line, which was never acknowledged: it is dropped and `report`ed. One process at a time.
 */
export function fileSpool(path: string, report: (cause: Cause) => void): Spool {
  // Additions follow each other, so that no two lines mix.
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(act: () => Promise<T>): Promise<T> => {
    const turn = last.then(act, act);
    last = turn;
    return turn;
  };
  return {
    add: (event) => inTurn(() => addLine(path, JSON.stringify(event), report)),
    drain: () => inTurn(() => readLines(path, report)),
    clear: () => inTurn(() => remove(path)),
  };
}

async function addLine(path: string, line: string, report: (cause: Cause) => void): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const file = await open(path, "a+", 0o600);
  try {
    const before = await file.readFile();
    const whole = before.lastIndexOf("\n") + 1;
    // Behind a torn line this one would be unreadable too.
    if (whole < before.length) {
      report(torn(path, before.length - whole));
      await file.truncate(whole);
    }
    await file.appendFile(`${line}\n`);
    await file.datasync();
    if (before.length === 0) await syncFolder(dirname(path));
  } finally {
    await file.close();
  }
}

async function readLines(path: string, report: (cause: Cause) => void): Promise<readonly Happening[]> {
  const text = (await readIfThere(path)) ?? "";
  const lines = text.split("\n");
  const rest = lines.pop() ?? "";
  if (rest !== "") report(torn(path, Buffer.byteLength(rest)));
  return lines.flatMap((line, index) => {
    try {
      return [JSON.parse(line) as Happening];
    } catch {
      report(damaged(path, index + 1));
      return [];
    }
  });
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

async function remove(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (isAbsent(error)) return;
    throw error;
  }
  await syncFolder(dirname(path));
}

async function syncFolder(path: string): Promise<void> {
  const folder: FileHandle = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function isAbsent(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === "ENOENT";
}

function torn(path: string, bytes: number): Cause {
  return {
    code: "TEAL-S130",
    message: `The last line of ${path} is incomplete (${bytes} bytes): a process died while it wrote it, before it acted on it. It was dropped.`,
  };
}

function damaged(path: string, line: number): Cause {
  return {
    code: "TEAL-S131",
    message: `${path}:${line} is damaged and was left out: a write made while the store was away may be missing from the journal. Run: teal status`,
  };
}
