import type { Happening, JournalEvent } from "../../src/core/journal.ts";
import type { Deployment } from "../../src/core/deployment.ts";
import type { Fence } from "../../src/core/units.ts";
import type { Recorded, TrafficMoment } from "../../src/targets/memory/index.ts";
import type { Operator, Schedule } from "./schedule.ts";

/** An event as the store really keeps it, at simulated monotonic time `t`. */
export interface Kept {
  readonly t: number;
  readonly deployment: string;
  readonly event: JournalEvent;
}

/** An event that a process was told is durable. */
export interface Acknowledged {
  readonly t: number;
  readonly deployment: string;
  readonly event: Happening;
}

/** The lease, as the store really keeps it. `sent`: when the holder's process asked. */
export interface LeaseChange {
  readonly t: number;
  readonly sent: number;
  readonly is: "taken" | "beat" | "released";
  readonly fence: Fence;
}

/** A write call of a port, from the process's side. `ended` is absent when it never heard the answer. */
export interface Called {
  readonly process: number;
  readonly intent: string;
  readonly method: string;
  readonly started: number;
  ended?: number;
  answer?: string;
}

export interface Ran {
  readonly process: number;
  readonly by: Operator | "end";
  readonly command: string;
  readonly from: number;
  /** When the command ended, however; absent while it runs or stands still for ever. */
  to?: number;
  /** How it ended; `threw` is a bug by itself. */
  ended?: string;
  threw?: string;
  /** `done` and the like, as the process told its user. */
  said?: { readonly deployment: string; readonly outcome: string };
  readonly paused: { readonly from: number; readonly to: number }[];
}

/** A stretch in which something was made to go wrong. */
export interface Disturbance {
  readonly from: number;
  readonly to: number;
  readonly what: string;
}

/** Everything that really happened in a run: what the checkers judge. */
export interface History {
  readonly schedule: Schedule;
  readonly world: readonly Recorded[];
  readonly traffic: readonly TrafficMoment[];
  readonly kept: readonly Kept[];
  readonly acknowledged: readonly Acknowledged[];
  readonly spooled: readonly { readonly t: number; readonly event: Happening }[];
  readonly lease: readonly LeaseChange[];
  readonly calls: readonly Called[];
  /** Writes of all processes: to target, store and spool. */
  readonly writes: number;
  readonly runs: readonly Ran[];
  readonly disturbances: readonly Disturbance[];
  /** A read may be so many ms behind the truth. */
  readonly staleness: number;
  readonly propagation: number;
  readonly fencing: "atomic" | "checked";
  /** When the run was over. */
  readonly ended: number;
  /** What is still open then. */
  readonly open: Deployment | undefined;
  /** Slots whose size somebody still holds at the end. */
  readonly pinned: readonly string[];
}

export interface Violation {
  /** Number of the design's invariant, or the name of a promise that has none. */
  readonly invariant: number | "converges" | "keeps" | "throws";
  readonly t: number;
  readonly what: string;
}
