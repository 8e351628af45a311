import type { Sample } from "./checks.ts";
import type { Call, Result } from "./calls.ts";
import type { Borrowed } from "./observed.ts";
import type { Plan, Step } from "./plan.ts";
import type { Weights } from "./routing.ts";
import type { Direction, Hold, Outcome } from "./state.ts";
import type {
  Cause,
  DeploymentId,
  Fence,
  Instant,
  IntentId,
  Millis,
  Revision,
  Slot,
  Version,
} from "./units.ts";

export type { Direction } from "./state.ts";

/** Who advances a deployment: enough to prove on the same machine that the holder is gone. */
export interface Holder {
  /** `user@host pid 4711`, for people. */
  readonly name: string;
  readonly host: string;
  readonly pid: number;
  /** Start time of the process and boot id of the machine, as the operating system tells them. */
  readonly started: string;
  readonly boot: string;
}

/** Facts of a verdict, kept small (4 KiB journaled at most) and redacted. */
export interface VerdictFacts {
  /** What people read behind the step's name: `/health 200 · /health/db 200 "connected"`. */
  readonly summary: string;
  readonly samples?: readonly Sample[];
  /** Last log lines of the failing replica. */
  readonly log?: readonly string[];
  readonly numbers?: Readonly<Record<string, number>>;
  /** For who wants to know more than the summary: how strong the evidence is and what stronger one would need. */
  readonly detail?: string;
}

/** One line of the journal, without its number and time. The state of a deployment is the fold of these. */
export type Happening =
  | { readonly kind: "opened"; readonly id: DeploymentId; readonly plan: Plan; readonly engine: number }
  | { readonly kind: "claimed"; readonly fence: Fence; readonly holder: Holder }
  | {
      readonly kind: "intent";
      readonly intent: IntentId;
      readonly step: string;
      readonly dir: Direction;
      readonly call: Call;
      readonly expect: Version | "any";
      readonly fence: Fence;
      /** Longest time the call can take, from `at` on. */
      readonly bound: Millis;
      /** Written to the local spool while the store could not be reached. */
      readonly spooled?: boolean;
    }
  | {
      readonly kind: "outcome";
      readonly intent: IntentId;
      readonly result: Result;
      /** Not this process saw the write end: it was found done when looking. */
      readonly found?: boolean;
      readonly took?: Millis;
      readonly cause?: Cause;
      /** The target was busy and asked to come again: the refusal is not definite. */
      readonly transient?: boolean;
    }
  | {
      readonly kind: "verdict";
      readonly dir: Direction;
      /** The step's id, or the guard's. */
      readonly of: string;
      readonly result: "pass" | "fail" | "inconclusive";
      /** Where the deployment goes from here: `again` runs the held step again, `note` records evidence and changes nothing. */
      readonly then: "next" | "back" | "hold" | "again" | "note";
      readonly hold?: Hold;
      /** For a passed probe: whose incarnations passed. */
      readonly passed?: { readonly slot: Slot; readonly incarnations: readonly string[] };
      readonly cause?: Cause;
      readonly facts: VerdictFacts;
      readonly took?: Millis;
    }
  | {
      readonly kind: "drift";
      readonly expected: string;
      readonly observed: string;
      readonly hold: Hold;
    }
  | {
      readonly kind: "asked";
      readonly ask: "abort" | "promote" | "acceptDrift";
      readonly by: string;
      readonly because?: string;
    }
  | {
      /** The way back was planned, or drift was accepted and the way forward goes on from what is there. */
      readonly kind: "replanned";
      readonly dir: Direction;
      readonly steps: readonly Step[];
      /** Index of the step to go on with. */
      readonly from: number;
      readonly because: string;
      /** What is expected from here on, when drift was accepted. */
      readonly seen?: Expected;
    }
  | { readonly kind: "borrowed"; readonly items: readonly Borrowed[] }
  | {
      readonly kind: "closed";
      readonly outcome: Outcome;
      readonly serves: Serves;
      readonly cause?: Cause;
      readonly users?: UsersSaw;
    };

/** What the target should look like by everything this deployment did; drift is measured against it. */
export interface Expected {
  readonly weights: Weights;
  readonly revisions: Readonly<Record<Slot, Revision | "empty">>;
  /** Shapes of the router's rules by their ids, where the router tells them. */
  readonly shapes?: Readonly<Record<string, readonly string[]>>;
}

/** What users got from the candidate in all, where one process counted from before its first share to the end. */
export interface UsersSaw {
  readonly requests: number;
  readonly failed: number;
}

/** Who serves when a deployment ends. */
export interface Serves {
  readonly slot: Slot | "nobody" | "unknown";
  readonly revision?: string;
  readonly weights?: Weights;
}

/** A journaled event. `seq` is gapless from 1 within a deployment. */
export type JournalEvent = Happening & { readonly seq: number; readonly at: Instant };

/** What is left of a deployment in the history once its events were dropped. */
export interface HistoryRow {
  readonly id: DeploymentId;
  readonly service: string;
  readonly environment: string;
  readonly number: number;
  readonly revision: string;
  readonly config: string;
  readonly previous?: string;
  readonly slot: Slot;
  readonly strategy: string;
  readonly outcome: Outcome;
  readonly cause?: Cause;
  readonly by: string;
  readonly opened: Instant;
  readonly closed: Instant;
  /** The revision that was live and that somebody went back from with this deployment. */
  readonly leaves?: Revision;
  /** Measured durations in ms, by step id, plus `total`: what `plan --compare` learns from. */
  readonly durations: Readonly<Record<string, number>>;
}
