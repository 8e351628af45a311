import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { blocks } from "./finding.ts";
import { lint } from "./lint.ts";
import { loadParser } from "./reading/parser.ts";
import { ALL_RULES } from "./rules/index.ts";

const parser = await loadParser();
const judge = (text: string, path = "a.sql") => lint([{ path, text }], [], parser).findings;
const codes = (text: string, path?: string) => judge(text, path).map(({ code }) => code);
const SCRIPTS = ALL_RULES.flatMap(({ bad, good }) => [bad, good]);
/** Codes about comments, which a change of comments may well change. */
const OF_READING = /^TEAL-M1/u;

describe("context", () => {
  test.each([
    [
      "a table of the same file",
      "CREATE TABLE a (id bigint PRIMARY KEY, b int);\nCREATE INDEX i ON a (b);\nALTER TABLE a ALTER COLUMN b SET NOT NULL, ADD CHECK (b > 0), DROP COLUMN b;\nDROP TABLE a;",
    ],
    [
      "a renamed one",
      "CREATE TABLE a (id bigint PRIMARY KEY);\nALTER TABLE a RENAME TO b;\nCREATE INDEX i ON public.b (id);",
    ],
  ])("%s is nobody's yet", (_, text) => {
    expect(codes(text)).toEqual([]);
  });

  test("a CHECK that is not validated proves nothing", () => {
    const proof = "ALTER TABLE a ADD CONSTRAINT c CHECK (b IS NOT NULL) NOT VALID;\n";
    const then = "ALTER TABLE a ALTER COLUMN b SET NOT NULL;";
    expect(codes(proof + then)).toContain("TEAL-M303");
    const validated = `${proof}ALTER TABLE a VALIDATE CONSTRAINT c;\n`;
    expect(codes(validated + then)).not.toContain("TEAL-M303");
    expect(codes(`${validated}ALTER TABLE a DROP CONSTRAINT c;\n${then}`)).toContain("TEAL-M303");
  });

  test("the tool's transaction counts as one", () => {
    const text = "CREATE INDEX CONCURRENTLY i ON a (b);\nSELECT 1;";
    expect(codes(text)).not.toContain("TEAL-M501");
    expect(codes(text, "1_a.up.sql")).toContain("TEAL-M501");
  });

  test("a block's static statements are judged where they stand", () => {
    const text =
      "DO $$ BEGIN\n  IF true THEN\n    ALTER TABLE a DROP COLUMN b;\n    EXECUTE 'DROP TABLE c';\n  END IF;\nEND $$;";
    const found = judge(text).filter(blocks);
    expect(found.map(({ code, where }) => [code, where.line])).toEqual([
      ["TEAL-M201", 3],
      ["TEAL-M202", 4],
    ]);
  });

  test("a function's body is not run by its creation", () => {
    expect(
      codes("CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN DROP TABLE a; END $$;"),
    ).toEqual([]);
  });
});

describe("acknowledgements", () => {
  test.each([
    ["above", "-- teal: acknowledge TEAL-M201 unread since v40\nALTER TABLE a DROP COLUMN b;"],
    ["behind", "ALTER TABLE a DROP COLUMN b; -- teal: acknowledge TEAL-M201 unread since v40"],
    ["within", "ALTER TABLE a /* teal: acknowledge TEAL-M201 unread since v40 */ DROP COLUMN b;"],
  ])("%s the statement", (_, text) => {
    const found = judge(text);
    expect(found.filter(blocks)).toEqual([]);
    expect(found.find(({ code }) => code === "TEAL-M201")?.acknowledged).toBe("unread since v40");
    expect(found.map(({ code }) => code)).not.toContain("TEAL-M105");
  });

  test("accept no other statement, and no other finding", () => {
    const found = judge("-- teal: acknowledge TEAL-M201 unread\nSELECT 1;\nALTER TABLE a DROP COLUMN b;");
    expect(found.filter(blocks).map(({ code }) => code)).toEqual(["TEAL-M201"]);
    expect(found.map(({ code }) => code)).toContain("TEAL-M105");
  });

  test("also what could not be read", () => {
    const [first] = judge("-- teal: acknowledge TEAL-M101 an extension's own statement\nFROBNICATE a;");
    expect(first).toMatchObject({ code: "TEAL-M101", acknowledged: "an extension's own statement" });
  });
});

describe("properties", () => {
  const script = fc.constantFrom(...SCRIPTS);

  test("never throws, and points into the file, whatever was done to real statements", () => {
    const cut = fc.tuple(
      fc.array(script, { minLength: 1, maxLength: 4 }),
      fc.nat(),
      fc.nat(),
      fc.constantFrom("", ";", "'", "(", "$$", "é😀", "\\", "--", "/*", "\0", "{{", "DROP ", "\n"),
    );
    fc.assert(
      fc.property(cut, ([parts, from, length, put]) => {
        const whole = parts.join(";\n");
        const at = from % (whole.length + 1);
        const text = whole.slice(0, at) + put + whole.slice(at + (length % 12));
        for (const { where } of judge(text)) {
          expect(where.offset).toBeGreaterThanOrEqual(0);
          expect(where.offset).toBeLessThanOrEqual(text.length);
          const lines = text.slice(0, where.offset).split(/\r\n|[\n\r]/u);
          expect([where.line, where.column]).toEqual([lines.length, (lines.at(-1)?.length ?? 0) + 1]);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  test("formatting and comments never change a verdict", () => {
    const space = fc.constantFrom(" ", "\n", "\t", "\r\n  ", " /* ; ' $$ */ ", " -- it's ;\n");
    fc.assert(
      fc.property(script, fc.array(space, { minLength: 1, maxLength: 6 }), (text, spaces) => {
        if (/--|'|\$\$|\\|stdin/u.test(text)) return;
        let next = 0;
        const loose = text.replaceAll(/ /gu, () => spaces[next++ % spaces.length] ?? " ");
        const verdicts = (of: string) => judge(of).map(({ code, says, safe }) => [code, says, safe]);
        expect(verdicts(loose)).toEqual(verdicts(text));
      }),
      { numRuns: 1_000 },
    );
  });

  test("a table that has nothing to do with it adds no finding", () => {
    const unrelated = "CREATE TABLE zz_unrelated (id bigint PRIMARY KEY, note text);\n";
    for (const text of SCRIPTS) {
      const plain = codes(text).filter((code) => !OF_READING.test(code));
      expect(
        codes(unrelated + text).filter((code) => !OF_READING.test(code)),
        text,
      ).toEqual(plain);
    }
  });
});
