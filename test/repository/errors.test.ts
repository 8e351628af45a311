import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { PAGE, readEntries, readPart, renderPage } from "../../tools/errors.ts";
import { sourceFiles, strings } from "./source.ts";

describe("docs/errors.md", () => {
  const documented = readEntries().map(({ code }) => code);
  const used = new Set(
    sourceFiles()
      .flatMap(strings)
      .flatMap((text) => text.match(/TEAL-[A-Z]\d{3}\b/g) ?? []),
  );

  test("documents every code once", () => {
    expect(documented.filter((code, at) => documented.indexOf(code) !== at)).toEqual([]);
  });

  test("documents every code that src uses", () => {
    expect([...used].filter((code) => !documented.includes(code)).toSorted()).toEqual([]);
  });

  test("documents no code that src does not use", () => {
    expect(documented.filter((code) => !used.has(code))).toEqual([]);
  });

  test("is what npm run errors writes", () => {
    expect(readFileSync(PAGE, "utf8") === renderPage(readEntries()), "run npm run errors").toBe(true);
  });
});

describe("a part", () => {
  const entry = "## TEAL-X101 a title\nMeaning: a.\nWho serves: b.\nNext: c.\n";

  test("is read and rendered a paragraph a line", () => {
    const page = renderPage(readPart("x.md", `# X\n\n${entry}`));
    expect(page).toContain("\n## TEAL-X101 a title\n\nMeaning: a.\n\nWho serves: b.\n\nNext: c.\n");
  });

  test("without one of the three lines is refused by name", () => {
    expect(() => readPart("x.md", entry.replace("Who serves: b.\n", ""))).toThrow(
      'x.md: TEAL-X101 lacks a line "Who serves:"',
    );
  });

  test("with a malformed code is refused by its heading", () => {
    expect(() => readPart("x.md", entry.replace("X101", "X1"))).toThrow('x.md: "## TEAL-X1 a title" is not');
  });
});
