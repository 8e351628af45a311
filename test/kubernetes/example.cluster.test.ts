import { spawn } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, expect, test } from "vitest";
import { sharedCluster } from "../cluster/cluster.ts";
import { environmentFor } from "../cluster/commands.ts";
import { startGateway } from "../cluster/gateway/start.ts";
import { killAll } from "../e2e/processes.ts";

/* The commands of examples/kubernetes/README.md, run as they stand there; their output says the same. */

const EXAMPLE = join(import.meta.dirname, "../../examples/kubernetes");
const MOST_MS = 900_000;
const cluster = await sharedCluster();
const gateway = await startGateway(cluster);
const root = mkdtempSync(join(tmpdir(), "teal-example-"));

afterAll(async () => {
  await killAll(root);
  await cluster.kubectl("delete", "namespace", "shop", "shop-staging", "--ignore-not-found", "--wait=false");
  await gateway.stop();
  await cluster.stop();
  rmSync(root, { recursive: true, force: true });
});

interface Shown {
  readonly command: string;
  /** Exit status; `# ends with 4` behind the command says another one than 0. */
  readonly status: number;
  readonly lines: readonly string[];
}

/** The commands of the README's console blocks, each with what is shown under it. */
function shownIn(markdown: string): readonly Shown[] {
  const shown: (Omit<Shown, "lines"> & { readonly lines: string[] })[] = [];
  for (const [, block = ""] of markdown.matchAll(/^```console\n(.*?)^```/gmsu)) {
    for (const line of block.trimEnd().split("\n")) {
      const command = /^\$ (.*?)(?: +# ends with (\d))?$/u.exec(line);
      if (command === null) shown.at(-1)?.lines.push(line);
      else shown.push({ command: command[1] ?? "", status: Number(command[2] ?? 0), lines: [] });
    }
  }
  return shown;
}

interface Ran {
  readonly status: number;
  readonly output: string;
}

/** Runs all commands in one shell, so that what one sets the next one has. */
async function run(commands: readonly string[]): Promise<readonly Ran[]> {
  const mark = "--- next command ---";
  const script = commands.map((command) => `${command}\nprintf '\\n%s%s' "$?" '${mark}'\n`).join("");
  const shell = spawn("sh", ["-c", `exec 2>&1\n${script}`], {
    cwd: join(root, "kubernetes"),
    env: { ...environmentFor(cluster), NO_COLOR: "1" },
    stdio: ["ignore", "pipe", "inherit"],
    timeout: MOST_MS,
  });
  const parts = (await text(shell.stdout)).split(mark).slice(0, -1);
  return parts.map((part) => {
    const at = part.lastIndexOf("\n");
    return { status: Number(part.slice(at + 1)), output: part.slice(0, at) };
  });
}

/** What is the same in every run: no times, durations, digests, names that are drawn, columns, or people. */
function facts(line: string): string {
  return line
    .replace(/^\d\d:\d\d:\d\d /u, "")
    .replaceAll(/\d{4}-\d\d-\d\d /gu, "")
    .replaceAll(/\b\d\d:\d\d\b/gu, "<clock>")
    .replaceAll(/\b[\d.,]+ (?:ms|s|min)\b/gu, "<time>")
    .replaceAll(/\b[0-9a-f]{16}\b|(?<=plan )[0-9a-f]{12}\b/gu, "<digest>")
    .replaceAll(/(?<=shop-(?:blue|green)-)[a-z0-9]+-[a-z0-9]{5}\b/gu, "<pod>")
    .replaceAll(/(?<=by )\S+@\S+/gu, "<who>")
    .replaceAll(/(?<=generation )\d+/gu, "<n>")
    .replaceAll(/\s+/gu, " ")
    .trim();
}

/** The first line that is shown and not, in this order, in the output; `...` stands for anything. */
function missing(shown: readonly string[], output: string): string | undefined {
  const lines = output.split("\n").map(facts);
  let from = 0;
  for (const each of shown.filter((line) => line !== "...")) {
    const wanted = facts(each.replace(/\.\.\.$/u, ""));
    const same = (line: string) => (each.endsWith("...") ? line.startsWith(wanted) : line === wanted);
    const at = lines.findIndex((line, index) => index >= from && same(line));
    if (at < 0) return each;
    from = at + 1;
  }
  return undefined;
}

test(
  "every command of the example's README ends and says what the README shows",
  async () => {
    cpSync(EXAMPLE, join(root, "kubernetes"), { recursive: true });
    const shown = shownIn(readFileSync(join(EXAMPLE, "README.md"), "utf8"));
    expect(shown.filter(({ command }) => command.startsWith("teal ")).length).toBeGreaterThan(10);
    const ran = await run(shown.map(({ command }) => command));
    expect(ran).toHaveLength(shown.length);
    const wrong = shown.flatMap(({ command, status, lines }, index) => {
      const { status: actual, output } = ran[index]!;
      const line = missing(lines, output);
      if (actual === status && line === undefined) return [];
      const what = line === undefined ? `ended with ${actual}` : `does not say: ${line}`;
      return [`$ ${command}\n${what}\n${output}`];
    });
    expect(wrong.join("\n\n")).toBe("");
  },
  MOST_MS,
);
