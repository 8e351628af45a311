import { execFile } from "node:child_process";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const MAIN = join(import.meta.dirname, "main.ts");

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "teal-rehearse-"));
  await Promise.all([
    writeFile(join(folder, "schema.sql"), "CREATE TABLE users (id int PRIMARY KEY, email text NOT NULL);"),
    writeFile(
      join(folder, "users.sql"),
      "-- name: GetUser :one\nSELECT id, email FROM users WHERE id = @id;\n",
    ),
    writeFile(join(folder, "seen.csv"), 'query,calls\n"SELECT id FROM users",42\n'),
    writeFile(join(folder, "rename.sql"), "ALTER TABLE users RENAME email TO mail;"),
    writeFile(join(folder, "add.sql"), "ALTER TABLE users ADD phone text;"),
    writeFile(join(folder, "wrong.sql"), "ALTER TABEL users ADD phone text;"),
  ]);
});
afterAll(() => rm(folder, { recursive: true }));

/** In a folder without any teal.yaml. */
function teal(...words: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  const env = {
    ...process.env,
    XDG_CACHE_HOME: join(folder, "cache"),
    NO_COLOR: "1",
    GITHUB_STEP_SUMMARY: "",
  };
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [MAIN, "migrate", ...words],
      { cwd: folder, env },
      (_, out, err) => resolve({ code: child.exitCode ?? -1, out, err }),
    );
  });
}

const KNOWN = ["--schema", "schema.sql", "--queries", "users.sql", "seen.csv"] as const;

/** A process that starts PostgreSQL, on a machine that does other things too (ms). */
const START = { timeout: 120_000 };

describe("teal migrate rehearse", START, () => {
  test("refuses a rename with the very query that breaks, its place, the server's error and the safe form", async () => {
    const ran = await teal("rehearse", "rename.sql", ...KNOWN);
    expect(ran.err).toBe("");
    expect(ran.code).toBe(3);
    expect(ran.out).toContain(
      "✗ users.sql:2 GetUser: a query of the live revision breaks after rename.sql  TEAL-M601",
    );
    expect(ran.out).toContain('42703 column "email" does not exist');
    expect(ran.out).toContain("Instead: Keep the column until no revision that names it runs");
    expect(ran.out).toContain("1 of 2 known queries proven, 42 of 42 calls; 1 break, 0 unproven.");
    expect(await readdir(join(folder, "cache/teal/shadow"))).toHaveLength(2);
  });

  test("proves what survives, and says so in JSON with the engine and the evidence", async () => {
    const ran = await teal("rehearse", "add.sql", ...KNOWN, "--json");
    expect(ran.code).toBe(0);
    const result = JSON.parse(ran.out.trim().split("\n").at(-1) ?? "") as Record<string, unknown>;
    expect(result).toMatchObject({
      type: "result",
      exit: 0,
      schemaFrom: "snapshot",
      engine: { name: "pglite" },
      coverage: { queries: 2, proven: 2, breaks: 0, unproven: 0, calls: 42, provenCalls: 42 },
      evidence: expect.stringMatching(/^[0-9a-f]{64}$/u) as string,
    });
  });

  test("a migration that cannot be read whole is refused with its place", async () => {
    const ran = await teal("rehearse", "wrong.sql", ...KNOWN);
    expect(ran.code).toBe(3);
    expect(ran.err).toContain("wrong.sql:1:7");
    expect(ran.err).toContain("TEAL-M606, exit 3");
  });

  test.each([[["rehearse", "add.sql"]], [["rehearse", "none.sql", ...KNOWN]], [["queries"]]])(
    "%j is wrong usage",
    async (words) => {
      const ran = await teal(...words);
      expect(ran.code).toBe(2);
      expect(ran.err).toContain("TEAL-M702, exit 2");
    },
  );
});

test("teal migrate queries lists them with origin and calls", async () => {
  const ran = await teal("queries", "users.sql", "seen.csv");
  expect(ran.code).toBe(0);
  expect(ran.out).toContain("users.sql:2 GetUser");
  expect(ran.out).toMatch(/SELECT id FROM users\s+seen\.csv:2\s+42/u);
  expect(ran.out).toContain("2 known queries, 0 of them not readable.");
});
