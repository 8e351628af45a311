import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { cached } from "../cached.ts";

const REQUIREMENTS = join(import.meta.dirname, "requirements.txt");
/** 45 s on two cores; a slow line may take several times that for its 70 MB. */
const INSTALL_MS = 15 * 60_000;

/** Why there can be no Python with moto and botocore here; undefined when there can. */
export function whatPythonLacks(): string | undefined {
  if (spawnSync("python3", ["--version"]).status !== 0) return "not installed: python3";
  if (ask("import sys; sys.exit(sys.version_info < (3, 10))").status !== 0)
    return "python3 is older than 3.10";
  if (ask("import ensurepip, venv").status !== 0) return "not installed: python3-venv";
  return undefined;
}

/** A Python of its own in which moto and botocore are installed: the versions in requirements.txt, and nothing else. */
export async function python(tell: (line: string) => void): Promise<string> {
  const version = String(ask("import platform; print(platform.python_version())").stdout).trim();
  const hash = createHash("sha256")
    .update(await readFile(REQUIREMENTS))
    .update(version)
    .digest("hex");
  const what = "moto and botocore: about a minute, once";
  const name = `moto-${hash.slice(0, 16)}`;
  const folder = await cached({ name, what, make: install, within: INSTALL_MS }, tell);
  return programOf(folder);
}

async function install(folder: string): Promise<void> {
  await run("python3", ["-m", "venv", folder]);
  const quiet = ["--quiet", "--disable-pip-version-check", "--no-input"];
  await run(programOf(folder), ["-m", "pip", "install", ...quiet, "-r", REQUIREMENTS]);
}

function ask(script: string) {
  return spawnSync("python3", ["-c", script], { encoding: "utf8" });
}

function programOf(folder: string): string {
  return join(folder, "bin/python");
}

async function run(program: string, args: readonly string[]): Promise<void> {
  const child = spawn(program, args, { stdio: ["ignore", "inherit", "inherit"], timeout: INSTALL_MS });
  const code = await new Promise<number | string>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (status, signal) => resolve(status ?? signal ?? "no status"));
  });
  if (code !== 0)
    throw new Error(`${program} ${args.join(" ")} ended with ${code}; what it says stands above`);
}
