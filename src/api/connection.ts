import { createHash, randomBytes } from "node:crypto";
import { hostname, userInfo } from "node:os";
import type { CheckPlan } from "../core/checks.ts";
import type { Strategy, StrategyKind } from "../core/plan.ts";
import { deploymentId, type DeploymentId } from "../core/units.ts";
import type { EnginePorts } from "../engine/ports.ts";
import type { Key } from "../ports/store.ts";

/** What of a configuration a deployment is planned with. */
export interface Wishes {
  readonly strategyFor: (kind?: StrategyKind) => Strategy;
  readonly checks: CheckPlan;
  /** Replicas of a first deployment. */
  readonly replicas: number;
}

/**
 * One service in one environment, connected: everything the functions of this folder need. `connectLocal` makes one
 * from a configuration; a program with a target of its own puts one together from its parts.
 */
export interface Connection extends EnginePorts {
  readonly key: Key;
  readonly wishes: Wishes;
  /** Who acts, for the record: `user@host`. */
  readonly by: string;
  close(): Promise<void>;
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
