import type { Mode } from "../../core/routing.ts";
import type { Revision, Slot } from "../../core/units.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Faults } from "./operation.ts";

/**
 * How honest the world is.
 * `atomic`: compare-and-set and fence in one step; reads are true.
 * `churn`: the same, but somebody else's status writes change versions all the time, so conflicts are frequent.
 * `loose`: no compare-and-set (version and fence are compared with a possibly stale read), stale reads, several
 * router nodes that each follow a shift after a delay of their own, writes that answer `unknown` and apply late.
 */
export type Profile = "atomic" | "churn" | "loose";

/** How replicas of a revision behave. Every behaviour but `good` is one way in which a deployment goes wrong. */
export type Behaviour =
  | "good"
  /** Starts and never passes its readiness question. */
  | "neverReady"
  /** Exits soon after it started, again and again. */
  | "crashLoop"
  /** Is ready; its deep checks fail. */
  | "failsChecks"
  /** Passes everything until it has had traffic for a while; then answers 5xx and fails its deep checks. */
  | "failsUnderTraffic"
  /** Ready and not ready by turns. */
  | "flapping";

/** The shape of the simulated service; all times in ms. A pair is the range a seeded draw is taken from. */
export interface ServiceShape {
  /** From the start of a replica to its first readiness. */
  readonly boot: readonly [number, number];
  /** How long requests that are in flight when a replica loses its traffic still take. */
  readonly tail: readonly [number, number];
  /** Production requests per second. */
  readonly rate: number;
  /** The provider gives a leaving replica so long to finish its requests, then stops it. */
  readonly stopAfter: number;
  /** `failsUnderTraffic`: traffic it takes until it fails. */
  readonly failsAfter: readonly [number, number];
  /** First pause after a crash; doubles up to 30 s. */
  readonly backoff: number;
}

/** Somebody else who sizes slots that have traffic, until a deployment takes hold of the size. */
export interface Autoscaler {
  readonly min: number;
  readonly max: number;
  readonly every: readonly [number, number];
}

export interface MemoryOptions {
  readonly profile: Profile;
  readonly clock: Clock;
  /** Seeded, in [0, 1): the only source of chance, so that a run can be repeated exactly. */
  readonly random: () => number;
  readonly modes?: readonly Mode[];
  readonly faults?: Faults;
  /** By revision id; `good` unless told. */
  readonly behaviour?: (revision: Revision) => Behaviour;
  readonly shape?: Partial<ServiceShape>;
  readonly autoscaler?: Autoscaler;
  /** Answers `prepare` for names it does not know with a refusal; any name is known unless given. */
  readonly revisions?: readonly string[];
  readonly tuning?: Partial<Tuning>;
}

/** How slow and how stale the world is; all times in ms. */
export interface Tuning {
  /** Time of one way of a call, request or answer. */
  readonly latency: readonly [number, number];
  /** A read may show the state of so long ago. */
  readonly staleness: number;
  /** Router nodes, each following a shift after a delay of its own of at most `propagation`. */
  readonly nodes: number;
  readonly propagation: number;
  /** Distance between foreign status writes; none when absent. */
  readonly churn?: readonly [number, number];
  /** Share of writes (0..1) that answer `unknown` and apply late, by the latest when the call's deadline passes. */
  readonly late: number;
  /** Distance between two looks of a waiting step. */
  readonly pace: number;
  /** A call without an answer ends as `unknown` after so long. */
  readonly timeout: number;
}

export const SHAPE: ServiceShape = {
  boot: [500, 4_000],
  tail: [20, 2_000],
  rate: 200,
  stopAfter: 30_000,
  failsAfter: [2_000, 8_000],
  backoff: 1_000,
};

const CALM: Tuning = {
  latency: [1, 25],
  staleness: 0,
  nodes: 1,
  propagation: 0,
  late: 0,
  pace: 250,
  timeout: 3_000,
};

export const TUNING = {
  atomic: CALM,
  churn: { ...CALM, churn: [150, 1_500] },
  loose: { ...CALM, staleness: 1_000, nodes: 3, propagation: 3_000, late: 0.05 },
} as const satisfies Record<Profile, Tuning>;

/** A whole number or fraction of the range, both ends included in meaning. */
export function draw(random: () => number, [from, to]: readonly [number, number]): number {
  return from + (to - from) * random();
}

export type SlotMap<T> = Record<Slot, T>;
