import { spawn } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { MAJORS, postgresPrograms, whatPostgresLacks, type Major } from "./programs.ts";

/**
 * `run.ts <arguments of vitest>` runs the suite that needs servers of PostgreSQL, whose programs are downloaded into a
 * cache outside the tree. TEAL_TEST_POSTGRES says of which major versions: `12,18`; by default an early one and the last.
 */

const majors = wanted(process.env["TEAL_TEST_POSTGRES"] ?? "14,18");

const lacking = whatPostgresLacks() ?? (await whatCannotBeFetched());
if (lacking !== undefined) {
  console.error(`!!! SKIPPED, no servers of PostgreSQL on this machine: ${lacking}`);
  if (process.env["CI"] === "true") console.error("!!! With CI=true every suite must run.");
  process.exit(process.env["CI"] === "true" ? 1 : 0);
}

// A server ends by itself when its folder is gone, however this process ends.
const folder = mkdtempSync(join(tmpdir(), "teal-pg-"));
// Run by root, a server is another user, who has to get into the folder in it that is its own.
chmodSync(folder, 0o711);
const program = join(import.meta.dirname, "../../node_modules/vitest/vitest.mjs");
const args = [program, "run", "--project", "migrations", ...process.argv.slice(2)];
const child = spawn(process.execPath, args, {
  stdio: "inherit",
  env: { ...process.env, TMPDIR: folder, TEAL_TEST_POSTGRES: majors.join(",") },
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    process.exitCode = 128 + constants.signals[signal];
    child.kill(signal);
  });
}
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
child.once("error", (error) => {
  throw error;
});
child.once("exit", (status) => process.exit(process.exitCode ?? status ?? 1));

function wanted(list: string): readonly Major[] {
  return list.split(",").map((word) => {
    const major = MAJORS.find((each) => String(each) === word.trim());
    if (major !== undefined) return major;
    console.error(`TEAL_TEST_POSTGRES: no version "${word}"; there are ${MAJORS.join(", ")}`);
    process.exit(2);
  });
}

async function whatCannotBeFetched(): Promise<string | undefined> {
  try {
    for (const major of majors) await postgresPrograms(major, console.error);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}
