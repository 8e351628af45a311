import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { EXIT, type ExitCode } from "../exit.ts";
import { outOf } from "../session.ts";
import type { Invocation } from "../spec.ts";

/** The demo is a program beside the source, not a part of the package. */
export async function run(invocation: Invocation): Promise<ExitCode> {
  const file = join(packageRoot(), "examples", "demo.ts");
  if (existsSync(file)) {
    const { runDemo } = (await import(pathToFileURL(file).href)) as { runDemo: () => Promise<number> };
    return (await runDemo()) as ExitCode;
  }
  const out = outOf(invocation);
  const cause = { code: "TEAL-X010", message: "the demo comes with the source, not with the package" };
  out.problem(cause, { exit: EXIT.refused, next: "in a clone of the repository: npm ci && npm run demo" });
  return out.result({ command: "demo", exit: EXIT.refused, is: "refused", cause });
}

/** The nearest folder above this file that is this package. */
function packageRoot(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const file = join(folder, "package.json");
    if (
      existsSync(file) &&
      (JSON.parse(readFileSync(file, "utf8")) as { name?: string }).name === "teal-deploy"
    )
      return folder;
    if (dirname(folder) === folder) return folder;
  }
}
