import { join } from "node:path";
import type { Instant, Revision, Slot } from "../../../core/units.ts";
import type { ProcessIdentity } from "../identity.ts";

/**
 * What the agent and the shim of one replica life leave for each other in the life's folder. Files, not messages,
 * since either may be killed and started again while the replica runs on.
 */

/** `spec.json`, written by the agent before it starts the shim. Holds no environment: that stays in the release. */
export interface LifeSpec {
  readonly slot: Slot;
  /** `green-1`: the same for every life of the replica. */
  readonly replica: string;
  readonly incarnation: string;
  readonly revision: Revision;
  readonly port: number;
  /** Absolute path of the release folder. */
  readonly release: string;
  /** Absolute path of the log file. */
  readonly log: string;
  /** Milliseconds between SIGTERM and SIGKILL. */
  readonly stopGrace: number;
  readonly rotation: { readonly maxBytes: number; readonly keep: number };
}

/** `pid.json`, durable before the release's command runs: by it the process group is found even without its shim. */
export interface PidRecord {
  readonly shim: ProcessIdentity;
  /** Leads its own process group, so its pid is also the group's id. */
  readonly child: ProcessIdentity;
  readonly port: number;
}

/** `exit.json`, written once, when the command ended. */
export interface ExitRecord {
  readonly code: number | null;
  readonly signal: string | null;
  readonly at: Instant;
  /** Why there is no code: `could not be started: ...`. */
  readonly note?: string;
}

export interface LifeFiles {
  readonly folder: string;
  readonly spec: string;
  readonly pid: string;
  readonly exit: string;
}

export function lifeFiles(folder: string): LifeFiles {
  return {
    folder,
    spec: join(folder, "spec.json"),
    pid: join(folder, "pid.json"),
    exit: join(folder, "exit.json"),
  };
}
