import { expect, test } from "vitest";
import { startPostgres } from "../../../test/postgres/server.ts";
import { MAJORS } from "../../../test/postgres/programs.ts";
import { measure, releaseOf } from "../../../tools/locks/native.ts";
import { SHAPES } from "../../../tools/locks/shapes/index.ts";
import { compact, effectAt } from "../../../tools/locks/table.ts";
import { LOCK_TABLE } from "./lookup.ts";

/* The table against the servers it was measured on, of the versions that test/postgres/run.ts was asked for. */

const asked = (process.env["TEAL_TEST_POSTGRES"] ?? "").split(",");
const majors = MAJORS.filter((major) => asked.includes(String(major)));

test("at least two versions are measured", () => {
  expect(majors.length).toBeGreaterThanOrEqual(2);
});

test.each(majors)("PostgreSQL %d does what the table says, statement by statement", async (major) => {
  const server = await startPostgres(major, console.error);
  try {
    expect(await releaseOf(server)).toBe(LOCK_TABLE.releases[major]);
    const effects = await measure(server);
    const written = [...SHAPES.keys()].flatMap((id) => {
      const effect = effectAt(LOCK_TABLE, id, major);
      return effect === undefined ? [] : [[id, effect] as const];
    });
    const found = [...effects].map(([id, effect]) => [id, compact(effect)] as const);
    expect(Object.fromEntries(found)).toEqual(Object.fromEntries(written));
    expect(effects.size).toBeGreaterThanOrEqual(150);
  } finally {
    await server.stop();
  }
});
