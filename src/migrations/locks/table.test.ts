import { PGlite } from "@electric-sql/pglite";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Inside } from "../../../tools/locks/inside.ts";
import type { Session } from "../../../tools/locks/session.ts";
import { SHAPES } from "../../../tools/locks/shapes/index.ts";
import { compact, effectAt } from "../../../tools/locks/table.ts";
import { LOCK_TABLE } from "./lookup.ts";

/*
 * The table against PGlite, which is PostgreSQL 18 in one process: every statement that may stand in a transaction. The
 * others need a second session; table.postgres.test.ts measures them.
 */

const MAJOR = 18;
let database: PGlite;

beforeAll(async () => {
  database = await PGlite.create();
});
afterAll(() => database.close());

function session(): Session {
  return { run: async (sql) => (await database.exec(sql)).at(-1)?.rows ?? [] };
}

test("a server in WASM does what the table says, statement by statement", async () => {
  const [version] = await session().run("SHOW server_version_num");
  expect(Math.trunc(Number(version?.["server_version_num"]) / 10_000)).toBe(MAJOR);
  const inside = new Inside(session());
  const found: Record<string, unknown> = {};
  const written: Record<string, unknown> = {};
  for (const [id, shape] of SHAPES) {
    if (shape.outside !== undefined) continue;
    found[id] = compact(await inside.measure(shape));
    written[id] = effectAt(LOCK_TABLE, id, MAJOR);
  }
  expect(found).toEqual(written);
  expect(Object.keys(found).length).toBeGreaterThanOrEqual(300);
});

test("a statement that it refuses is measured as refused, and leaves the next one a clean schema", async () => {
  const inside = new Inside(session());
  expect(await inside.measure({ sql: "ALTER TABLE missing ADD COLUMN a int" })).toEqual({ error: "42P01" });
  const before = "ALTER TABLE t ADD COLUMN added int";
  expect(await inside.measure({ sql: "ALTER TABLE t DROP COLUMN added", before })).not.toHaveProperty(
    "error",
  );
  expect(await inside.measure({ sql: "ALTER TABLE t DROP COLUMN added" })).toEqual({ error: "42703" });
});
