import { createHash, randomBytes } from "node:crypto";
import { hostname, userInfo } from "node:os";
import type { CheckPlan } from "../core/checks.ts";
import type { Strategy, StrategyKind } from "../core/plan.ts";
import { deploymentId, type Cause, type DeploymentId } from "../core/units.ts";
import type { EnginePorts } from "../engine/ports.ts";
import type { Notifier } from "../ports/notifier.ts";
import type { Key, Unavailable } from "../ports/store.ts";

/** What of a configuration a deployment is planned with. */
export interface Wishes {
  readonly strategyFor: (kind?: StrategyKind) => Strategy;
  /** What the candidate is asked. Secrets in it are sealed, with a key that the target may have to be asked for. */
  readonly checks: (signal: AbortSignal) => Promise<Wished>;
  /** Replicas of a first deployment. */
  readonly replicas: number;
}

export type Wished = { readonly is: "checks"; readonly plan: CheckPlan } | Unavailable;

/**
 * One service in one environment, connected: everything the functions of this folder need. `connectLocal`,
 * `connectKubernetes` and `connectAws` make one from a configuration; a program with a target of its own puts one together from its parts.
 */
export interface Connection extends EnginePorts {
  readonly key: Key;
  readonly wishes: Wishes;
  /** Who acts, for the record: `user@host`. */
  readonly by: string;
  close(): Promise<void>;
}

export interface ConnectOptions {
  /** Folder that holds what Teal knows on this machine; by default `stateDirectory` of the environment. */
  readonly stateDir?: string;
  /** AWS region instead of the configured one. */
  readonly region?: string;
  /** Values that no sample may show and no plan may hold (its checks are sealed), and so no journal: `secrets` of `loadConfig`. */
  readonly secrets?: readonly string[];
  /** Told of every journaled event after it is durable. */
  readonly notifier?: Notifier;
  /** Told what the current step waits for. */
  readonly waiting?: (reason: string) => void;
  /** Told what was found damaged in the spool; nothing by default. */
  readonly report?: (cause: Cause) => void;
}

/** `refused`: the configuration names what cannot be connected to however often it is tried: a context that is none. */
export type Connected<C extends ConfiguredConnection> =
  | { readonly is: "connected"; readonly connection: C }
  | { readonly is: "refused"; readonly cause: Cause; readonly next: string };

/** A connection made from a configuration. */
export interface ConfiguredConnection extends Connection {
  /** Folder on this machine for what its processes leave about the service: the spool, who looks after it, its logs. */
  readonly folder: string;
}

/** `user@host` of this process. */
export function whoami(): string {
  return `${userInfo().username}@${hostname()}`;
}

export function newDeploymentId(): DeploymentId {
  return deploymentId(`d${Date.now().toString(36)}${randomBytes(4).toString("hex")}`);
}

/** SHA-256 of the text, as plans are sealed with it. */
export function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
