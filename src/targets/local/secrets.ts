import { mkdirSync, readFileSync } from "node:fs";
import type { CheckPlan } from "../../core/checks.ts";
import { sealChecks, type Lookup } from "../../core/sealed.ts";
import { lockAlone } from "./agent/lock.ts";
import { readJson, writeDurably } from "./files.ts";
import { keyedDigest } from "./key.ts";
import type { Layout } from "./layout.ts";

/**
 * So many secrets are kept. Each time one is added, all that its plan uses count as the latest; what goes first is
 * what was not used for longest. What a slot was told is never dropped, so it may be more.
 */
const KEPT = 200;
/** Writing one small file takes milliseconds: a lock that is held longer (ms) belongs to a process that hangs. */
const LOCKED_AT_MOST = 5_000;

/** `secrets.json`: digest and value, the one used latest at the end. A list, since an object puts `12` before `1a`. */
type SecretsFile = readonly (readonly [digest: string, value: string])[];

/**
 * The checks with their secrets sealed by the service's key. What the checks use is durable in `secrets.json` when
 * this returns; without secrets in them nothing is read or written.
 */
export function sealAndKeep(layout: Layout, checks: CheckPlan, secrets: readonly string[]): CheckPlan {
  const digestOf = (value: string) => {
    mkdirSync(layout.root, { recursive: true, mode: 0o700 });
    return keyedDigest(layout, value);
  };
  const { plan, values } = sealChecks(checks, secrets, digestOf);
  const kept = values.size === 0 ? new Map<string, string>() : read(layout);
  if ([...values.keys()].some((digest) => !kept.has(digest))) keep(layout, values);
  return plan;
}

/** Finds values of `secrets.json`. It is read again for a digest that is not known: another process may have added it. */
export function createLookup(layout: Layout): Lookup {
  let known: ReadonlyMap<string, string> = new Map();
  return (digest) => {
    if (!known.has(digest)) known = read(layout);
    return known.get(digest);
  };
}

/** One process at a time, or what one adds would be lost to the other. */
function keep(layout: Layout, used: ReadonlyMap<string, string>): void {
  const unlock = lockAlone(`${layout.secretsFile}.lock`, LOCKED_AT_MOST);
  if (unlock === undefined) throw new Error(`${layout.secretsFile} is locked by another process`);
  try {
    const others = [...read(layout)].filter(([digest]) => !used.has(digest));
    const told = readText(layout.slotsFile);
    const dropped = others
      .slice(0, Math.max(0, others.length + used.size - KEPT))
      .filter(([digest]) => !told.includes(digest));
    const file: SecretsFile = [...others.filter((each) => !dropped.includes(each)), ...used];
    writeDurably(layout.secretsFile, `${JSON.stringify(file)}\n`);
  } finally {
    unlock();
  }
}

function read(layout: Layout): ReadonlyMap<string, string> {
  return new Map(readJson<SecretsFile>(layout.secretsFile));
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw error;
  }
}
