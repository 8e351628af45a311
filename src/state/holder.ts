import { hostname, userInfo } from "node:os";
import type { Holder } from "../core/journal.ts";
import { boot, identify, isAlive } from "../targets/local/identity.ts";

/** This process as the holder of a lease. */
export function thisHolder(): Holder {
  const host = hostname();
  const identity = identify(process.pid) ?? { pid: process.pid, started: "unknown", boot: boot() };
  return { name: `${userName()}@${host} pid ${process.pid}`, host, ...identity };
}

/**
 * Whether the holder's process is gone. Only a holder of this boot of this machine can be judged: a boot id is not
 * shared by two machines, while host names are, and a later boot of a machine looks like another one. What cannot be
 * told is left to the lease's time.
 */
export function isGone(holder: Holder): "gone" | "alive" | "unknown" {
  if (holder.boot === "unknown" || holder.started === "unknown" || holder.boot !== boot()) return "unknown";
  // Containers share the boot id but not the pids: there the host name tells them apart.
  if (holder.host !== hostname()) return "unknown";
  return isAlive(holder) ? "alive" : "gone";
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // A container's user without an entry in the password file.
    return `uid ${process.getuid?.() ?? "unknown"}`;
  }
}
