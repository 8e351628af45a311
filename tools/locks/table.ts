import { isDeepStrictEqual } from "node:util";
import type { Effect, LockTable, Measured, MeasuredShape } from "../../src/migrations/locks/lookup.ts";
import type { Shape } from "./shape.ts";

/** What one server did with every shape. */
export interface Measurement {
  readonly major: number;
  /** Such as 18.4. */
  readonly release: string;
  readonly effects: ReadonlyMap<string, Effect>;
}

/** Brings measurements into one table: shapes by name, versions that do the same in one range. */
export function tableOf(shapes: ReadonlyMap<string, Shape>, measurements: readonly Measurement[]): LockTable {
  const ascending = measurements.toSorted((a, b) => a.major - b.major);
  const ids = [...shapes].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return {
    releases: Object.fromEntries(ascending.map(({ major, release }) => [major, release])),
    shapes: Object.fromEntries(ids.map(([id, shape]) => [id, measuredShape(id, shape, ascending)])),
  };
}

function measuredShape(id: string, shape: Shape, ascending: readonly Measurement[]): MeasuredShape {
  const { sql, set, before } = shape;
  const ranges: Measured[] = [];
  for (const { major, effects } of ascending) {
    const effect = effects.get(id);
    if (effect === undefined) continue;
    const last = ranges.at(-1);
    const same = last !== undefined && isDeepStrictEqual(effectIn(last), compact(effect));
    if (same) ranges[ranges.length - 1] = { ...last, to: major };
    else ranges.push({ from: major, to: major, ...compact(effect) });
  }
  return {
    sql: sql.replaceAll(/\s+/g, " "),
    ...(set === undefined ? {} : { set }),
    ...(before === undefined ? {} : { before }),
    versions: ranges,
  };
}

/** What a range of versions does, without the versions. */
function effectIn({ from: _from, to: _to, ...effect }: Measured): Effect {
  return effect;
}

/** An effect without the lists that are empty: what is not said did not happen. */
export function compact(effect: Effect): Effect {
  const { locks, rewrites = [], scans = [], ...rest } = effect;
  return {
    ...(locks === undefined || Object.keys(locks).length === 0 ? {} : { locks }),
    ...(rewrites.length === 0 ? {} : { rewrites }),
    ...(scans.length === 0 ? {} : { scans }),
    ...rest,
  };
}

/** As it is written to the file: a line for each shape and each range, so that a change is read as a change. */
export function printTable({ releases, shapes }: LockTable): string {
  const printed = Object.entries(shapes).map(([id, { versions, ...shape }]) => {
    const ranges = versions.map((range) => `      ${JSON.stringify(range)}`).join(",\n");
    const head = JSON.stringify(shape).slice(1, -1);
    return `    ${JSON.stringify(id)}: {${head}, "versions": [\n${ranges}\n    ]}`;
  });
  return `{\n  "releases": ${JSON.stringify(releases)},\n  "shapes": {\n${printed.join(",\n")}\n  }\n}\n`;
}

/** The effect that the table gives for a shape on a major; undefined: it was not measured there. */
export function effectAt(table: LockTable, id: string, major: number): Effect | undefined {
  const range = table.shapes[id]?.versions.find(({ from, to }) => from <= major && major <= to);
  return range && effectIn(range);
}
