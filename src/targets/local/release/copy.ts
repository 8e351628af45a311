import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import {
  chmod,
  copyFile,
  constants,
  lstat,
  mkdir,
  readdir,
  readlink,
  realpath,
  rm,
  symlink,
} from "node:fs/promises";
import { dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
import { pipeline } from "node:stream/promises";
import { run } from "./run.ts";
import type { Source } from "./source.ts";

/** The source could not be copied as it is. */
export class CopyError extends Error {
  override readonly name = "CopyError";
}

/** Copies the source into the empty folder `to`. @throws CopyError */
export async function copySource(source: Source, to: string, signal: AbortSignal): Promise<void> {
  if (source.is === "commit") await copyCommit(source, to, signal);
  else await copyFiles(source, to, signal);
  await refuseOutwardLinks(to, to);
}

async function copyCommit(source: Source & { is: "commit" }, to: string, signal: AbortSignal): Promise<void> {
  const archive = `${to}.tar`;
  try {
    await must(
      await run("git", ["-C", source.repository, "archive", "--format=tar", "-o", archive, source.tree], {
        cwd: to,
        signal,
      }),
    );
    await must(await run("tar", ["-xf", archive, "-C", to], { cwd: to, signal }));
  } finally {
    await rm(archive, { force: true });
  }
}

async function must(ran: Awaited<ReturnType<typeof run>>): Promise<void> {
  if (ran.exit !== 0) throw new CopyError(ran.error?.message ?? ran.output.trim().slice(-400));
}

async function copyFiles(source: Source & { is: "files" }, to: string, signal: AbortSignal): Promise<void> {
  for (const path of source.files) {
    signal.throwIfAborted();
    const from = join(source.folder, path);
    const target = join(to, path);
    await mkdir(dirname(target), { recursive: true });
    const stats = await lstat(from);
    if (stats.isSymbolicLink()) {
      await symlink(await readlink(from), target);
    } else {
      await copyFile(from, target, constants.COPYFILE_FICLONE);
      await chmod(target, stats.mode & 0o111 ? 0o755 : 0o644);
    }
  }
}

/** A link that leaves the release would make it depend on what somebody changes there later. @throws CopyError */
async function refuseOutwardLinks(folder: string, root: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await refuseOutwardLinks(path, root);
    if (!entry.isSymbolicLink()) continue;
    const target = await readlink(path);
    // By way of another link, even a short path can lead outside: what exists is looked at as the system would.
    const leads = await realpath(path).catch(() => resolve(dirname(path), target));
    if (isAbsolute(target) || (!inside(await realpath(root), leads) && !inside(root, leads))) {
      throw new CopyError(`${relative(root, path)} is a link to ${target}, outside the source`);
    }
  }
}

function inside(root: string, path: string): boolean {
  return path === root || path.startsWith(root + sep);
}

/** Digest of names, contents, executable bits and links of everything in the folder; the same copy, the same digest. */
export async function digestTree(folder: string): Promise<string> {
  const hash = createHash("sha256");
  const add = async (below: string): Promise<void> => {
    const entries = await readdir(join(folder, below), { withFileTypes: true });
    for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = join(below, entry.name);
      if (entry.isDirectory()) await add(path);
      else hash.update(`${JSON.stringify([path, await digestEntry(join(folder, path))])}\n`);
    }
  };
  await add("");
  return hash.digest("hex");
}

async function digestEntry(path: string): Promise<string> {
  const stats = await lstat(path);
  if (stats.isSymbolicLink()) return `link ${await readlink(path)}`;
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return `${stats.mode & 0o111 ? "program" : "file"} ${hash.digest("hex")}`;
}
