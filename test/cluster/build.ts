import { execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { readFile, symlink } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { cached } from "../cached.ts";

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

async function built(product: Product, tell: (line: string) => void): Promise<string> {
  const name = `${product.name}-${await sourceHash(product)}`;
  return cached(
    { name, what: product.what, make: (folder) => build(product, folder), within: BUILD_MS },
    tell,
  );
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

async function build(product: Product, folder: string): Promise<void> {
  await goBuild(product, join(folder, product.name));
  for (const name of product.links) await symlink(product.name, join(folder, name));
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
