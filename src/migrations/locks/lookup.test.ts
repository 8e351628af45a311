import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { lockPage } from "../../../tools/locks/page.ts";
import { SHAPES } from "../../../tools/locks/shapes/index.ts";
import { printTable, tableOf } from "../../../tools/locks/table.ts";
import { effectsOf, LOCK_TABLE, shapeOf } from "./lookup.ts";
import { blocks, conflict, LOCK_MODES, stronger } from "./modes.ts";

const ROOT = join(import.meta.dirname, "../../..");

describe("locks", () => {
  test("exclude each other both ways, and ACCESS EXCLUSIVE everything", () => {
    for (const one of LOCK_MODES) {
      expect(conflict(one, "ACCESS EXCLUSIVE")).toBe(true);
      for (const other of LOCK_MODES) expect(conflict(one, other)).toBe(conflict(other, one));
    }
  });

  test("of four modes two transactions cannot hold the same one", () => {
    expect(LOCK_MODES.filter((mode) => conflict(mode, mode))).toEqual([
      "SHARE UPDATE EXCLUSIVE",
      "SHARE ROW EXCLUSIVE",
      "EXCLUSIVE",
      "ACCESS EXCLUSIVE",
    ]);
  });

  test("tell who waits", () => {
    expect(blocks("ACCESS EXCLUSIVE")).toEqual(["reads", "row locks", "writes", "maintenance"]);
    expect(blocks("EXCLUSIVE")).toEqual(["row locks", "writes", "maintenance"]);
    expect(blocks("SHARE")).toEqual(["writes", "maintenance"]);
    expect(blocks("SHARE UPDATE EXCLUSIVE")).toEqual(["maintenance"]);
    expect(blocks("ROW EXCLUSIVE")).toEqual([]);
  });

  test("have an order", () => {
    expect(stronger("SHARE", "ACCESS SHARE")).toBe("SHARE");
    expect(stronger("SHARE", "EXCLUSIVE")).toBe("EXCLUSIVE");
  });
});

describe("a statement", () => {
  test("is looked up by its name", () => {
    expect(shapeOf("drop-foreign-key").sql).toBe("ALTER TABLE t DROP CONSTRAINT t_ref");
    expect(effectsOf("drop-foreign-key", 12, 18)).toEqual([
      { from: 12, to: 18, locks: { referenced: "ACCESS EXCLUSIVE", table: "ACCESS EXCLUSIVE" } },
    ]);
  });

  test("is answered for the versions that were asked for, each range clipped", () => {
    const ranges = effectsOf("detach-partition", 13, 16).map(({ from, to, locks }) => [
      from,
      to,
      locks?.child,
    ]);
    expect(ranges).toEqual([
      [13, 13, "SHARE UPDATE EXCLUSIVE"],
      [14, 16, "ACCESS EXCLUSIVE"],
    ]);
    expect(effectsOf("detach-partition", 19, 20)).toEqual([]);
  });
});

describe("the table", () => {
  test("has every statement of tools/locks/shapes and no other, as npm run locks prints it", () => {
    expect(Object.keys(LOCK_TABLE.shapes)).toEqual([...SHAPES.keys()].toSorted());
    const file = readFileSync(join(import.meta.dirname, "table.json"), "utf8");
    expect(file === printTable(LOCK_TABLE), "run npm run locks").toBe(true);
    const texts = tableOf(SHAPES, []).shapes;
    for (const [id, { versions: _versions, ...text }] of Object.entries(LOCK_TABLE.shapes)) {
      expect(text).toEqual({ ...texts[id], versions: undefined });
    }
  });

  test("knows every statement on every version from its first, without gaps", () => {
    const majors = Object.keys(LOCK_TABLE.releases).map(Number);
    expect(majors).toEqual([12, 13, 14, 15, 16, 17, 18]);
    for (const [id, { versions }] of Object.entries(LOCK_TABLE.shapes)) {
      const known = versions.flatMap(({ from, to }) =>
        majors.filter((major) => from <= major && major <= to),
      );
      const since = SHAPES.get(id)?.since ?? 12;
      expect(known, id).toEqual(majors.filter((major) => major >= since));
    }
  });

  test("is shown in docs/locks.md", () => {
    const page = readFileSync(join(ROOT, "docs/locks.md"), "utf8");
    expect(page === lockPage(LOCK_TABLE), "run npm run locks").toBe(true);
  });
});

test("versions that do the same are brought into one range, others are not", () => {
  const shapes = new Map([["one", { sql: "SELECT\n  1" }]]);
  const measurement = (major: number, error: string) => {
    return { major, release: `${major}.0`, effects: new Map([["one", { error }]]) };
  };
  const table = tableOf(shapes, [measurement(14, "B"), measurement(12, "A"), measurement(13, "A")]);
  expect(table).toEqual({
    releases: { 12: "12.0", 13: "13.0", 14: "14.0" },
    shapes: {
      one: {
        sql: "SELECT 1",
        versions: [
          { from: 12, to: 13, error: "A" },
          { from: 14, to: 14, error: "B" },
        ],
      },
    },
  });
});
