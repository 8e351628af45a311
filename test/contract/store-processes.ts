import { spawn } from "node:child_process";
import type { ChildProcess, SpawnOptions } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect } from "vitest";
import { deploymentId } from "../../src/core/units.ts";
import type { StateStore } from "../../src/ports/store.ts";
import { KEY } from "./append-many.ts";
import { CLOSED, FIRST, row } from "./history-fixture.ts";

const WRITER = join(import.meta.dirname, "store-writer.ts");

/** What each started process wrote to its error output. */
const errors = new Map<ChildProcess, string>();

/** Starts `store-writer.ts`. */
export function start(args: readonly string[], options: SpawnOptions = {}): ChildProcess {
  const child: ChildProcess = spawn(process.execPath, [WRITER, ...args], {
    ...options,
    stdio: ["ignore", "pipe", "pipe"],
  });
  errors.set(child, "");
  child.stderr?.on("data", (chunk) => errors.set(child, errors.get(child) + String(chunk)));
  return child;
}

export function errorsOf(child: ChildProcess): string | undefined {
  return errors.get(child);
}

/** Kills whatever still runs. */
export function killWriters(): void {
  for (const child of errors.keys()) child.kill("SIGKILL");
  errors.clear();
}

/** Every line of a process that ends by itself. */
export async function linesOf(child: ChildProcess): Promise<string[]> {
  const lines: string[] = [];
  createInterface({ input: child.stdout! }).on("line", (line) => lines.push(line));
  await once(child, "close");
  return lines;
}

/** Kills the process after so many lines; answers all that it wrote. */
export async function linesUntilKilled(child: ChildProcess, count: number): Promise<string[]> {
  const lines: string[] = [];
  createInterface({ input: child.stdout! }).on("line", (line) => {
    if (lines.push(line) === count) child.kill("SIGKILL");
  });
  await once(child, "close");
  expect(lines.length, errors.get(child)).toBeGreaterThanOrEqual(count);
  expect(child.signalCode).toBe("SIGKILL");
  return lines;
}

/** Everything is kept that a writer of `cycle` said was acknowledged, without a gap, and rows exist for what is closed. */
export async function expectKept(store: StateStore, acknowledged: readonly string[]): Promise<void> {
  const history = await store.history(KEY, 1_000);
  const rows = new Set(history.is === "rows" ? history.rows.map((each) => each.id) : []);
  for (const id of new Set(acknowledged.map((line) => line.split(" ")[0]!))) {
    const kept = await store.events(KEY, deploymentId(id));
    if (kept.is === "pruned") continue;
    if (kept.is !== "events") throw new Error(`${id}: ${JSON.stringify(kept)}`);
    const said = acknowledged.filter((line) => line.startsWith(`${id} `)).map((line) => line.split(" ")[1]!);
    const numbers = said.filter((word) => word !== "closed").map(Number);
    expect(kept.events.map((event) => event.seq)).toEqual(upTo(kept.events.length));
    expect(kept.events.length).toBeGreaterThanOrEqual(Math.max(...numbers));
    const closed = kept.events.at(-1)?.kind === "closed";
    expect(rows.has(deploymentId(id))).toBe(closed);
    if (said.includes("closed")) expect(closed).toBe(true);
  }
}

export async function closeWhatIsOpen(store: StateStore): Promise<void> {
  const current = await store.current(KEY);
  if (current.is !== "open") return;
  const { id, events } = current.journal;
  expect((await store.close(KEY, id, events.length, CLOSED, row(id, current.number), FIRST)).is).toBe(
    "closed",
  );
}

export function upTo(last: number): number[] {
  return Array.from({ length: last }, (_, index) => index + 1);
}
