import type { Sample } from "../../core/checks.ts";
import type { Borrowed, Replica } from "../../core/observed.ts";
import type { Shares, Weights } from "../../core/routing.ts";
import type { Fence, Instant, IntentId, Millis, Revision, Slot } from "../../core/units.ts";
import type { Write } from "../../ports/write.ts";
import type { Operation } from "./operation.ts";

/** Which write changed the world. */
export interface Writer {
  readonly intent: IntentId;
  readonly fence: Fence;
}

/** What really happened, whatever the engine believes: the material of every judgement about a run. */
export type Happened =
  /** A write reached the world; `answer` is what it decided, heard or not. `started`: when the writer sent it. */
  | {
      readonly is: "write";
      readonly operation: Operation;
      readonly by: Writer;
      readonly started: Millis;
      readonly answer: Write<unknown>["is"];
    }
  /** The router's record changed; nodes follow with records of their own. */
  | {
      readonly is: "routed";
      readonly weights: Weights;
      readonly before: Weights;
      readonly by: Writer | "foreign";
    }
  | { readonly is: "node"; readonly node: number; readonly weights: Weights }
  | {
      readonly is: "told";
      readonly slot: Slot;
      readonly revision?: Revision;
      readonly wanted: number;
      readonly before: number;
      /** Requests the slot still worked on. */
      readonly inFlight: number;
      readonly by: Writer | "foreign" | "autoscaler";
    }
  | {
      readonly is: "replica";
      readonly slot: Slot;
      readonly replica: string;
      readonly incarnation: string;
      readonly revision: Revision;
      readonly phase: Replica["phase"] | "gone";
      /** Requests that were in flight when it stopped or crashed: lost. */
      readonly cut: number;
      /** It left because it was told to, and the provider's drain cap ended its last requests. */
      readonly capped?: boolean;
    }
  | { readonly is: "sample"; readonly slot: Slot; readonly kind: "ready" | "deep"; readonly sample: Sample }
  | { readonly is: "borrowed"; readonly borrowed: Borrowed; readonly by: Writer }
  | { readonly is: "restored"; readonly borrowed: Borrowed; readonly by: Writer }
  | {
      readonly is: "migrated";
      readonly changes: string;
      readonly phase: "expand" | "contract";
      readonly times: number;
      readonly rehearsal: "clean" | "breaks" | "unproven";
      readonly by: Writer;
    }
  | { readonly is: "claimed"; readonly port: "slots" | "router"; readonly fence: Fence };

export type Recorded = Happened & {
  /** Simulated monotonic time. */
  readonly t: Millis;
  readonly at: Instant;
};

/** Which share of the traffic each slot got and how many replicas could answer, from `t` on. */
export interface TrafficMoment {
  readonly t: Millis;
  /** Mean over the router's nodes, in percent. */
  readonly shares: Shares;
  readonly ready: Readonly<Record<Slot, number>>;
  /** Share (0..100) of requests nobody could answer. */
  readonly lost: number;
}
