import { spawn } from "node:child_process";
import { existsSync, rmSync } from "node:fs";
import { Socket } from "node:net";
import { join } from "node:path";

/**
 * The first process of the namespaces that run.ts makes: runs a command and ends with its exit status, and everything
 * else in the namespaces ends with it. Descriptor 3 is a pipe whose other end run.ts holds.
 */

const [program, ...args] = process.argv.slice(2);
if (process.pid !== 1 || program === undefined) throw new Error("inside.ts is started by run.ts only");

new Socket({ fd: 3 }).resume().once("close", () => {
  // Our parent is gone, so nobody else tidies up.
  killOthers();
  const folder = process.env["TEAL_TEST_CLUSTER"];
  if (folder !== undefined && !existsSync(join(folder, "keep"))) {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
  process.exit(1);
});

const child = spawn(program, args, { stdio: "inherit" });
child.once("error", (error) => {
  console.error(`${program}: ${error.message}`);
  process.exit(1);
});
child.once("exit", (status) => {
  killOthers();
  process.exit(status ?? 1);
});

/** From the first process of a namespace, -1 is every other process of it and none outside. */
function killOthers(): void {
  try {
    process.kill(-1, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
