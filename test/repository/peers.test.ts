import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

/* Every test that docs/kubernetes-peers.md names exists, and every test of test/kubernetes/peers is named there. */

const DOCS = join(import.meta.dirname, "../../docs");
const PAGE = readFileSync(join(DOCS, "kubernetes-peers.md"), "utf8");

interface Named {
  readonly file: string;
  readonly name: string;
}

/** `[word](file): "name of the test"` */
const NAMED: readonly Named[] = [...PAGE.matchAll(/\]\(([^)]+\.test\.ts)\): "([^"]+)"/gu)].map(
  ([, file = "", name = ""]) => ({ file, name }),
);

function testsOf(file: string): readonly string[] {
  const path = join(DOCS, file);
  if (!existsSync(path)) return [];
  return [...readFileSync(path, "utf8").matchAll(/^\s*(?:test|it)\("([^"]+)"/gmu)].map(
    ([, name = ""]) => name,
  );
}

test("there are names, at least one in each row of the tables of tests", () => {
  expect(NAMED.length).toBeGreaterThan(35);
  const [tables = ""] = PAGE.split("## What does not apply");
  const rows = tables.split("\n").filter((line) => /^\| (?!Thread|Behaviour)[^-]/u.test(line));
  expect(rows.filter((row) => !row.includes('.test.ts): "'))).toEqual([]);
});

test.each(NAMED)("$file has the test: $name", ({ file, name }) => {
  expect(testsOf(file)).toContain(name);
});

test("no test of the peers is left out of the page", () => {
  const files = ["update", "bad-candidate", "after-cutover", "operator-killed", "edits"];
  const all = files.flatMap((file) => testsOf(`../test/kubernetes/peers/${file}.cluster.test.ts`));
  expect(all.length).toBeGreaterThan(25);
  expect(all.filter((each) => !NAMED.some(({ name }) => name === each))).toEqual([]);
});
