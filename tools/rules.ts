import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { errorsPart, fileOf, indexPage, pageOf } from "../src/migrations/rules/explain.ts";
import { ALL_RULES } from "../src/migrations/rules/index.ts";

/** Writes a page for each rule of `teal migrate lint`, their table, and their part of the error codes. */

const ROOT = join(import.meta.dirname, "..");

/** Every generated file by its path in the repository. */
export function rulePages(): ReadonlyMap<string, string> {
  const rules = [...ALL_RULES].sort((a, b) => (a.code < b.code ? -1 : 1));
  return new Map([
    ["docs/rules/README.md", indexPage(rules)],
    ...rules.map((rule) => [`docs/rules/${fileOf(rule)}`, pageOf(rule)] as const),
    ["docs/errors.d/migrations-rules.md", errorsPart(rules)],
  ]);
}

if (import.meta.main) {
  const folder = join(ROOT, "docs/rules");
  mkdirSync(folder, { recursive: true });
  const pages = rulePages();
  for (const name of readdirSync(folder)) if (!pages.has(`docs/rules/${name}`)) rmSync(join(folder, name));
  for (const [path, text] of pages) writeFileSync(join(ROOT, path), text);
}
