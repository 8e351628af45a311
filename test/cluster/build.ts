import { execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

const SOURCE = join(import.meta.dirname, "control-plane");
const SOURCE_FILES = ["go.mod", "go.sum", "main.go"];
/** The binary looks at the name it is called by. */
const PROGRAMS = [
  "etcd",
  "kube-apiserver",
  "kube-controller-manager",
  "kube-scheduler",
  "kube-proxy",
  "kubectl",
] as const;
const GATEWAY_API = "sigs.k8s.io/gateway-api@v1.6.3";
/** Ten minutes on two cores with nothing cached; a slow machine may take several times that. */
const BUILD_MS = 45 * 60_000;
const TELL_EVERY_MS = 20_000;

export type Program = (typeof PROGRAMS)[number];

/**
 * The folder with the programs of the control plane, built before if these sources never were: outside the tree, by a
 * hash of the sources, so that every checkout of the same sources uses the same build.
 */
export async function controlPlane(tell: (line: string) => void = console.error): Promise<string> {
  const cache = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "teal-test");
  const folder = join(cache, `control-plane-${await sourceHash()}`);
  if (existsSync(folder)) return folder;
  await mkdir(cache, { recursive: true });
  const release = await lock(join(cache, "build.lock"), tell);
  try {
    if (!existsSync(folder)) await build(folder, tell);
  } finally {
    await release();
  }
  return folder;
}

/** The folder with the definitions of the Gateway API's standard channel, from its Go module. */
export async function gatewayCrds(): Promise<string> {
  const args = ["mod", "download", "-json", GATEWAY_API];
  const env = { ...process.env, GOTOOLCHAIN: "local" };
  const { stdout } = await promisify(execFile)("go", args, { cwd: SOURCE, env, timeout: 300_000 });
  return join((JSON.parse(stdout) as { Dir: string }).Dir, "config/crd/standard");
}

async function sourceHash(): Promise<string> {
  const hash = createHash("sha256");
  for (const name of SOURCE_FILES) hash.update(await readFile(join(SOURCE, name))).update("\0");
  return hash.digest("hex").slice(0, 16);
}

/** Builds beside the folder and renames: a folder that is there is complete. */
async function build(folder: string, tell: (line: string) => void): Promise<void> {
  const unfinished = `${folder}.${process.pid}`;
  await mkdir(unfinished);
  try {
    const began = performance.now();
    tell(`building the Kubernetes control plane into ${folder}: about ten minutes, once`);
    const telling = setInterval(
      () => tell(`  still building, ${Math.round((performance.now() - began) / 1000)} s`),
      TELL_EVERY_MS,
    );
    await goBuild(join(unfinished, "control-plane")).finally(() => clearInterval(telling));
    for (const name of PROGRAMS) await symlink("control-plane", join(unfinished, name));
    await rename(unfinished, folder);
    tell(`built in ${Math.round((performance.now() - began) / 1000)} s`);
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}

async function goBuild(output: string): Promise<void> {
  const args = ["build", "-trimpath", "-buildvcs=false", "-ldflags", await linkerFlags(), "-o", output, "."];
  const child = spawn("go", args, {
    cwd: SOURCE,
    env: { ...process.env, GOTOOLCHAIN: "local", GOFLAGS: "-mod=readonly", GOWORK: "off" },
    stdio: ["ignore", "inherit", "inherit"],
    timeout: BUILD_MS,
  });
  const code = await new Promise<number | string>((resolve, reject) => {
    child.once("error", (error: NodeJS.ErrnoException) => {
      const missing = error.code === "ENOENT";
      reject(missing ? new Error("go is not installed: it builds the Kubernetes control plane") : error);
    });
    child.once("exit", (status, signal) => resolve(status ?? signal ?? "no status"));
  });
  if (code !== 0) throw new Error(`go build in ${SOURCE} ended with ${code}; what it says stands above`);
}

/** Without a stamp the programs call themselves v0.0.0, and kubectl warns of the difference. */
async function linkerFlags(): Promise<string> {
  const required = await readFile(join(SOURCE, "go.mod"), "utf8");
  const [, version, major, minor] = /k8s\.io\/kubernetes (v(\d+)\.(\d+)\.\d+)/.exec(required) ?? [];
  if (version === undefined) throw new Error(`${SOURCE}/go.mod names no version of k8s.io/kubernetes`);
  const stamp = { gitVersion: version, gitMajor: major, gitMinor: minor, gitTreeState: "clean" };
  const stamped = ["k8s.io/component-base/version", "k8s.io/client-go/pkg/version"].flatMap((where) =>
    Object.entries(stamp).map(([name, value]) => `-X ${where}.${name}=${value}`),
  );
  return ["-s", "-w", ...stamped].join(" ");
}

/** One build at a time on a machine. A lock whose holder is gone is taken over. */
async function lock(path: string, tell: (line: string) => void): Promise<() => Promise<void>> {
  const deadline = performance.now() + BUILD_MS;
  for (let told = false; ; told = true) {
    try {
      await writeFile(path, String(process.pid), { flag: "wx" });
      return () => rm(path, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    const holder = Number(await readFile(path, "utf8").catch(() => ""));
    if (holder > 0 && !isRunning(holder)) await rm(path, { force: true });
    else if (!told) tell(`another process (${holder}) builds the control plane; waiting for it`);
    if (performance.now() > deadline) throw new Error(`${path} was held too long, by process ${holder}`);
    await sleep(500);
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
