import { randomBytes } from "node:crypto";
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
} from "node:fs";
import { basename, join } from "node:path";
import { parseEnv } from "node:util";
import { createRedactor } from "../../core/redact.ts";
import { sameRevision, SLOTS, type Revision } from "../../core/units.ts";
import type { Prepared } from "../../ports/target.ts";
import type { SlotsFile } from "./agent/record.ts";
import { readJson, writeDurably } from "./files.ts";
import { keyedDigest } from "./key.ts";
import type { Layout } from "./layout.ts";
import type { ReleaseFile } from "./protocol.ts";
import { releaseFolder, releaseName } from "./release-folder.ts";
import { copySource, CopyError, digestTree } from "./release/copy.ts";
import { run } from "./release/run.ts";
import { findSource, type Source } from "./release/source.ts";
import { inheritedEnvironment } from "./shim/environment.ts";

/** What makes a revision on this machine. Paths are absolute, except `cwd`, which lies inside the release. */
export interface ReleaseSettings {
  /** Folder of the service. Only ever read. */
  readonly source: string;
  /** Shell command of one replica; `{port}`, `{slot}`, `{revision}` and `{replica}` are replaced. */
  readonly command: string;
  readonly cwd?: string;
  /** Shell command run once in the copy. */
  readonly build?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Dotenv file; `env` wins. */
  readonly envFile?: string;
}

/** The source's folder in a release: apart from `release.json`, which a service must not be able to serve. */
const APP = "app";
/** Free space (bytes) that a new release must leave: for logs, records and what the build writes beyond the source. */
const HEADROOM = 64 * 1024 * 1024;
/** Lines of a failed build that the refusal quotes. */
const BUILD_TAIL = 20;
/** A copy that nobody finished within so long (ms) was given up. */
const LEFT_OVER_AFTER = 60 * 60 * 1000;

type Refused = Prepared & { readonly is: "refused" };
type Progress = (line: string) => void;

/**
 * Makes a release folder of its own for a revision, or finds the one that has the same source and configuration.
 * The folder appears complete or not at all; nothing that runs is touched.
 */
export async function prepareRelease(
  layout: Layout,
  settings: ReleaseSettings,
  name: string | undefined,
  signal: AbortSignal,
  progress: Progress = () => {},
): Promise<Prepared> {
  const env = readEnvironment(settings);
  if ("is" in env) return env;
  const source = await findSource(settings.source, name, layout.root, signal);
  if (source.is === "refused") return refused(source.code, source.message, source.next);
  const unusable = makeFolder(layout.releases);
  if (unusable !== undefined) return unusable;
  const full = noRoom(layout, source);
  if (full !== undefined) return full;
  if (source.is === "commit" && source.dirty)
    progress("the folder has uncommitted changes; they are not included");
  const copy = join(layout.releases, `.new-${process.pid}-${randomBytes(4).toString("hex")}`);
  mkdirSync(join(copy, APP), { recursive: true, mode: 0o700 });
  try {
    return await make(layout, settings, { name, source, env: env.values, copy, signal, progress });
  } catch (error) {
    if (error instanceof CopyError)
      return refused("TEAL-L104", error.message, "Correct the source and deploy again.");
    if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
    return refused(
      "TEAL-L106",
      `the disk filled up while ${layout.releases} was written`,
      "Free space, or remove releases: teal prune",
    );
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

/** A path that cannot be a folder of ours is an answer, not a fault of Teal. */
function makeFolder(path: string): Refused | undefined {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    return undefined;
  } catch (error) {
    const { code = "", message } = error as NodeJS.ErrnoException;
    if (!["EACCES", "EPERM", "EROFS", "ENOTDIR", "EEXIST"].includes(code)) throw error;
    return refused(
      "TEAL-L111",
      `the state directory cannot be used: ${message}`,
      "Make it a folder that you may write to, or set TEAL_STATE_DIR to another one.",
    );
  }
}

/** Whether the very release of an earlier revision is still there. Nothing is made anew: that would be another one. */
export function recallRelease(layout: Layout, revision: Revision): Prepared {
  const folder = releaseFolder(layout, revision);
  if (isComplete(folder, revision))
    return { is: "ready", revision, detail: `release ${basename(folder)}, kept` };
  return refused(
    "TEAL-L109",
    `the release of ${revision.id} (${revision.config}) is not kept any more`,
    `Deploy it anew: teal deploy ${revision.id}`,
  );
}

interface Making {
  readonly name: string | undefined;
  readonly source: Source;
  readonly env: Readonly<Record<string, string>>;
  /** The folder it is put together in. */
  readonly copy: string;
  readonly signal: AbortSignal;
  readonly progress: Progress;
}

async function make(layout: Layout, settings: ReleaseSettings, making: Making): Promise<Prepared> {
  const { name, source, env, copy, signal, progress } = making;
  const app = join(copy, APP);
  // A commit's tree is known by git; files are copied first, so that the digest is of what was really copied.
  if (source.is === "files") await copySource(source, app, signal);
  const tree = source.is === "commit" ? source.tree : await digestTree(app);
  const id = name ?? (source.is === "commit" ? source.commit.slice(0, 7) : tree.slice(0, 7));
  const { command, build, cwd = "." } = settings;
  const config = keyedDigest(layout, { command, cwd, build: build ?? null, env: sorted(env), tree });
  const revision: Revision = { id, config };
  const folder = releaseFolder(layout, revision);
  if (isComplete(folder, revision))
    return { is: "ready", revision, detail: `release ${basename(folder)}, as prepared before` };
  if (source.is === "commit") await copySource(source, app, signal);
  if (!existsSync(join(app, cwd)))
    return refused("TEAL-L108", `the source has no folder ${cwd}`, "Correct `cwd`.");
  const failed = build === undefined ? undefined : await runBuild(build, making, cwd);
  if (failed !== undefined) return failed;
  const origin =
    source.is === "commit" ? `git ${source.commit.slice(0, 7)}` : `folder ${basename(source.folder)}`;
  await toDisk(copy, signal);
  const release: ReleaseFile = { revision, command, cwd: join(APP, cwd), env, origin, complete: true };
  writeDurably(join(copy, "release.json"), JSON.stringify(release));
  putInPlace(copy, folder, revision);
  const note =
    source.is === "commit" && source.dirty
      ? "; uncommitted changes are not included"
      : source.is === "files" && source.note !== undefined
        ? `; ${source.note}`
        : "";
  progress(`release ${basename(folder)} from ${origin}`);
  return { is: "ready", revision, detail: `release ${basename(folder)} from ${origin}${note}` };
}

/** Before a release calls itself complete, what it consists of must survive a loss of power: one sync of its file system. */
async function toDisk(folder: string, signal: AbortSignal): Promise<void> {
  const { exit, output, error } = await run("sync", process.platform === "linux" ? ["-f", folder] : [], {
    cwd: folder,
    signal,
  });
  if (error?.code === "ENOENT") syncEach(folder);
  else if (exit !== 0) throw new Error(`the release could not be made durable: ${error?.message ?? output}`);
}

/** The same without the program, file by file. */
function syncEach(folder: string): void {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = openSync(join(entry.parentPath, entry.name), "r");
    try {
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  }
}

/** Somebody else may have made the same release meanwhile: the first one stays, since it may be in use. */
function putInPlace(copy: string, folder: string, revision: Revision): void {
  if (isComplete(folder, revision)) return;
  rmSync(folder, { recursive: true, force: true });
  renameSync(copy, folder);
}

function isComplete(folder: string, revision: Revision): boolean {
  const release = readJson<ReleaseFile>(join(folder, "release.json"));
  return release?.complete === true && sameRevision(release.revision, revision);
}

async function runBuild(build: string, making: Making, cwd: string): Promise<Refused | undefined> {
  const { copy, env, signal, progress } = making;
  const hide = createRedactor(Object.values(env));
  const lines: string[] = [];
  const { exit, error } = await run("/bin/sh", ["-c", build], {
    cwd: join(copy, APP, cwd),
    env: { ...inheritedEnvironment(process.env), ...env },
    signal,
    each: (line) => {
      lines.push(hide(line));
      if (lines.length > BUILD_TAIL) lines.shift();
      progress(hide(line));
    },
  });
  if (exit === 0) return undefined;
  const how = signal.aborted ? "was interrupted" : (error?.message ?? `failed with exit code ${exit}`);
  return refused("TEAL-L105", `the build command ${how}`, "Correct the build and deploy again.", lines);
}

function readEnvironment(settings: ReleaseSettings): { values: Record<string, string> } | Refused {
  if (settings.envFile === undefined) return { values: { ...settings.env } };
  try {
    const file = parseEnv(readFileSync(settings.envFile, "utf8")) as Record<string, string>;
    return { values: { ...file, ...settings.env } };
  } catch (error) {
    // Only the code: a message could quote the file.
    const code = (error as NodeJS.ErrnoException).code ?? "not readable";
    return refused(
      "TEAL-L107",
      `the environment file ${settings.envFile} could not be read (${code})`,
      "Correct `envFile`.",
    );
  }
}

function noRoom(layout: Layout, source: Source): Refused | undefined {
  const { bavail, bsize } = statfsSync(layout.releases);
  const free = bavail * bsize;
  const needed = source.bytes + HEADROOM;
  if (free >= needed) return undefined;
  const mb = (bytes: number) => `${Math.ceil(bytes / 1024 / 1024)} MB`;
  return refused(
    "TEAL-L106",
    `${layout.releases} has ${mb(free)} free, a release of this source needs ${mb(needed)}`,
    "Free space, or remove releases: teal prune",
  );
}

function sorted(env: Readonly<Record<string, string>>): readonly (readonly [string, string])[] {
  return Object.entries(env).toSorted(([a], [b]) => (a < b ? -1 : 1));
}

/**
 * Removes releases that nobody needs any more and returns their names. What a slot is told or runs is never removed,
 * nor is what `keep` names (the journal's last revisions); an unreadable `slots.json` throws before anything goes.
 */
export function pruneReleases(layout: Layout, keep: readonly Revision[], now: number): readonly string[] {
  if (!existsSync(layout.releases)) return [];
  const slots = readJson<SlotsFile>(layout.slotsFile)?.slots;
  const told = SLOTS.flatMap((slot) => slots?.[slot].want?.revision ?? []);
  const kept = new Set([...keep, ...told].map(releaseName));
  return readdirSync(layout.releases).filter((name) => {
    const folder = join(layout.releases, name);
    if (kept.has(name)) return false;
    if (name.startsWith(".") && now - statSync(folder).mtimeMs < LEFT_OVER_AFTER) return false; // somebody is at work
    const gone = join(layout.releases, `.gone-${process.pid}-${randomBytes(4).toString("hex")}`);
    renameSync(folder, gone); // at once: half a release must not look like one
    rmSync(gone, { recursive: true, force: true });
    return true;
  });
}

function refused(code: string, message: string, next: string, evidence?: readonly string[]): Refused {
  return { is: "refused", cause: { code, message, ...(evidence === undefined ? {} : { evidence }) }, next };
}
