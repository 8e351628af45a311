import type { Plan } from "../core/plan.ts";
import type { Assumed, ReplicaUnit } from "../core/planning/durations.ts";
import type { Cause, Millis, Revision, Slot } from "../core/units.ts";
import type { Migrator } from "./migrator.ts";
import type { MetricSource, TrafficRouter } from "./router.ts";
import type { SlotProvider } from "./slots.ts";

/** Everything a deployment needs of the place where a service runs. */
export interface Target {
  /** `local`, `kubernetes`, `aws`, `memory`. */
  readonly kind: string;
  /** Where, for people: `vps1`, `prod-eu/shop`. */
  readonly place: string;
  readonly slots: SlotProvider;
  readonly router: TrafficRouter;
  readonly metrics?: MetricSource;
  readonly migrator?: Migrator;
  /**
   * Makes the named revision ready to be started (copies and builds a release, checks that an image exists) and
   * tells what it is. Changes nothing that runs. Without a name: the target's default, or a failure that says so.
   */
  prepare(
    name: string | undefined,
    signal: AbortSignal,
    progress?: (line: string) => void,
  ): Promise<Prepared>;
  /** Makes sure that an earlier revision can be started again exactly as it was; refused when it was pruned. */
  recall(revision: Revision, signal: AbortSignal): Promise<Prepared>;
  /**
   * Starts what a deployment needs beside the slots (an agent, a router on this machine), so that what stands in the
   * way, such as a taken address, is a refusal before anything is opened. Absent where nothing is to be started.
   */
  start?(signal: AbortSignal): Promise<Cause | undefined>;
  /**
   * Looks for what would make the plan fail, or make it do harm, while nothing was written yet: rights, capacity, what
   * must be there. Changes nothing. What could not be looked at is `unproven`, never left out. Absent where nothing can
   * be told beforehand.
   */
  preflight?(plan: Plan, signal: AbortSignal): Promise<readonly Finding[]>;
  /** Private address of the slot, for people. */
  preview(slot: Slot): Promise<string | undefined>;
  /** Distance between two looks while a step waits; a target that is expensive to read asks for more. */
  readonly pace: Millis;
  /** What costs are counted in, and how long steps take as long as nothing was measured. Absent: replicas, as usual. */
  readonly counting?: { readonly unit: ReplicaUnit; readonly assumed: Assumed };
  /** Resolves when a look may show something new, or the signal aborts. Absent where nothing tells: then `pace` does. */
  changed?(signal: AbortSignal): Promise<void>;
  /** Frees what this object holds (sockets); nothing of the target itself stops. */
  close(): Promise<void>;
}

/** What was found before a deployment. `blocks`: it would fail, so it is refused. */
export interface Finding {
  readonly is: "blocks" | "warns" | "unproven";
  readonly cause: Cause;
  /** The command or change that would remove it. */
  readonly next?: string;
}

export type Prepared =
  | {
      readonly is: "ready";
      readonly revision: Revision;
      readonly detail: string;
      /** Replicas of a first deployment, where what was prepared says a number. */
      readonly replicas?: number;
    }
  | { readonly is: "refused"; readonly cause: Cause; readonly next: string };
