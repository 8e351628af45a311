import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

/**
 * Which process is meant, so that a pid that the system gave to somebody else is never taken for ours:
 * pid, its start time, and the boot it belongs to.
 */
export interface ProcessIdentity {
  readonly pid: number;
  readonly started: string;
  readonly boot: string;
}

let bootId: string | undefined;

/** Names this boot of the machine: Linux's boot id, elsewhere the boot time that `sysctl` tells. */
export function boot(): string {
  if (bootId !== undefined) return bootId;
  try {
    bootId = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    bootId = run("sysctl", ["-n", "kern.boottime"]) ?? "unknown";
  }
  return bootId;
}

/** Start time of a living process, or undefined when there is none (a zombie counts as none). */
export function startTime(pid: number): string | undefined {
  if (process.platform !== "linux") {
    const line = run("ps", ["-o", "stat=,lstart=", "-p", String(pid)])?.trim();
    return line === undefined || line === "" || line.startsWith("Z")
      ? undefined
      : line.slice(line.indexOf(" ") + 1).trim();
  }
  try {
    // Field 22 of /proc/<pid>/stat, counted after the last ")": the command name may contain anything. See proc(5).
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" || fields[0] === "X" ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

/** The identity of a living process. */
export function identify(pid: number): ProcessIdentity | undefined {
  const started = startTime(pid);
  return started === undefined ? undefined : { pid, started, boot: boot() };
}

export function isAlive(identity: ProcessIdentity): boolean {
  return identity.boot === boot() && startTime(identity.pid) === identity.started;
}

function run(command: string, args: readonly string[]): string | undefined {
  try {
    return execFileSync(command, args, {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
      timeout: 2_000,
    });
  } catch {
    return undefined;
  }
}
