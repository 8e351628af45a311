import { execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

/** The binary looks at the name it is called by. */
const PROGRAMS = [
  "etcd",
  "kube-apiserver",
  "kube-controller-manager",
  "kube-scheduler",
  "kube-proxy",
  "kubectl",
];
const GATEWAY_API = "sigs.k8s.io/gateway-api@v1.6.3";
/** Ten minutes on two cores with nothing cached; a slow machine may take several times that. */
const BUILD_MS = 45 * 60_000;
const TELL_EVERY_MS = 20_000;

/** Something that Go builds from a folder of this one. */
interface Product {
  /** Folder and name of the program. */
  readonly name: string;
  readonly files: readonly string[];
  /** For people who wait. */
  readonly what: string;
  /** Arguments of go. */
  readonly build: (output: string) => Promise<readonly string[]> | readonly string[];
  /** Other names it is called by. */
  readonly links: readonly string[];
}

const CONTROL_PLANE: Product = {
  name: "control-plane",
  files: ["go.mod", "go.sum", "main.go"],
  what: "the Kubernetes control plane: about ten minutes, once",
  build: async (output) => {
    const flags = ["-trimpath", "-buildvcs=false", "-ldflags", await linkerFlags()];
    return ["build", ...flags, "-o", output, "."];
  },
  links: PROGRAMS,
};

const CONFORMANCE: Product = {
  name: "conformance",
  files: ["go.mod", "go.sum", "conformance_test.go"],
  what: "the conformance tests of the Gateway API: a minute or two, once",
  build: (output) => ["test", "-c", "-trimpath", "-ldflags", "-s -w", "-o", output, "."],
  links: [],
};

/** The folder with the programs of the control plane. */
export function controlPlane(): Promise<string> {
  return built(CONTROL_PLANE, console.error);
}

/** The program that runs the official conformance tests of the Gateway API. */
export async function conformanceTests(): Promise<string> {
  return join(await built(CONFORMANCE, console.error), CONFORMANCE.name);
}

/**
 * The folder with a product, built before if these sources never were: outside the tree, by a hash of the sources, so
 * that every checkout of the same sources uses the same build.
 */
async function built(product: Product, tell: (line: string) => void): Promise<string> {
  const cache = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "teal-test");
  const folder = join(cache, `${product.name}-${await sourceHash(product)}`);
  if (existsSync(folder)) return folder;
  await mkdir(cache, { recursive: true });
  const release = await lock(join(cache, "build.lock"), tell);
  try {
    if (!existsSync(folder)) await build(product, folder, tell);
  } finally {
    await release();
  }
  return folder;
}

/** The folder with the definitions of the Gateway API's standard channel, from its Go module. */
export async function gatewayCrds(): Promise<string> {
  const args = ["mod", "download", "-json", GATEWAY_API];
  const env = { ...process.env, GOTOOLCHAIN: "local" };
  const { stdout } = await promisify(execFile)("go", args, {
    cwd: sourceOf(CONTROL_PLANE),
    env,
    timeout: 300_000,
  });
  return join((JSON.parse(stdout) as { Dir: string }).Dir, "config/crd/standard");
}

function sourceOf({ name }: Product): string {
  return join(import.meta.dirname, name);
}

async function sourceHash(product: Product): Promise<string> {
  const hash = createHash("sha256");
  for (const name of product.files) {
    hash.update(await readFile(join(sourceOf(product), name))).update("\0");
  }
  return hash.digest("hex").slice(0, 16);
}

/** Builds beside the folder and renames: a folder that is there is complete. */
async function build(product: Product, folder: string, tell: (line: string) => void): Promise<void> {
  const unfinished = `${folder}.unfinished`;
  // Of a build that was killed: nobody else builds while we hold the lock.
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished);
  try {
    const began = performance.now();
    tell(`building into ${folder} ${product.what}`);
    const telling = setInterval(
      () => tell(`  still building, ${Math.round((performance.now() - began) / 1000)} s`),
      TELL_EVERY_MS,
    );
    await goBuild(product, join(unfinished, product.name)).finally(() => clearInterval(telling));
    for (const name of product.links) await symlink(product.name, join(unfinished, name));
    await rename(unfinished, folder);
    tell(`built in ${Math.round((performance.now() - began) / 1000)} s`);
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}

async function goBuild(product: Product, output: string): Promise<void> {
  const child = spawn("go", await product.build(output), {
    cwd: sourceOf(product),
    env: { ...process.env, GOTOOLCHAIN: "local", GOFLAGS: "-mod=readonly", GOWORK: "off" },
    stdio: ["ignore", "inherit", "inherit"],
    timeout: BUILD_MS,
  });
  const code = await new Promise<number | string>((resolve, reject) => {
    child.once("error", (error: NodeJS.ErrnoException) => {
      const missing = error.code === "ENOENT";
      reject(missing ? new Error(`go is not installed: it builds ${product.what}`) : error);
    });
    child.once("exit", (status, signal) => resolve(status ?? signal ?? "no status"));
  });
  if (code !== 0) {
    throw new Error(`go in ${sourceOf(product)} ended with ${code}; what it says stands above`);
  }
}

/** Without a stamp the programs call themselves v0.0.0, and kubectl warns of the difference. */
async function linkerFlags(): Promise<string> {
  const source = sourceOf(CONTROL_PLANE);
  const required = await readFile(join(source, "go.mod"), "utf8");
  const [, version, major, minor] = /k8s\.io\/kubernetes (v(\d+)\.(\d+)\.\d+)/.exec(required) ?? [];
  if (version === undefined) throw new Error(`${source}/go.mod names no version of k8s.io/kubernetes`);
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
    else if (!told) tell(`another process (${holder}) builds something; waiting for it`);
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
