import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync, readlinkSync } from "node:fs";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

export interface Running {
  readonly pid: number;
  readonly command: string;
}

/** Processes that were started for what lies in `folder`, or work in it. This process is none of them. */
export function processesOf(folder: string): readonly Running[] {
  const all =
    process.platform === "linux"
      ? readdirSync("/proc")
          .filter((name) => /^\d+$/.test(name))
          .flatMap(fromProc)
      : fromPs();
  return all.filter(({ pid, command }) => pid !== process.pid && command.includes(folder));
}

/** Command line and working directory; zombies have neither. */
function fromProc(pid: string): readonly Running[] {
  try {
    const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
    return command === ""
      ? []
      : [{ pid: Number(pid), command: `${command}in ${readlinkSync(`/proc/${pid}/cwd`)}` }];
  } catch {
    return []; // ended meanwhile
  }
}

function fromPs(): readonly Running[] {
  const lines = execFileSync("ps", ["-axo", "pid=,command="], { encoding: "utf8" }).split("\n");
  return lines.map((line) => ({ pid: Number.parseInt(line, 10), command: line.trim() }));
}

/** Ends them for good, each by its own pid, and waits until they are gone. */
export async function killAll(folder: string): Promise<void> {
  await until(`the processes of ${folder} to be gone`, () => {
    const left = processesOf(folder);
    for (const { pid } of left) kill(pid);
    return left.length === 0;
  });
}

/** SIGKILL; a negative pid is a process group. One that is gone already is fine. */
export function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** Whether anything accepts connections at `http://host:port`. */
export function listens(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname);
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}

/** A whole control plane beside the test takes its time: there a bound is only against waiting for ever. */
const PATIENCE = process.env["TEAL_TEST_CLUSTER"] === undefined ? 15_000 : 60_000;

/** Waits for a state; it is looked at again and again, and what was waited for is named when it does not come. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  atMost = PATIENCE,
): Promise<void> {
  const deadline = performance.now() + atMost;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`waited ${atMost / 1000} s for ${what}`);
    await sleep(10);
  }
}
