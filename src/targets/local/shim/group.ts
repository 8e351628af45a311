import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** Sends a signal to every process of a group. Returns false when there is none. */
export function signalGroup(group: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(-group, signal);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
    throw error;
  }
}

/**
 * Pids of the group's living processes. Linux only: elsewhere undefined. Zombies do not count: they hold nothing,
 * and where nobody reaps orphans (many containers) they stay for ever.
 */
export function groupMembers(group: number): readonly number[] | undefined {
  if (process.platform !== "linux") return undefined;
  return readdirSync("/proc").flatMap((name) =>
    /^\d+$/.test(name) && memberOf(name, group) ? [Number(name)] : [],
  );
}

function memberOf(pid: string, group: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // state, ppid, pgrp follow the last ")": the command name may contain anything. See proc(5).
    const [state, , pgrp] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return pgrp === String(group) && state !== "Z" && state !== "X";
  } catch {
    return false; // ended while we looked
  }
}

export function groupAlive(group: number): boolean {
  try {
    process.kill(-group, 0);
  } catch {
    return false;
  }
  return groupMembers(group)?.length !== 0;
}

/**
 * Ends every process of a group: SIGTERM, `grace` ms, SIGKILL.
 * @returns whether the group is gone; after SIGKILL the system gets two more seconds.
 */
export async function endGroup(group: number, grace: number): Promise<boolean> {
  signalGroup(group, "SIGTERM");
  if (await goneWithin(group, grace)) return true;
  signalGroup(group, "SIGKILL");
  return goneWithin(group, 2_000);
}

async function goneWithin(group: number, atMost: number): Promise<boolean> {
  const deadline = performance.now() + atMost;
  while (groupAlive(group)) {
    if (performance.now() >= deadline) return false;
    await sleep(20);
  }
  return true;
}
