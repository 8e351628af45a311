import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * Completes `package-lock.json` after an installation: packages made for another platform that the registry in use did
 * not serve are left out of the lock file by npm, which then refuses its own file in `npm ci`
 * (https://github.com/npm/cli/issues/9846). Everything an entry needs is known without asking for them: the version
 * stands in the package that wants it, the platform in the name. Only the integrity cannot be told.
 */

const LOCK = join(import.meta.dirname, "../package-lock.json");

const OS = [
  "aix",
  "android",
  "darwin",
  "freebsd",
  "linux",
  "netbsd",
  "openbsd",
  "openharmony",
  "sunos",
  "win32",
];
const CPU = ["arm", "arm64", "ia32", "loong64", "mips64el", "ppc64", "riscv64", "s390x", "wasm32", "x64"];
const LIBC: Readonly<Record<string, string>> = {
  gnu: "glibc",
  gnueabihf: "glibc",
  musl: "musl",
  musleabihf: "musl",
};

interface Entry {
  version?: string;
  dev?: boolean;
  optional?: boolean;
  os?: string[];
  cpu?: string[];
  libc?: string[];
  optionalDependencies?: Record<string, string>;
}

export interface Lock {
  packages: Record<string, Entry>;
}

/** Where `name` would lie for a package at `parent`: inside it, then beside it, and so on up to the top. */
function places(parent: string, name: string): readonly string[] {
  const all = [];
  for (let at = parent; at !== ""; at = at.slice(0, Math.max(0, at.lastIndexOf("node_modules/") - 1))) {
    all.push(`${at}/node_modules/${name}`);
  }
  return [...all, `node_modules/${name}`];
}

function entryFor(name: string, version: string, dev: boolean): Entry {
  const words = name.split(/[^a-z0-9]+/);
  const one = (known: readonly string[]) => words.filter((word) => known.includes(word)).slice(-1);
  const [os, cpu] = [one(OS), one(CPU)];
  if (cpu.length === 0)
    throw new Error(`package-lock.json lacks ${name}@${version}, whose name tells no platform`);
  const libc = os[0] === "linux" ? words.flatMap((word) => LIBC[word] ?? []) : [];
  return {
    version,
    cpu,
    ...(dev ? { dev } : {}),
    ...(libc.length > 0 ? { libc } : {}),
    optional: true,
    ...(os.length > 0 ? { os } : {}),
  };
}

/** The entries that are missing, by their places. Throws where a missing package is not one of another platform. */
export function missingEntries(lock: Lock): Readonly<Record<string, Entry>> {
  const all = { ...lock.packages };
  for (const [parent, { optionalDependencies = {}, dev = false }] of Object.entries(lock.packages)) {
    for (const [name, version] of Object.entries(optionalDependencies)) {
      const [inside = "", ...above] = places(parent, name);
      const [nearest] = [inside, ...above].filter((place) => all[place] !== undefined);
      const exact = /^\d/.test(version);
      if (nearest !== undefined && (!exact || all[nearest]?.version === version)) continue;
      const beside = above[0] ?? inside;
      all[all[beside] === undefined ? beside : inside] = entryFor(name, version, dev);
    }
  }
  return Object.fromEntries(Object.entries(all).filter(([place]) => lock.packages[place] === undefined));
}

if (import.meta.main) {
  const lock = JSON.parse(readFileSync(LOCK, "utf8")) as Lock;
  const missing = missingEntries(lock);
  const sorted = Object.entries({ ...lock.packages, ...missing }).toSorted(([a], [b]) =>
    a.localeCompare(b, "en"),
  );
  writeFileSync(LOCK, `${JSON.stringify({ ...lock, packages: Object.fromEntries(sorted) }, null, 2)}\n`);
  console.log(`package-lock.json: ${Object.keys(missing).length} packages of other platforms added`);
}
