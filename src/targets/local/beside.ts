import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { readJson } from "./files.ts";
import type { ReleaseFile } from "./protocol.ts";
import { replicaEnvironment, type LifeNames } from "./shim/environment.ts";

/** A command beside a replica may say so much (bytes); the rest is dropped. */
const MOST_OUTPUT = 64 * 1024;
/** How far back (bytes) the last lines of a log are looked for. */
const TAIL_BYTES = 256 * 1024;

/**
 * Runs a command in the release's folder with the replica's environment. A string goes to the shell.
 * `exit` is null when the command was killed or could not be started; `output` then says why.
 */
export function runBeside(
  release: string,
  life: Omit<LifeNames, "revision">,
  command: readonly string[] | string,
  signal: AbortSignal,
): Promise<{ exit: number | null; output: string }> {
  const file = readJson<ReleaseFile>(join(release, "release.json"));
  if (file === undefined) return Promise.resolve({ exit: null, output: `no release in ${release}` });
  const [program = "", ...args] = typeof command === "string" ? ["/bin/sh", "-c", command] : command;
  // Loaded when needed: most commands that import this never run anything.
  const { spawn } = process.getBuiltinModule("node:child_process");
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd: join(release, file.cwd),
      env: replicaEnvironment(file, { ...life, revision: file.revision }, process.env),
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    let output = "";
    const add = (chunk: string) => {
      output = (output + chunk).slice(0, MOST_OUTPUT);
    };
    child.stdout.setEncoding("utf8").on("data", add);
    child.stderr.setEncoding("utf8").on("data", add);
    const kill = () => {
      if (child.pid === undefined) return;
      try {
        process.kill(-child.pid, "SIGKILL"); // the whole group: a shell's children too
      } catch {
        // ended by itself
      }
    };
    signal.addEventListener("abort", kill, { once: true });
    if (signal.aborted) kill();
    const done = (exit: number | null, more = "") => {
      signal.removeEventListener("abort", kill);
      kill(); // nothing it started in the background stays
      resolve({ exit, output: output + more });
    };
    child.once("error", (error) => done(null, error.message));
    child.once("close", (code) => done(code));
  });
}

/**
 * The last lines that the replica itself wrote, oldest first, without the time stamps. A missing log has none.
 * @param log as written by the shim: `<time> <out|err|teal> <text>`.
 */
export function tailLog(log: string, lines: number): readonly string[] {
  const text = lastBytes(log, TAIL_BYTES);
  return text
    .split("\n")
    .flatMap((line) => {
      const parts = /^\S+ (?:out|err) (.*)$/.exec(line);
      return parts === null ? [] : [parts[1] ?? ""];
    })
    .slice(-lines);
}

function lastBytes(path: string, count: number): string {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch {
    return "";
  }
  try {
    const size = fstatSync(file).size;
    const bytes = Buffer.alloc(Math.min(size, count));
    const read = readSync(file, bytes, 0, bytes.length, size - bytes.length);
    return bytes.toString("utf8", 0, read);
  } finally {
    closeSync(file);
  }
}
