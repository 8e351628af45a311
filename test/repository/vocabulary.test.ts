import { describe, expect, test } from "vitest";
import { identifiers, sourceFiles } from "./source.ts";

/** Words that docs/vocabulary.md has a better one for. */
const NEVER = new Set([
  "active",
  "inactive",
  "stable",
  "unstable",
  "swap",
  "swaps",
  "swapped",
  "swapping",
  "master",
]);

/** What is never called old or new: which one is meant changes in the middle of a deployment. */
const NEVER_OLD_OR_NEW = new Set(["slot", "slots", "version", "versions", "revision", "revisions"]);

/** The words of an identifier or file name: `isActiveSlot` and `is-active-slot` have three. */
function words(name: string): readonly string[] {
  return (name.match(/[A-Z]?[a-z]+|[A-Z]+(?![a-z])/g) ?? []).map((word) => word.toLowerCase());
}

function offends(name: string): boolean {
  const all = words(name);
  return all.some(
    (word, at) =>
      NEVER.has(word) || ((word === "old" || word === "new") && NEVER_OLD_OR_NEW.has(all[at + 1] ?? "")),
  );
}

describe("the vocabulary", () => {
  test("is kept by every name in src", () => {
    const offences = sourceFiles().flatMap((source) =>
      [source.file, ...identifiers(source)].filter(offends).map((name) => `${source.file}: ${name}`),
    );
    expect(offences).toEqual([]);
  });

  test.each([
    "const activeSlot = 1;",
    "type Of = { readonly is_stable: boolean };",
    "class Router { #master = 1; }",
    "interface Router { swap(): void }",
    "function f(oldVersion: string) {}",
    "const spec = { newRevision: 1 };",
    "enumerate(newSlots);",
    "type OldRevisions = 1;",
  ])("is broken by: %s", (text) => {
    expect(identifiers({ file: "planted.ts", text }).filter(offends)).toHaveLength(1);
  });

  test.each([
    "const reactivate = 1;",
    `const said = "active";`,
    "const newRequests = 1; // stable",
    "const older = renew;",
  ])("allows: %s", (text) => {
    expect(identifiers({ file: "planted.ts", text }).filter(offends)).toEqual([]);
  });
});
