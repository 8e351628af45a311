import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * Checks what a user gets: packs `dist`, lets publint and attw judge the archive, installs it into an empty folder,
 * compiles a program that imports it, runs that program, and runs the installed command line under plain node.
 */

const ROOT = join(import.meta.dirname, "..");
const TOOLS = join(ROOT, "node_modules/.bin");

/** Nothing of these may be loaded to print the version: each costs more than printing it. */
const NOT_FOR_VERSION = [
  /\/chunks\/(zod|yaml|undici)-/,
  /^(sqlite|http|https|internal\/deps\/undici\/undici)$/,
];

/** Writes every module that a program loaded to the file named in TEAL_LOADED, one a line. */
const REPORT_LOADED = `
import { registerHooks } from "node:module";
import { writeFileSync } from "node:fs";
const before = new Set(process.moduleLoadList);
const files = [];
registerHooks({ load(url, context, next) { files.push(url); return next(url, context); } });
process.on("exit", () => {
  const natives = process.moduleLoadList.filter((name) => !before.has(name)).map((name) => name.replace(/^NativeModule /, ""));
  writeFileSync(process.env.TEAL_LOADED, [...files, ...natives].join("\\n"));
});
`;

/** A program as a user would write it: names of the library, as values and as types. */
const CONSUMER = `
import { allTo, otherSlot, type Plan, type Slot, type TrafficRouter } from "teal-deploy";
const slot: Slot = otherSlot("blue");
export type Uses = [Plan, TrafficRouter];
console.log(slot, allTo(slot).green);
`;

function run(
  command: string,
  args: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv = process.env,
): string {
  return execFileSync(command, args, {
    cwd,
    env,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
    timeout: 300_000,
  });
}

function expectEqual(what: string, actual: string, expected: string): void {
  if (actual.trim() !== expected) throw new Error(`${what}: expected "${expected}", got "${actual.trim()}"`);
  console.log(`${what}: ${expected}`);
}

/** Packs the built package into `folder` and returns the archive's path. */
function pack(folder: string): string {
  run("npm", ["pack", "--ignore-scripts", "--silent", "--pack-destination", folder], ROOT);
  const archive = readdirSync(folder).find((name) => name.endsWith(".tgz"));
  if (archive === undefined) throw new Error(`npm pack left no archive in ${folder}`);
  return join(folder, archive);
}

function judge(archive: string): void {
  console.log(run(join(TOOLS, "publint"), ["--strict", archive], ROOT).trim());
  console.log(run(join(TOOLS, "attw"), ["--profile", "esm-only", "--no-emoji", archive], ROOT).trim());
}

function install(archive: string, consumer: string): void {
  mkdirSync(consumer);
  writeFileSync(
    join(consumer, "package.json"),
    JSON.stringify({ name: "consumer", private: true, type: "module" }),
  );
  run("npm", ["install", "--prefer-offline", "--no-audit", "--no-fund", "--silent", archive], consumer);
}

function importFrom(consumer: string): void {
  writeFileSync(join(consumer, "main.ts"), CONSUMER);
  const strict = [
    "--strict",
    "--skipLibCheck",
    "false",
    "--module",
    "nodenext",
    "--target",
    "es2024",
    "--types",
    "",
  ];
  run(join(TOOLS, "tsc"), [...strict, "--ignoreConfig", "main.ts"], consumer);
  expectEqual('import { ... } from "teal-deploy"', run(process.execPath, ["main.js"], consumer), "green 100");
}

function runInstalled(consumer: string): void {
  const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { version: string };
  const hook = join(consumer, "loaded.mjs");
  const loaded = join(consumer, "loaded.txt");
  writeFileSync(hook, REPORT_LOADED);
  const bin = join(consumer, "node_modules/teal-deploy/dist/bin/teal.js");
  expectEqual("teal --version", run(process.execPath, [bin, "--version"], consumer), version);
  run(process.execPath, ["--import", hook, bin, "--version"], consumer, {
    ...process.env,
    TEAL_LOADED: loaded,
  });
  const heavy = readFileSync(loaded, "utf8")
    .split("\n")
    .filter((name) => NOT_FOR_VERSION.some((rule) => rule.test(name)));
  if (heavy.length > 0) throw new Error(`teal --version loads what it does not need:\n${heavy.join("\n")}`);
  console.log("teal --version: no heavy module loaded");
}

const folder = mkdtempSync(join(tmpdir(), "teal-package-"));
try {
  const archive = pack(folder);
  judge(archive);
  const consumer = join(folder, "consumer");
  install(archive, consumer);
  importFrom(consumer);
  runInstalled(consumer);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
