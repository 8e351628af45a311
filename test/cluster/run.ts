import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { conformanceTests, controlPlane, gatewayCrds } from "./build.ts";

/**
 * `run.ts test <arguments of vitest>` runs the suite that needs a Kubernetes control plane; `run.ts shell [command...]`
 * starts a cluster to play with; `run.ts bench [arguments...]` measures on one. Each runs in namespaces of its own
 * (network, processes, mounts), as root or as anybody: addresses collide with nothing, and whatever was started ends
 * with the namespace.
 */

const TOOLS = ["go", "unshare", "nsenter", "mount", "ip", "nft", "openssl"];
const INSIDE = join(import.meta.dirname, "inside.ts");

const [what, ...words] = process.argv.slice(2);
if (what !== "test" && what !== "shell" && what !== "bench") {
  console.error("usage: run.ts test|shell|bench [arguments...]");
  process.exit(2);
}

const asRoot = process.getuid?.() === 0;
const namespaces = [
  ...(asRoot ? [] : ["--map-root-user"]),
  "--net",
  "--pid",
  "--fork",
  "--kill-child",
  "--mount",
  "--mount-proc",
];

const hindrance = whatIsMissing();
if (hindrance !== undefined) {
  console.error(`!!! SKIPPED, no test cluster on this machine: ${hindrance}`);
  if (process.env["CI"] === "true") console.error("!!! With CI=true every suite must run.");
  process.exit(process.env["CI"] === "true" ? 1 : 0);
}

const programs = await controlPlane();
const crds = await gatewayCrds();
const conformance = what === "test" ? await conformanceTests() : "";
const folder = mkdtempSync(join(tmpdir(), "teal-cluster-"));
const programOf = { test: vitest, shell, bench };
process.exit(await inside(programOf[what](words)).finally(tidy));

function whatIsMissing(): string | undefined {
  if (process.platform !== "linux") return "it needs network namespaces, which only Linux has";
  const missing = TOOLS.filter((tool) => spawnSync("which", [tool]).status !== 0);
  if (missing.length > 0) return `not installed: ${missing.join(", ")}`;
  const tried = spawnSync("unshare", [...namespaces, "ip", "link", "set", "lo", "up"], { encoding: "utf8" });
  return tried.status === 0 ? undefined : `namespaces are refused (${tried.stderr.trim()})`;
}

function vitest(args: readonly string[]): readonly string[] {
  const program = join(import.meta.dirname, "../../node_modules/vitest/vitest.mjs");
  return [process.execPath, program, "run", "--project", "kubernetes", ...args];
}

function shell(command: readonly string[]): readonly string[] {
  return [process.execPath, join(import.meta.dirname, "shell.ts"), ...command];
}

function bench(args: readonly string[]): readonly string[] {
  return [process.execPath, join(import.meta.dirname, "../../bench/kubernetes/run.ts"), ...args];
}

/** Runs a command inside, and answers with its exit status. */
function inside(command: readonly string[]): Promise<number> {
  const child = spawn("unshare", [...namespaces, process.execPath, INSIDE, ...command], {
    // The last is a pipe that nobody writes to: when this process ends, however it does, the inside sees its end.
    stdio: ["inherit", "inherit", "inherit", "pipe"],
    env: {
      ...process.env,
      TMPDIR: folder,
      TEAL_TEST_CLUSTER: folder,
      TEAL_TEST_PROGRAMS: programs,
      TEAL_TEST_GATEWAY_CRDS: crds,
      TEAL_TEST_CONFORMANCE: conformance,
    },
  });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      process.exitCode = 128 + constants.signals[signal];
      child.stdio[3]?.destroy();
    });
  }
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (status) => resolve(Number(process.exitCode ?? status ?? 1)));
  });
}

/** Everything inside had its temporary files in the folder. Only the logs of a cluster that did not start are kept. */
function tidy(): void {
  if (!existsSync(join(folder, "keep"))) rmSync(folder, { recursive: true, force: true });
}
