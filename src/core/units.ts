/**
 * Names, units and small shapes that every layer shares. Brands keep apart what is easy to confuse; a brand
 * costs nothing at run time.
 */

/** One of the two places a revision can run in. Which one is live is what the router says. */
export type Slot = "blue" | "green";
export const SLOTS = ["blue", "green"] as const satisfies readonly Slot[];

/** The other place. */
export function otherSlot(slot: Slot): Slot {
  return slot === "blue" ? "green" : "blue";
}

/** A length of time in milliseconds. */
export type Millis = number & { readonly __unit: "ms" };
export function millis(value: number): Millis {
  return value as Millis;
}

/** A point in wall-clock time: milliseconds since 1970-01-01 UTC. Shown to people, never used to measure a wait. */
export type Instant = number & { readonly __unit: "instant" };
export function instant(value: number): Instant {
  return value as Instant;
}

/** What an adapter's compare-and-set compares: opaque, equal or not equal. */
export type Version = string & { readonly __unit: "version" };
export function version(value: string): Version {
  return value as Version;
}

/** Grows with every taken lease of a service and never falls; a write with a lower one is stale. */
export type Fence = number & { readonly __unit: "fence" };
export function fence(value: number): Fence {
  return value as Fence;
}

/** Names one write. Repeating the write keeps the name, so that an effect can be recognised. */
export type IntentId = string & { readonly __unit: "intent" };
export function intentId(value: string): IntentId {
  return value as IntentId;
}

export type DeploymentId = string & { readonly __unit: "deployment" };
export function deploymentId(value: string): DeploymentId {
  return value as DeploymentId;
}

/** An immutable version of the service: what runs, and the digest of the configuration it runs with. */
export interface Revision {
  /** What the user calls it: a git commit, a tag, an image reference, an AMI id. */
  readonly id: string;
  /** Digest of everything else that decides how it runs (command, environment, ports); secrets as keyed digests. */
  readonly config: string;
}

/** Two revisions are the same only when what runs and its configuration are the same. */
export function sameRevision(a: Revision | undefined, b: Revision | undefined): boolean {
  return a !== undefined && b !== undefined && a.id === b.id && a.config === b.config;
}

/** Why something could not be done or seen, in words a person can act on. */
export interface Cause {
  /** A code of `docs/errors.md`, such as `TEAL-L201`. */
  readonly code: string;
  readonly message: string;
  /** Quoted evidence: a body excerpt, the last log lines. Redacted before it gets here. */
  readonly evidence?: readonly string[];
}

/** Fails to compile when a union gained a case that the caller does not handle. */
export function assertNever(value: never): never {
  throw new Error(`unhandled case: ${JSON.stringify(value)}`);
}
