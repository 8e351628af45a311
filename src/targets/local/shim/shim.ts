import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import type { Instant } from "../../../core/units.ts";
import { readJson, writeDurably } from "../files.ts";
import { identify } from "../identity.ts";
import type { ReleaseFile } from "../protocol.ts";
import { replaceNames, replicaEnvironment } from "./environment.ts";
import { endGroup, groupAlive, signalGroup } from "./group.ts";
import { lifeFiles, type ExitRecord, type LifeFiles, type LifeSpec, type PidRecord } from "./life.ts";
import { LineSplitter, RotatingLog, type LineSource } from "./log.ts";

/**
 * The command waits for a word on descriptor 3, which comes once its pid is on disk; if the shim dies first, the
 * descriptor ends and the command never runs. So no process of a replica can be running that no record names.
 */
const WAIT_FOR_GO = 'read -r go <&3 || exit 125; exec 3<&-; exec /bin/sh -c "$0"';

/** After the command ended, so long (ms) for processes it left behind before they are killed. */
const LEFT_BEHIND_GRACE = 1_000;

/** Runs one replica life from its `spec.json` to its `exit.json`. Resolves when nothing of the life runs any more. */
export async function runShim(folder: string): Promise<void> {
  const files = lifeFiles(folder);
  const spec = readJson<LifeSpec>(files.spec);
  if (spec === undefined) throw new Error(`no ${files.spec}`);
  const log = new RotatingLog(spec.log, spec.rotation, Date.now);
  try {
    await live(spec, files, log);
  } finally {
    log.close();
  }
}

async function live(spec: LifeSpec, files: LifeFiles, log: RotatingLog): Promise<void> {
  const release = readJson<ReleaseFile>(join(spec.release, "release.json"));
  if (release === undefined) {
    return recordExit(files, log, {
      code: null,
      signal: null,
      at: now(),
      note: `no release in ${spec.release}`,
    });
  }
  const child = start(release, spec);
  const ended = exitOf(child);
  const output = [copyLines(child.stdout, "out", log), copyLines(child.stderr, "err", log)];
  const identity = child.pid === undefined ? undefined : identify(child.pid);
  let stopping = { graceLeft: () => LEFT_BEHIND_GRACE };
  if (identity !== undefined) {
    const self = identify(process.pid);
    if (self === undefined) throw new Error("cannot read this process's own start time");
    const record: PidRecord = { shim: self, child: identity, port: spec.port };
    // From the moment the record can be read, SIGTERM must stop the replica instead of this process alone.
    stopping = passOnTermination(identity.pid, spec.stopGrace);
    writeDurably(files.pid, JSON.stringify(record));
    log.lines("teal", [
      `started ${spec.replica} (${spec.incarnation}) pid ${identity.pid} port ${spec.port}`,
    ]);
    const go = child.stdio[3] as Writable;
    go.on("error", () => {}); // the command is gone already; its exit tells
    // An exit record that is there already says that the agent gave this life up: without the word nothing runs.
    go.end(existsSync(files.exit) ? "" : "go\n");
  }
  recordExit(files, log, await ended);
  // Processes that the command left behind could hold its port or its work: they end with it. A shell ends at the
  // first SIGTERM while the server it started still finishes requests: that one has the rest of the grace.
  if (identity !== undefined && groupAlive(identity.pid)) await endGroup(identity.pid, stopping.graceLeft());
  // A process that left the group may keep the pipe open for ever.
  await Promise.race([Promise.all(output), sleep(250)]);
}

function start(release: ReleaseFile, spec: LifeSpec): ChildProcess {
  return spawn("/bin/sh", ["-c", WAIT_FOR_GO, replaceNames(release.command, spec)], {
    cwd: join(spec.release, release.cwd),
    env: replicaEnvironment(release, spec, process.env),
    detached: true, // leads a process group (and session) of its own
    stdio: ["ignore", "pipe", "pipe", "pipe"],
  });
}

async function exitOf(child: ChildProcess): Promise<ExitRecord> {
  try {
    const [code, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
    return { code, signal, at: now() };
  } catch (error) {
    return { code: null, signal: null, at: now(), note: `could not be started: ${(error as Error).message}` };
  }
}

function recordExit(files: LifeFiles, log: RotatingLog, exit: ExitRecord): void {
  try {
    writeDurably(files.exit, JSON.stringify(exit));
  } catch {
    // A full disk must not keep the rest of the group alive; the agent sees that the shim is gone.
  }
  log.lines("teal", [exit.note ?? `ended: ${exit.signal ?? `exit code ${exit.code}`}`]);
}

/**
 * SIGTERM to the shim stops the replica: SIGTERM to its group, `grace` ms, then SIGKILL.
 * @returns how long processes may still live once the command itself has ended.
 */
function passOnTermination(group: number, grace: number): { graceLeft: () => number } {
  let killAt: number | undefined;
  process.on("SIGTERM", () => {
    if (killAt !== undefined) return;
    killAt = performance.now() + grace;
    signalGroup(group, "SIGTERM");
    setTimeout(() => signalGroup(group, "SIGKILL"), grace);
  });
  return {
    graceLeft: () => (killAt === undefined ? LEFT_BEHIND_GRACE : Math.max(0, killAt - performance.now())),
  };
}

async function copyLines(stream: Readable | null, source: LineSource, log: RotatingLog): Promise<void> {
  if (stream === null) return;
  const splitter = new LineSplitter();
  stream.on("data", (chunk: Buffer) => log.lines(source, splitter.push(chunk)));
  stream.on("error", () => {});
  await once(stream, "close").catch(() => {});
  log.lines(source, splitter.end());
}

function now(): Instant {
  return Date.now() as Instant;
}
