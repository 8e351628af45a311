import { existsSync } from "node:fs";
import { lstat, mkdtemp, readdir, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative, sep } from "node:path";
import { run } from "./run.ts";

/** Where a release is copied from. */
export type Source =
  | {
      readonly is: "commit";
      readonly folder: string;
      /** Top folder of the work tree: from any other place git would take that place's part of the tree only. */
      readonly repository: string;
      /** What `git archive` takes: the commit's tree of exactly this folder. */
      readonly tree: string;
      readonly commit: string;
      readonly bytes: number;
      /** There are changes in the folder that the commit does not have. */
      readonly dirty: boolean;
    }
  | {
      readonly is: "files";
      readonly folder: string;
      readonly files: readonly string[];
      readonly bytes: number;
      readonly note?: string;
    };

export type Found =
  | Source
  | { readonly is: "refused"; readonly code: string; readonly message: string; readonly next: string };

/**
 * What of the folder becomes the release: the named commit (HEAD without a name) where the folder lies in a git work
 * tree, else its files without what `.gitignore` names.
 * @param skip absolute path that is never part of it: the state directory, which may lie inside.
 */
export async function findSource(
  folder: string,
  name: string | undefined,
  skip: string,
  signal: AbortSignal,
): Promise<Found> {
  const stats = await lstat(await realpath(folder).catch(() => folder)).catch(() => undefined);
  if (stats?.isDirectory() !== true) {
    return {
      is: "refused",
      code: "TEAL-L101",
      message: `${folder} is not a folder`,
      next: "Set `source` to the folder of the service.",
    };
  }
  const git = (...args: string[]) => run("git", ["-C", folder, ...args], { cwd: folder, signal });
  const inside = await git("rev-parse", "--is-inside-work-tree");
  if (inside.error?.code === "ENOENT")
    return isInRepository(folder) ? withoutGit(folder) : walked(folder, skip);
  if (inside.exit !== 0 || inside.output.trim() !== "true") return listedOutsideGit(folder, skip, signal);
  // A folder that its repository does not know (an example inside a bigger one, ignored output) is just a folder.
  const known = (await git("ls-tree", "--name-only", "HEAD", ".")).output.trim() !== "";
  if (!known && name === undefined) return listed(folder, [], skip, signal);
  const commit = await git(
    "rev-parse",
    "--verify",
    "--quiet",
    "--end-of-options",
    `${name ?? "HEAD"}^{commit}`,
  );
  const found = commit.exit === 0 ? await committed(folder, commit.output.trim(), name, git) : undefined;
  if (found !== undefined && (known || found.is !== "refused")) return found;
  if (!known) return listed(folder, [], skip, signal);
  return {
    is: "refused",
    code: "TEAL-L102",
    message: `${name} is no commit, tag or branch of the repository at ${folder}`,
    next: "Name a commit, or leave the name out to deploy HEAD.",
  };
}

/** Without git nobody can tell what of the folder is committed, so the folder is not taken in a commit's place. */
function withoutGit(folder: string): Found {
  return {
    is: "refused",
    code: "TEAL-L110",
    message: `${folder} lies in a git repository, and there is no git to read its commits with`,
    next: "Install git, or make sure that PATH leads to it.",
  };
}

function isInRepository(folder: string): boolean {
  const above = dirname(folder);
  return existsSync(join(folder, ".git")) || (above !== folder && isInRepository(above));
}

type Git = (...args: string[]) => ReturnType<typeof run>;

async function committed(folder: string, commit: string, name: string | undefined, git: Git): Promise<Found> {
  const prefix = (await git("rev-parse", "--show-prefix")).output.trim().replace(/\/$/, "");
  const tree = await git("rev-parse", "--verify", "--quiet", "--end-of-options", `${commit}:${prefix}`);
  if (tree.exit !== 0) {
    return {
      is: "refused",
      code: "TEAL-L103",
      message: `commit ${commit.slice(0, 12)} has no folder ${prefix}`,
      next: "Name a commit that has it, or set `source` to a folder of that commit.",
    };
  }
  const sizes = (await git("ls-tree", "-r", "-l", tree.output.trim())).output.split("\n");
  const bytes = sizes.reduce((sum, line) => sum + (Number(line.split(/\s+/)[3]) || 0), 0);
  const dirty = name === undefined && (await git("status", "--porcelain", "--", ".")).output.trim() !== "";
  const repository = (await git("rev-parse", "--show-toplevel")).output.replace(/\n$/, "");
  return { is: "commit", folder, repository, tree: tree.output.trim(), commit, bytes, dirty };
}

/** Files that git would show or add here, by an empty repository of our own that only lends its ignore rules. */
async function listedOutsideGit(folder: string, skip: string, signal: AbortSignal): Promise<Found> {
  const empty = await mkdtemp(join(tmpdir(), "teal-git-"));
  try {
    await run("git", ["init", "--quiet", "--bare", empty], { cwd: empty, signal });
    return await listed(folder, [`--git-dir=${empty}`, `--work-tree=${folder}`], skip, signal);
  } finally {
    await rm(empty, { recursive: true, force: true });
  }
}

async function listed(
  folder: string,
  repository: readonly string[],
  skip: string,
  signal: AbortSignal,
): Promise<Found> {
  const args = [...repository, "-C", folder, "ls-files", "--cached", "--others", "--exclude-standard", "-z"];
  const { exit, output } = await run("git", args, { cwd: folder, signal });
  if (exit !== 0) return walked(folder, skip);
  const files = await Promise.all(
    // An entry with a slash at its end is a repository inside this one.
    output
      .split("\0")
      .map(async (path) =>
        path.endsWith("/") ? walk(folder, path.slice(0, -1)) : path === "" ? [] : [path],
      ),
  );
  return counted(folder, files.flat(), skip);
}

async function walked(folder: string, skip: string): Promise<Source> {
  const source = await counted(folder, await walk(folder, ""), skip);
  return { ...source, note: "git is not installed: .gitignore was not read" };
}

/** Every file below, without `.git` and `node_modules`. */
async function walk(folder: string, below: string): Promise<string[]> {
  const entries = await readdir(join(folder, below), { withFileTypes: true });
  const found = await Promise.all(
    entries.map(async (entry) => {
      const path = join(below, entry.name);
      if (!entry.isDirectory()) return [path];
      return entry.name === ".git" || entry.name === "node_modules" ? [] : walk(folder, path);
    }),
  );
  return found.flat();
}

async function counted(
  folder: string,
  paths: readonly string[],
  skip: string,
): Promise<Source & { is: "files" }> {
  const skipped = relative(await realpath(folder), await realpath(skip).catch(() => skip));
  const files: string[] = [];
  let bytes = 0;
  for (const path of [...new Set(paths)].toSorted()) {
    if (path === skipped || path.startsWith(skipped + sep)) continue;
    const stats = await lstat(join(folder, path)).catch(() => undefined); // deleted, yet known to git
    if (stats === undefined || !(stats.isFile() || stats.isSymbolicLink())) continue;
    files.push(path);
    bytes += stats.size;
  }
  return { is: "files", folder, files, bytes };
}
