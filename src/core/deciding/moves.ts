import type { Call } from "../calls.ts";
import type { Happening } from "../journal.ts";
import type { Evidence, Observed, Read, Residual } from "../observed.ts";
import type { Step } from "../plan.ts";
import type { Mode } from "../routing.ts";
import type { Hold, Outcome } from "../state.ts";
import type { Cause, Instant, IntentId, Millis, Slot, Version } from "../units.ts";
import type { Judgement } from "../verdict.ts";

/** What the engine is to do next. Deciding is pure; only the engine acts. */
export type Move =
  /** Journal an intent and perform it. */
  | { readonly move: "call"; readonly step: string; readonly call: Call; readonly expect: Version | "any" }
  /** Perform an intent again that is journaled already: its effect was looked for and is not there. */
  | { readonly move: "perform"; readonly intent: IntentId; readonly expect: Version | "any" | "journaled" }
  /** Take the next fence, so that whatever is still in transit is refused. */
  | { readonly move: "reclaim" }
  /** Journal this as it is. */
  | { readonly move: "journal"; readonly event: Happening }
  /** Ask the plan's checks of this slot once more, for the step itself or beside it, then decide again. */
  | { readonly move: "checks"; readonly slot: Slot; readonly for: "step" | "guard" }
  /** Nothing to do now: look again. */
  | { readonly move: "look"; readonly reason: string }
  /** Wait state: nothing to do before `until` unless somebody asks. */
  | { readonly move: "rest"; readonly until: Instant }
  | { readonly move: "end"; readonly outcome: Outcome; readonly cause?: Cause };

/** What users got from the candidate and from the slot before it, counted over comparable stretches. */
export interface TrafficSeen {
  readonly candidate: Served;
  /** The previous slot while it had the traffic, or beside the candidate. */
  readonly previous: Served;
  readonly examples: readonly string[];
  /** Requests to either slot that nobody answered, since this process began to watch. */
  readonly lost?: number;
}

export interface Served {
  readonly requests: number;
  /** Answered 5xx, or not answered at all. */
  readonly failed: number;
  /** 95th percentile in ms, where the source has a histogram. */
  readonly p95?: Millis;
}

/** Everything a decision may look at. */
export interface Facts {
  readonly now: Instant;
  /** How long this process has been at the current step, on the clock that does not jump. */
  readonly elapsed: Millis;
  readonly observed: Observed;
  readonly fencing: "atomic" | "checked";
  /** How the router can divide traffic; absent: in every way. */
  readonly modes?: readonly Mode[];
  /** The target has taken this lease's fence, so that lower ones are refused where fencing is atomic. */
  readonly claimed: boolean;
  /** Longest call plus propagation: after it a write nobody saw end can no longer take effect. */
  readonly settle: Millis;
  /** Bound of one call. */
  readonly bound: Millis;
  /** Time since this process last wrote, or since it began: reads of a target without compare-and-set may be as old. */
  readonly sinceWrite: Millis;
  /** The write this process saw applied a moment ago, while a read may still show the state before it. */
  readonly justWritten?: Call;
  /** For each open intent: how long this process has known of it. */
  readonly known: ReadonlyMap<IntentId, Millis>;
  /** How long ago this process itself journaled the last pass of a slot; where absent as a whole, the wall clock tells. */
  readonly passedAgo?: Partial<Readonly<Record<Slot, Millis>>>;
  /** Verdict of the checks asked for the current step (probe, or a shift whose probe is no longer fresh). */
  readonly health?: Judgement;
  /** How the candidate, and the other slot, do beside the steps, while guards watch. */
  readonly steady?: Judgement;
  readonly otherSteady?: Judgement;
  readonly traffic?: TrafficSeen;
  /** This process does not stay for the bake: the target keeps the history of its metrics, complete so long afterwards. */
  readonly leaves?: { readonly lag: Millis };
  /** What users got during the bake that nobody watched, and from the previous slot in the stretch before it. */
  readonly history?: Read<TrafficSeen>;
  readonly evidence?: Read<Evidence>;
  readonly residual?: Read<Residual>;
  readonly migration?: Read<{
    readonly applied: readonly ("expand" | "contract")[];
    readonly rehearsal: "clean" | "breaks" | "unproven";
  }>;
}

type Verdict = Extract<Happening, { kind: "verdict" }>;

export function look(reason: string): Move {
  return { move: "look", reason };
}

export function pass(
  dir: "forward" | "back",
  step: Step,
  summary: string,
  more: Partial<Verdict> = {},
): Move {
  return verdict({ dir, of: step.id, result: "pass", then: "next", facts: { summary }, ...more });
}

export function verdict(event: Omit<Verdict, "kind">): Move {
  return { move: "journal", event: { kind: "verdict", ...event } };
}

export function later(now: Instant, wait: Millis): Instant {
  return (now + wait) as Instant;
}

export function holdFor(facts: Facts, reason: Hold["for"], wait: Millis, otherwise: Hold["otherwise"]): Hold {
  return { for: reason, until: later(facts.now, wait), otherwise };
}

/** How long a deployment waits for a person, or for the world to become readable again. */
export const OPERATOR_WAIT = 600_000 as Millis;

/**
 * What a step does when its deadline passed: its own default answer. Going back it never turns round: it goes on
 * where the plan says so and otherwise waits for a person, who is told what serves.
 */
export function overdue(
  dir: "forward" | "back",
  step: Step,
  facts: Facts,
  cause: Cause,
  summary: string,
): Move {
  const common = { dir, of: step.id, cause, facts: { summary } } as const;
  if (step.otherwise === "proceed") return verdict({ ...common, result: "inconclusive", then: "next" });
  if (step.otherwise === "revert" && dir === "forward")
    return verdict({ ...common, result: "fail", then: "back" });
  return verdict({
    ...common,
    result: "inconclusive",
    then: "hold",
    hold: holdFor(facts, "operator", OPERATOR_WAIT, "stop"),
  });
}

/** A target that cannot be read: wait for it, with an end. */
export function unreadable(dir: "forward" | "back", step: Step, facts: Facts, cause: Cause): Move {
  if (facts.elapsed < facts.bound) return look(`cannot read the target: ${cause.message}`);
  const otherwise = dir === "forward" ? "revert" : "stop";
  const hold = holdFor(facts, "unreadable", OPERATOR_WAIT, otherwise);
  return verdict({
    dir,
    of: step.id,
    result: "inconclusive",
    then: "hold",
    hold,
    cause,
    facts: { summary: cause.message },
  });
}
