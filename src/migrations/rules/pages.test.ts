import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { rulePages } from "../../../tools/rules.ts";

const ROOT = join(import.meta.dirname, "../../..");

test("docs/rules and its part of the errors are what npm run rules writes", () => {
  const pages = rulePages();
  for (const [path, text] of pages)
    expect(readFileSync(join(ROOT, path), "utf8") === text, `${path}: run npm run rules`).toBe(true);
  const there = readdirSync(join(ROOT, "docs/rules")).map((name) => `docs/rules/${name}`);
  expect(there.filter((path) => !pages.has(path))).toEqual([]);
});
