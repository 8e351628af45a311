import type { CheckPlan } from "./checks.ts";
import type { RuleState } from "./observed.ts";
import type { Weights } from "./routing.ts";
import type { Cause, Millis, Revision, Slot } from "./units.ts";

export type StrategyKind = "blueGreen" | "canary" | "rolling" | "recreate";

/** A gate: the deployment goes on when it opens. */
export type Gate =
  | { readonly gate: "approval"; readonly timeout: Millis; readonly otherwise: "proceed" | "revert" }
  /** Open only between these times of day (UTC, minutes since midnight) on these days (0 is Sunday). */
  | {
      readonly gate: "schedule";
      readonly days: readonly number[];
      readonly from: number;
      readonly to: number;
      readonly timeout: Millis;
      readonly otherwise: "proceed" | "revert";
    }
  /** Watches the candidate under its share of traffic for this long; the guards decide. */
  | { readonly gate: "watch"; readonly for: Millis };

/** When users' errors send traffic back. */
export interface ErrorLimit {
  /** Share of failed requests (0..1) above which the candidate fails, unless the previous slot is as bad. */
  readonly share: number;
  /** Fewer requests than this prove nothing. */
  readonly minRequests: number;
}

/** A strategy with every default filled in. */
export interface Strategy {
  readonly kind: StrategyKind;
  /** Gates between the probe and the first shift. */
  readonly gates: readonly Gate[];
  /** canary: growing shares in percent before 100, each followed by its gate. */
  readonly shifts: readonly { readonly share: number; readonly gate: Gate }[];
  /** rolling: replicas replaced at a time. */
  readonly batch: number;
  readonly bake: Millis;
  readonly keepWarm: Millis;
  /** Longest wait for in-flight work of a slot that gets no new requests. */
  readonly drainCap: Millis;
  /** Longest wait for replicas to become ready. */
  readonly startDeadline: Millis;
  readonly errors: ErrorLimit;
  /** Longest wait for replicas to stop once they are drained; a minute where it is not said. */
  readonly stopDeadline?: Millis;
  /** A passed check counts for so long when a weight is about to be raised. */
  readonly freshness: Millis;
  /**
   * What the deployment's schema change consists of. `expand` runs before the candidate starts, `contract` once the
   * previous revision is gone. `destructive`: the part that must run before the candidate starts takes away what the
   * previous revision needs, so only recreate can run it.
   */
  readonly migrations: {
    readonly expand: boolean;
    readonly contract: boolean;
    readonly destructive: boolean;
  };
}

/** What a person or a pipeline asked for; fixed for the whole deployment. */
export interface Request {
  readonly service: string;
  readonly environment: string;
  readonly revision: Revision;
  readonly strategy: Strategy;
  readonly checks: CheckPlan;
  /** Replicas of a first deployment; later ones follow what is live. */
  readonly replicas: number;
  /** user@host */
  readonly by: string;
  /** Names of checks whose failure is accepted for this deployment, journaled with it. */
  readonly force: readonly string[];
  /** The user's decision where the live slot cannot be told (weights split): treat this slot as live. */
  readonly live?: Slot;
  /** Deploy although this very revision is live and serves (a restart with fresh replicas). */
  readonly again?: boolean;
  /** Set by `rollback`: this deployment makes an earlier revision live again. */
  readonly rollback?: boolean;
}

/** How many replicas, decided when the step is performed. */
export type SizeRule =
  /** As many as the live slot is told to have at that moment, never fewer than the baseline's. */
  | { readonly rule: "matchLive" }
  | { readonly rule: "fixed"; readonly replicas: number }
  /** rolling: `done` of `of` equal parts of the baseline's size, rounded up. */
  | { readonly rule: "part"; readonly done: number; readonly of: number };

/** What a wait does by itself when its deadline passes. */
export type Otherwise = "proceed" | "revert" | "stop";

export interface StepCommon {
  /** Unique within the plan, stable in messages: `ensure-green`, `shift-green-100`. */
  readonly id: string;
  readonly deadline: Millis;
  /** What it waits for, as a person would say it. */
  readonly reason: string;
  readonly otherwise: Otherwise;
}

export type Action =
  | { readonly do: "migrate"; readonly phase: "expand" | "contract" }
  /** `wait: false`: the write is made and readiness not awaited; the shift after it does (going back only). */
  | {
      readonly do: "ensure";
      readonly slot: Slot;
      readonly revision: Revision;
      readonly size: SizeRule;
      readonly wait?: false;
    }
  | { readonly do: "probe"; readonly slot: Slot }
  | { readonly do: "gate"; readonly gate: Gate }
  /**
   * `exact`: to these weights. `readyShare`: to these weights, or as near as the ready replicas of both slots
   * carry; goes on growing until it is there (going back only).
   */
  | { readonly do: "shift"; readonly to: Weights; readonly rule: "exact" | "readyShare" }
  | { readonly do: "confirm"; readonly to: Weights }
  | { readonly do: "bake"; readonly slot: Slot; readonly for: Millis }
  /** Puts back everything that was borrowed. */
  | { readonly do: "restore" }
  /** Keeps `slot` (the previous one) as it is, lease released, until the time is over. */
  | { readonly do: "warm"; readonly slot: Slot; readonly for: Millis }
  | { readonly do: "drain"; readonly slot: Slot; readonly cap: Millis }
  | { readonly do: "retire"; readonly slot: Slot; readonly keep: SizeRule };

export type Step = StepCommon & Action;

/** Runs beside the steps, from one step to another (both included). */
export interface Guard {
  readonly id: string;
  readonly watch: "checks" | "crashLoop" | "errors";
  readonly slot: Slot;
  readonly from: string;
  readonly to: string;
}

/** What was there before the first write. FROZEN FORMAT: going back needs only this. */
export interface Baseline {
  readonly format: 1;
  /** The slot that had the traffic and a ready replica; `nobody` before a first deployment. */
  readonly serving: Slot | "nobody";
  readonly weights: Weights;
  readonly rules: readonly RuleState[];
  readonly slots: Readonly<
    Record<Slot, { readonly revision?: Revision; readonly wanted: number; readonly ready: number }>
  >;
}

export interface Plan {
  readonly schema: 1;
  /** Hash over the canonical JSON of the plan without this field. */
  readonly digest: string;
  readonly request: Request;
  readonly candidate: { readonly slot: Slot; readonly revision: Revision };
  readonly baseline: Baseline;
  readonly steps: readonly Step[];
  readonly guards: readonly Guard[];
  /** Id of the step from whose intent on going back is refused. */
  readonly pointOfNoReturn?: string;
}

export interface Refusal {
  readonly is: "refused";
  readonly cause: Cause;
  /** The command or change that would work. */
  readonly next: string;
}

/** What planning answers. `unchanged`: the revision is live already and serves. */
export type Planned =
  | { readonly is: "plan"; readonly plan: Plan }
  | { readonly is: "unchanged"; readonly slot: Slot }
  | Refusal;
