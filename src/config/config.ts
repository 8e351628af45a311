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
  readonly target: { readonly local: NonNullable<Parsed["target"]["local"]> };
}

export interface Completed {
  readonly config: Config;
  /** What was inferred and is worth a line to the user. */
  readonly notes: readonly string[];
}

/** Adds to what was written what the file's place and the choice of its parts say. */
export function complete(parsed: Parsed, chosen: Chosen, folder: string): Completed {
  const { local } = parsed.target;
  if (local === undefined) throw new Error("a target that is not local passed the rules");
  const named = parsed.service ?? chosen.service;
  const common = Object.fromEntries(
    COMMON.filter((key) => parsed[key] !== undefined).map((key) => [key, parsed[key]]),
  ) as Pick<Parsed, (typeof COMMON)[number]>;
  const service = named ?? folderName(folder);
  const config = { ...common, target: { local }, service, environment: chosen.environment, folder };
  const notes = [
    named === undefined ? `service: ${service} (the folder's name)` : undefined,
    parsed.health?.ready === undefined ? NO_CHECK : undefined,
  ];
  return { config, notes: notes.filter((note) => note !== undefined) };
}

const NO_CHECK =
  "health.ready: a TCP connection to the replica's port (no check is configured; an HTTP check proves more)";
