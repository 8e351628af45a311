import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

/*
 * The programs of docs/library.md are compiled as a user would compile them: against what the package exports, strictly.
 */

const ROOT = join(import.meta.dirname, "../..");

/** The examples that need nothing but the package. */
function programs(page: string): readonly string[] {
  return [...page.matchAll(/^```ts\n([^]*?)^```$/gm)]
    .map(([, program = ""]) => program)
    .filter((program) => /from "teal-deploy"/.test(program));
}

/** What the compiler says about a program; empty when it compiles. */
function complaints(sources: readonly string[]): string {
  // Inside the repository, so that the types of Node are found.
  const folder = mkdtempSync(join(ROOT, "node_modules/.teal-docs-"));
  try {
    const files = sources.map((source, i) => {
      writeFileSync(join(folder, `example-${i}.ts`), source);
      return `example-${i}.ts`;
    });
    const compilerOptions = {
      noEmit: true,
      rootDir: ROOT,
      types: ["node"],
      paths: { "teal-deploy": [join(ROOT, "src/index.ts")] },
    };
    const config = { extends: join(ROOT, "tsconfig.json"), compilerOptions, files, include: [] };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
    execFileSync(join(ROOT, "node_modules/.bin/tsc"), ["-p", folder], { encoding: "utf8", stdio: "pipe" });
    return "";
  } catch (error) {
    const { stdout } = error as { stdout?: string };
    if (stdout === undefined || stdout === "") throw error;
    // What is wrong inside the source is not this test's business.
    return stdout
      .split("\n")
      .filter((line) => line.includes("example-"))
      .join("\n");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

test("the programs of docs/library.md compile", () => {
  const examples = programs(readFileSync(join(ROOT, "docs/library.md"), "utf8"));
  expect(examples.length).toBeGreaterThanOrEqual(2);
  expect(complaints(examples)).toBe("");
});

test("a program with a name that is not exported does not", () => {
  expect(
    complaints(['import { nothingOfThisName } from "teal-deploy";\nconsole.log(nothingOfThisName);\n']),
  ).toContain("nothingOfThisName");
});
