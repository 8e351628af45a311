import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

/*
 * Every test that a page about peers names exists, each row of its tables names one, and every test of
 * test/kubernetes/peers is named.
 */

const DOCS = join(import.meta.dirname, "../../docs");

interface Named {
  readonly file: string;
  readonly name: string;
}

const pageOf = (name: string): string => readFileSync(join(DOCS, name), "utf8");

/** `[word](file): "name of the test"` */
function named(page: string): readonly Named[] {
  return [...page.matchAll(/\]\(([^)]+\.test\.ts)\): "([^"]+)"/gu)].map(([, file = "", name = ""]) => ({
    file,
    name,
  }));
}

function testsOf(file: string): readonly string[] {
  const path = join(DOCS, file);
  if (!existsSync(path)) return [];
  return [...readFileSync(path, "utf8").matchAll(/^\s*(?:test|it)\("([^"]+)"/gmu)].map(
    ([, name = ""]) => name,
  );
}

describe.each([
  { file: "kubernetes-peers.md", atLeast: 35 },
  { file: "aws-peers.md", atLeast: 25 },
])("$file", ({ file, atLeast }) => {
  const page = pageOf(file);
  const tests = named(page);

  test("there are names, at least one in each row of the tables of tests", () => {
    expect(tests.length).toBeGreaterThanOrEqual(atLeast);
    const [tables = ""] = page.split("## What does not apply");
    const rows = tables
      .split("\n")
      .filter((line) => /^\| (?!(?:Thread|Behaviour|Matter|Known as) \|)[^-]/u.test(line));
    expect(rows.filter((row) => !row.includes('.test.ts): "'))).toEqual([]);
  });

  test.each(tests)("$file has the test: $name", ({ file: place, name }) => {
    expect(testsOf(place)).toContain(name);
  });
});

test("no test of the peers is left out of the page", () => {
  const files = ["update", "bad-candidate", "after-cutover", "operator-killed", "edits"];
  const all = files.flatMap((file) => testsOf(`../test/kubernetes/peers/${file}.cluster.test.ts`));
  const names = named(pageOf("kubernetes-peers.md")).map(({ name }) => name);
  expect(all.length).toBeGreaterThan(25);
  expect(all.filter((each) => !names.includes(each))).toEqual([]);
});
