import type { ReleaseFile } from "../protocol.ts";
import type { LifeSpec } from "./life.ts";

/** What a replica inherits from the machine. Anything else must be named in the configuration. */
const INHERITED = ["PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "USER"] as const;

/** What names one life of a replica. */
export type LifeNames = Pick<LifeSpec, "slot" | "replica" | "incarnation" | "port"> & {
  readonly revision: { readonly id: string };
};

/** The machine's part of an environment: of a replica, and of Teal's own background processes. */
export function inheritedEnvironment(from: NodeJS.ProcessEnv): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const name of INHERITED) if (from[name] !== undefined) kept[name] = from[name];
  return kept;
}

/** The environment of a replica, later sources winning: the machine's, the release's own, what Teal decides. */
export function replicaEnvironment(
  release: Pick<ReleaseFile, "env">,
  life: LifeNames,
  machine: NodeJS.ProcessEnv,
): Record<string, string> {
  return {
    ...inheritedEnvironment(machine),
    ...release.env,
    PORT: String(life.port),
    TEAL_SLOT: life.slot,
    TEAL_REVISION: life.revision.id,
    TEAL_REPLICA: life.replica,
    TEAL_INCARNATION: life.incarnation,
  };
}

/** Replaces `{port}`, `{slot}`, `{revision}` and `{replica}`; any other brace is the command's own. */
export function replaceNames(command: string, life: LifeNames): string {
  const values: Readonly<Record<string, string>> = {
    port: String(life.port),
    slot: life.slot,
    revision: shellWord(life.revision.id),
    replica: life.replica,
  };
  return command.replace(/\{(port|slot|revision|replica)\}/g, (_, name: string) => values[name] ?? "");
}

/** A revision is named by a person (a tag, a branch): it must stay one word for the shell, whatever it holds. */
function shellWord(value: string): string {
  return /^[A-Za-z0-9._:@%+=,/-]+$/.test(value) ? value : `'${value.replaceAll("'", "'\\''")}'`;
}
