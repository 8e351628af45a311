import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

/*
 * The lint rules are the walls between the layers. Each test plants a file in a tree that has nothing but our
 * configuration, and reads what oxlint says about that file.
 */

const ROOT = join(import.meta.dirname, "../..");
const OXLINT = join(ROOT, "node_modules/.bin/oxlint");

/** From the top down: each row may import only from the rows above it. Said here again, to be checked against the rules. */
const ROWS = [
  ["core"],
  ["ports"],
  ["engine"],
  ["health", "analysis"],
  ["migrations"],
  ["targets"],
  ["state"],
  ["notify"],
  ["config"],
  ["api"],
  ["cli", "server"],
];
const LAYERS = ROWS.flatMap((row, depth) => row.map((layer) => ({ layer, depth })));

interface Planted {
  readonly what: string;
  readonly file: string;
  readonly text: string;
  /** The rule that must refuse it; absent: nothing may be said. */
  readonly rule?: string;
}

const IMPORTS = "eslint(no-restricted-imports)";

/** Every pair of different layers, by turns as a static, a type-only, a re-exporting and a dynamic import. */
function layerPairs(): Planted[] {
  const forms = [
    (path: string) => `import { thing } from "${path}";\nexport const used = thing;\n`,
    (path: string) => `import type { Thing } from "${path}";\nexport type Used = Thing;\n`,
    (path: string) => `export { thing } from "${path}";\n`,
    (path: string) => `export const used = () => import("${path}");\n`,
  ];
  return LAYERS.flatMap((from) =>
    LAYERS.filter((to) => to.layer !== from.layer).map((to, turn) => {
      const form = forms[turn % forms.length] as (typeof forms)[number];
      const allowed = to.depth < from.depth;
      return {
        what: `src/${from.layer} ${allowed ? "may" : "may not"} import src/${to.layer}`,
        file: `src/${from.layer}/deep/to-${to.layer}.ts`,
        text: form(`../../${to.layer}/thing.ts`),
        ...(allowed ? {} : { rule: IMPORTS }),
      };
    }),
  );
}

function importing(what: string, file: string, path: string, rule?: string): Planted {
  const text = `import * as thing from "${path}";\nexport const used = thing;\n`;
  return { what, file, text, ...(rule === undefined ? {} : { rule }) };
}

const LOCAL = "src/targets/local";

const WALLS: readonly Planted[] = [
  importing("core and a Node module", "src/core/node.ts", "node:fs", IMPORTS),
  importing("core and a part of a Node module", "src/core/node-part.ts", "node:fs/promises", IMPORTS),
  importing("core and a Node module without its prefix", "src/core/bare-node.ts", "path", IMPORTS),
  importing("core and a package", "src/core/package.ts", "zod", IMPORTS),
  importing("core and core", "src/core/deep/own.ts", "../units.ts"),
  importing("a test in core is free", "src/core/free.test.ts", "node:fs"),
  importing("the source and the tests", "src/health/helper.ts", "../../test/helper.ts", IMPORTS),
  importing("the source and help for tests", "src/health/help.ts", "./testing.ts", IMPORTS),
  importing("help for tests in core is free", "src/core/testing.ts", "node:fs"),
  importing("the source and itself by name", "src/cli/self.ts", "teal-deploy", IMPORTS),
  importing("memory and local", "src/targets/memory/a.ts", "../local/rpc.ts", IMPORTS),
  importing("local and memory", `${LOCAL}/a.ts`, "../memory/world.ts", IMPORTS),
  importing("kubernetes and aws", "src/targets/kubernetes/a.ts", "../aws/router.ts", IMPORTS),
  importing("aws and kubernetes", "src/targets/aws/a.ts", "../kubernetes/router.ts", IMPORTS),
  importing("edge and agent", `${LOCAL}/edge/a.ts`, "../agent/slots.ts", IMPORTS),
  importing("edge and shim", `${LOCAL}/edge/b.ts`, "../shim/log.ts", IMPORTS),
  importing("agent and edge", `${LOCAL}/agent/a.ts`, "../edge/record.ts", IMPORTS),
  importing("shim and agent", `${LOCAL}/shim/a.ts`, "../agent/slots.ts", IMPORTS),
  importing("edge and what the local programs share", `${LOCAL}/edge/c.ts`, "../protocol.ts"),
  importing("edge and a layer below", `${LOCAL}/edge/d.ts`, "../../../state/sqlite.ts", IMPORTS),
  importing("a cloud SDK under its own target", "src/targets/aws/sdk.ts", "@aws-sdk/client-ec2"),
  importing("a cloud SDK in the store that is there", "src/state/s3/sdk.ts", "@aws-sdk/client-s3"),
  importing("a cloud SDK in another store", "src/state/sqlite/sdk.ts", "@aws-sdk/client-s3", IMPORTS),
  importing("a cloud SDK in the command line", "src/cli/sdk.ts", "@aws-sdk/client-ec2", IMPORTS),
  importing("a cloud SDK under another target", "src/targets/aws/k8s.ts", "@kubernetes/client-node", IMPORTS),
  importing("node:http on the way of every command", "src/config/http.ts", "node:http", IMPORTS),
  importing("node:http in the edge", `${LOCAL}/edge/http.ts`, "node:http"),
];

const HABITS: readonly Planted[] = [
  {
    what: "a type taken by import(), which would pass under the walls",
    file: "src/core/import-type.ts",
    text: `export type Used = import("../engine/thing.ts").Thing;\n`,
    rule: "typescript(consistent-type-imports)",
  },
  {
    what: "a clock in core",
    file: "src/core/clock.ts",
    text: "export const now = () => Date.now();\n",
    rule: "eslint(no-restricted-properties)",
  },
  {
    what: "randomness in core",
    file: "src/core/random.ts",
    text: "export const roll = () => Math.random();\n",
    rule: "eslint(no-restricted-properties)",
  },
  {
    what: "the process in core",
    file: "src/core/process.ts",
    text: `export const home = () => process.env["HOME"];\n`,
    rule: "eslint(no-restricted-globals)",
  },
  {
    what: "a timer in the engine",
    file: "src/engine/timer.ts",
    text: "export const wait = () => setTimeout(() => undefined, 5);\n",
    rule: "eslint(no-restricted-globals)",
  },
  {
    what: "a cycle, of types too",
    file: "src/ports/cycle.ts",
    text: `import type { Other } from "./cycle-back.ts";\nexport type One = Other | 1;\n`,
    rule: "import(no-cycle)",
  },
  {
    what: "a floating promise",
    file: "src/health/floating.ts",
    text: `import { writeFile } from "node:fs/promises";\nexport function save() {\n  writeFile("a", "b");\n}\n`,
    rule: "typescript(no-floating-promises)",
  },
  {
    what: "a misused promise",
    file: "src/health/misused.ts",
    text: "export async function ask(): Promise<boolean> {\n  return await Promise.resolve(true);\n}\nexport const no = ask() ? 1 : 2;\n",
    rule: "typescript(no-misused-promises)",
  },
  {
    what: "a switch that misses a case",
    file: "src/core/switch.ts",
    text: `export function f(slot: "blue" | "green"): void {\n  switch (slot) {\n    case "blue":\n      return;\n  }\n}\n`,
    rule: "typescript(switch-exhaustiveness-check)",
  },
  {
    what: "a Node module without its prefix",
    file: "src/health/bare.ts",
    text: `import { join } from "path";\nexport const at = join("a", "b");\n`,
    rule: "unicorn(prefer-node-protocol)",
  },
];

const PLANTED = [...layerPairs(), ...WALLS, ...HABITS];

/** What the planted files import, so that nothing but the import itself can be wrong with them. */
const BACKDROP: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    LAYERS.map(({ layer }) => [
      `src/${layer}/thing.ts`,
      "export const thing = 1;\nexport type Thing = number;\n",
    ]),
  ),
  "src/ports/cycle-back.ts": `import type { One } from "./cycle.ts";\nexport type Other = One | 2;\n`,
};

function plant(folder: string): void {
  const files = { ...BACKDROP, ...Object.fromEntries(PLANTED.map(({ file, text }) => [file, text])) };
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), text);
  }
  for (const file of [".oxlintrc.json", "tsconfig.json"]) cpSync(join(ROOT, file), join(folder, file));
  // The type-aware rules are a program of their own, looked for here; without it they say nothing.
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
}

interface Report {
  readonly diagnostics: readonly { readonly code: string; readonly filename: string }[];
}

/** The rules that oxlint names for each file of the folder. */
function lint(folder: string): ReadonlyMap<string, readonly string[]> {
  const { stdout, stderr } = spawnSync(OXLINT, ["--format", "json"], { cwd: folder, encoding: "utf8" });
  if (!stdout.startsWith("{")) throw new Error(`oxlint gave no report: ${stdout}${stderr}`);
  const said = new Map<string, string[]>();
  for (const { filename, code } of (JSON.parse(stdout) as Report).diagnostics) {
    said.set(filename, [...(said.get(filename) ?? []), code]);
  }
  return said;
}

describe("the lint rules", () => {
  let folder: string;
  let said: ReadonlyMap<string, readonly string[]>;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "teal-walls-"));
    plant(folder);
    said = lint(folder);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test.each(PLANTED.filter(({ rule }) => rule !== undefined))("refuse: $what", ({ file, rule }) => {
    expect(said.get(file) ?? []).toContain(rule);
  });

  test.each(PLANTED.filter(({ rule }) => rule === undefined))("allow: $what", ({ file }) => {
    expect(said.get(file) ?? []).toEqual([]);
  });

  test("cover every folder of src", () => {
    const tracked = execFileSync("git", ["ls-files", "src"], { cwd: ROOT, encoding: "utf8" });
    const folders = new Set([...tracked.matchAll(/^src\/([^/\n]+)\//gm)].map(([, name]) => name));
    const known = new Set(LAYERS.map(({ layer }) => layer));
    expect([...folders].filter((name) => name !== undefined && !known.has(name))).toEqual([]);
  });
});
