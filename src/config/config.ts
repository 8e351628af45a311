import { folderName } from "./find.ts";
import type { Chosen } from "./layers.ts";
import type { Parsed } from "./schema/index.ts";

/** The parts of the file that mean the same wherever the service runs. */
const COMMON = ["strategy", "health", "errors", "startDeadline"] as const;

/** A valid configuration of one service in one environment. What was left out is absent: `resolve.ts` fills it in. */
export interface Config extends Pick<Parsed, (typeof COMMON)[number]> {
  readonly service: string;
  readonly environment: string;
  /** Absolute folder of the file: relative paths start here. */
  readonly folder: string;
  readonly target: ConfigTarget;
}

type Written<K extends keyof Parsed["target"]> = NonNullable<Parsed["target"][K]>;

/** Where the service runs: exactly one of these. */
export type ConfigTarget =
  | { readonly local: Written<"local">; readonly kubernetes?: never; readonly aws?: never }
  | { readonly kubernetes: Written<"kubernetes">; readonly local?: never; readonly aws?: never }
  | { readonly aws: Written<"aws">; readonly local?: never; readonly kubernetes?: never };

export interface Completed {
  readonly config: Config;
  /** What was inferred and is worth a line to the user. */
  readonly notes: readonly string[];
}

/** Adds to what was written what the file's place and the choice of its parts say. */
export function complete(parsed: Parsed, chosen: Chosen, folder: string): Completed {
  const named = parsed.service ?? chosen.service;
  const common = Object.fromEntries(
    COMMON.filter((key) => parsed[key] !== undefined).map((key) => [key, parsed[key]]),
  ) as Pick<Parsed, (typeof COMMON)[number]>;
  const service = named ?? folderName(folder);
  const target = targetOf(parsed);
  const config = { ...common, target, service, environment: chosen.environment, folder };
  const notes = [
    named === undefined ? `service: ${service} (the folder's name)` : undefined,
    parsed.health?.ready === undefined ? NO_CHECK[kindOf(target)] : undefined,
  ];
  return { config, notes: notes.filter((note) => note !== undefined) };
}

/** Which kind of target it is. */
export function kindOf(target: ConfigTarget): "local" | "kubernetes" | "aws" {
  if (target.local !== undefined) return "local";
  return target.kubernetes === undefined ? "aws" : "kubernetes";
}

function targetOf({ target: { local, kubernetes, aws } }: Parsed): ConfigTarget {
  if (local !== undefined) return { local };
  if (kubernetes !== undefined) return { kubernetes };
  if (aws !== undefined) return { aws };
  throw new Error("a target of another kind passed the rules");
}

const NO_CHECK = {
  local:
    "health.ready: a TCP connection to the replica's port (no check is configured; an HTTP check proves more)",
  kubernetes:
    "health.ready: the pods' own readiness (no check is configured; an HTTP check is asked by Teal itself, too)",
  aws: "health.ready: the path that the target group's health check asks (no check is configured)",
} as const;
