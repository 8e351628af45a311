import { spawn } from "node:child_process";
import { constants } from "node:os";
import { join } from "node:path";
import { python, whatPythonLacks } from "./python.ts";

/**
 * `run.ts <arguments of vitest>` runs the suite that needs moto and botocore, which are installed into a cache outside
 * the tree; nothing else on the machine changes.
 */

const lacking = whatPythonLacks();
if (lacking !== undefined) {
  console.error(`!!! SKIPPED, no moto and botocore on this machine: ${lacking}`);
  if (process.env["CI"] === "true") console.error("!!! With CI=true every suite must run.");
  process.exit(process.env["CI"] === "true" ? 1 : 0);
}

const program = join(import.meta.dirname, "../../node_modules/vitest/vitest.mjs");
const args = [program, "run", "--project", "aws", ...process.argv.slice(2)];
const child = spawn(process.execPath, args, {
  stdio: "inherit",
  env: { ...process.env, TEAL_TEST_AWS: await python(console.error) },
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    process.exitCode = 128 + constants.signals[signal];
    child.kill(signal);
  });
}
child.once("error", (error) => {
  throw error;
});
child.once("exit", (status) => process.exit(process.exitCode ?? status ?? 1));
