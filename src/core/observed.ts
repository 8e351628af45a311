import type { Shares, Strength, Weights } from "./routing.ts";
import type { Cause, Instant, Millis, Revision, Slot, Version } from "./units.ts";

/** One running copy of a revision in a slot. */
export interface Replica {
  readonly id: string;
  /** Which life of the replica this is (pid and start time, pod uid): a restart makes a new one. */
  readonly incarnation: string;
  readonly phase: "starting" | "ready" | "unready" | "stopping" | "exited" | "crashLoop";
  readonly restarts: number;
  /** Set when the revision of this replica differs from the slot's (a slot in the middle of a change). */
  readonly revision?: Revision;
  /** How the last life ended. */
  readonly exit?: { readonly code: number | null; readonly signal: string | null; readonly at: Instant };
}

export interface SlotState {
  readonly slot: Slot;
  /** Absent: the slot is empty and always was, or was pruned. */
  readonly revision?: Revision;
  /** How many replicas the slot is told to have. */
  readonly wanted: number;
  /** The provider has carried out what it was told: as many replicas as wanted, none starting or stopping. */
  readonly settled: boolean;
  readonly replicas: readonly Replica[];
  /** What a deployment must take hold of before it may change this slot (a pinned size), with the values to put back. */
  readonly lends?: readonly Borrowed[];
  /** What the slot itself says that a deployment took hold of and has not put back, for people. */
  readonly held?: string;
  /**
   * What keeps the slot from getting ready, where the provider knows. `sure`: it will not pass by itself, so nobody
   * need wait for a deadline; else it may, and is told as what is waited for.
   */
  readonly stuck?: { readonly cause: Cause; readonly sure: boolean };
}

export interface Borrowed {
  readonly slot: Slot;
  /** The provider's name for it: `autoscaler`, `suspendedProcesses`. */
  readonly what: string;
  /** The original value, as JSON. */
  readonly original: string;
}

/** What one rule of the router does. */
export interface RuleState {
  readonly id: string;
  readonly weights: Weights;
  /** The router's own notation of the rule, kept to be put back exactly. */
  readonly raw: string;
  /** Everything of the rule that a shift leaves as it is, a line for each value; where it changes, somebody else did it. */
  readonly shape?: readonly string[];
}

export interface Routing {
  readonly weights: Weights;
  readonly rules: readonly RuleState[];
}

export interface Evidence {
  readonly strength: Strength;
  /** All traffic that starts now follows `to`. */
  readonly moved: boolean;
  /** One line: `40 answers from r42`, `edge acknowledged`. */
  readonly detail: string;
  /** What stronger evidence would need, when the strongest could not be had. */
  readonly missing?: string;
}

export interface Residual {
  /** Requests and connections the slot still works on. */
  readonly inFlight?: number;
  /** Requests it was newly given, counted since it started; only differences mean something. */
  readonly newRequests?: number;
}

/** What users got from a slot between two looks. Counters only grow; a restart of the source starts a new `epoch`. */
export interface Traffic {
  readonly epoch: string;
  readonly requests: number;
  /** Answers with status 5xx that the slot itself gave. */
  readonly errors: number;
  /** Requests the data plane could not get answered by the slot (refused, reset, timed out). */
  readonly lost: number;
  /** Cumulative counts per upper bound in ms, last bound is Infinity; empty when the source has none. */
  readonly latency: readonly { readonly le: number; readonly count: number }[];
  /** A few failing requests, `POST /checkout 500: "cart.total is undefined"`, redacted. */
  readonly examples?: readonly string[];
}

/** A read tells what was seen and when, or why nothing could be. It never throws for the world's faults. */
export type Read<T> =
  | { readonly is: "seen"; readonly value: T; readonly version: Version; readonly at: Instant }
  | { readonly is: "unreadable"; readonly cause: Cause };

/** Everything a decision may look at. A part that was not asked for is absent. */
export interface Observed {
  readonly routing: Read<Routing>;
  readonly slots: Readonly<Record<Slot, Read<SlotState>>>;
}

export function readyReplicas(slot: SlotState): readonly Replica[] {
  return slot.replicas.filter((replica) => replica.phase === "ready");
}

/** Sum of both shares; 0 means that nobody gets traffic. */
export function totalShare(shares: Shares): number {
  return shares.blue + shares.green;
}

/** Longest call plus propagation, after which a write whose fate is unknown can no longer take effect. */
export function settleTime(longestCall: Millis, propagation: Millis): Millis {
  return (longestCall + propagation) as Millis;
}

/** Shapes of the rules by their ids; nothing where no rule tells one. */
export function shapesOf(rules: readonly RuleState[]): {
  shapes?: Readonly<Record<string, readonly string[]>>;
} {
  const told = rules.flatMap(({ id, shape }) => (shape === undefined ? [] : [[id, shape] as const]));
  return told.length === 0 ? {} : { shapes: Object.fromEntries(told) };
}
