import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { outputSchema } from "./output-schema.ts";
import { MAIN, objects } from "./testing.ts";

/** A repository without any teal.yaml. */
const folder = mkdtempSync(join(tmpdir(), "teal-lint-"));
afterAll(() => rmSync(folder, { recursive: true }));
beforeEach(() => rmSync(join(folder, "migrations"), { recursive: true, force: true }));

function put(path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
}

function teal(...words: readonly string[]) {
  const ran = spawnSync(process.execPath, [MAIN, "migrate", ...words], { cwd: folder, encoding: "utf8" });
  return { code: ran.status, out: ran.stdout, err: ran.stderr };
}

describe("teal migrate lint", () => {
  test("shows a finding with its line, a caret, why and what to write instead; exit 3", () => {
    put(
      "migrations/V1__a.sql",
      "CREATE INDEX i\n\tON users (mail);\nALTER TABLE users\n\tDROP COLUMN mail;\n",
    );
    const ran = teal("lint");
    expect(ran.code).toBe(3);
    expect(ran.err).toBe("");
    expect(ran.out).toContain(
      "migrations/V1__a.sql:4:2 breaks the live version: drops users.mail; its values are gone for good TEAL-M201\n    4 | \tDROP COLUMN mail;\n      | \t^\n",
    );
    expect(ran.out).toContain(
      "      CREATE INDEX CONCURRENTLY i ON users (mail); -- outside of a transaction\n",
    );
    expect(ran.out).toMatch(/^1 migration, 2 statements: 2 to solve or acknowledge, \d+ possible/mu);
    expect(ran.out).toContain("TEAL-M201, exit 3");
  });

  test("what is acknowledged stops nothing", () => {
    put(
      "migrations/1.sql",
      "-- teal: acknowledge TEAL-M201 unread since v40\nALTER TABLE users DROP COLUMN mail;\n",
    );
    const ran = teal("lint");
    expect(ran.code).toBe(0);
    expect(ran.out).toContain("1 acknowledged");
  });

  test("what does not parse is a finding, with caret, and stops", () => {
    put("migrations/1.sql", "SELECT 1;\nALTER TABEL users ADD mail text;\n");
    const ran = teal("lint", "migrations/1.sql");
    expect(ran.code).toBe(3);
    expect(ran.out).toContain("migrations/1.sql:2:7 not judged");
    expect(ran.out).toContain("    2 | ALTER TABEL users ADD mail text;\n      |       ^\n");
  });

  test("a password in a line is covered", () => {
    put("migrations/1.sql", "ALTER ROLE web PASSWORD='hunter2-secret' FROB;\n");
    const ran = teal("lint");
    expect(ran.code).toBe(3);
    expect(ran.out).not.toContain("hunter2-secret");
  });

  test("nothing to read is wrong usage", () => {
    expect(teal("lint")).toMatchObject({ code: 2, err: expect.stringContaining("TEAL-M002, exit 2") });
    expect(teal("lint", "nowhere")).toMatchObject({
      code: 2,
      err: expect.stringContaining("TEAL-M001, exit 2"),
    });
  });
});

test("teal migrate explain", () => {
  const ran = teal("explain", "m201");
  expect(ran.code).toBe(0);
  expect(ran.out).toContain("TEAL-M201 A column is dropped");
  expect(teal("explain", "TEAL-M999")).toMatchObject({ code: 2, err: expect.stringContaining("TEAL-M003") });
  expect(teal("explain")).toMatchObject({ code: 2 });
});

test("--json is one line as the published schema says", () => {
  const validate = new Ajv2020({ allowUnionTypes: true }).compile(outputSchema());
  put(
    "migrations/1.sql",
    "-- teal: acknowledge TEAL-M201 unread\nALTER TABLE a DROP b;\nCREATE INDEX i ON a (c);\n",
  );
  for (const [words, exit] of [
    [["lint"], 3],
    [["lint", "nowhere"], 2],
    [["explain", "TEAL-M301"], 0],
    [["explain", "x"], 2],
  ] as const) {
    const ran = teal(...words, "--json");
    const lines = objects(ran.out);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({ type: "result", command: `migrate ${words[0]}`, exit });
    expect(validate(lines[0]), JSON.stringify(validate.errors?.slice(0, 3))).toBe(true);
    expect(ran.code).toBe(exit);
  }
});
