import { type Catalog, type Constraint, type Table, type TableColumn, tableNamed } from "./catalog.ts";
import { REHEARSAL, unproven, type Verdict } from "./verdict.ts";
import type { Use, Write } from "./writes.ts";

/** What a migration changed for those who write, found once for all queries. */
export interface Delta {
  readonly before: Catalog;
  readonly after: Catalog;
  readonly constraints: readonly Constraint[];
  /** Names of tables whose columns changed or that are gone, without schema. */
  readonly changed: readonly string[];
}

export function deltaOf(before: Catalog, after: Catalog): Delta {
  const known = new Set(before.constraints.map(sameness));
  const changed = [...before.tables.values()].filter((table) => {
    const now = after.tables.get(table.oid);
    return (
      now === undefined ||
      now.name !== table.name ||
      JSON.stringify(now.columns) !== JSON.stringify(table.columns)
    );
  });
  return {
    before,
    after,
    constraints: after.constraints.filter((one) => !known.has(sameness(one)) && before.tables.has(one.table)),
    changed: changed.map(({ name }) => name.slice(name.indexOf(".") + 1)),
  };
}

/** A constraint under another name binds nobody anew. */
function sameness({ kind, table, definition, parent }: Constraint): string {
  return JSON.stringify([kind, table, definition, parent]);
}

/** Judges a query that the server still takes by what its writes meet. Undefined where nothing stands against it. */
export function judgeUse(use: Use, delta: Delta): Verdict | undefined {
  for (const write of use.writes) {
    const verdict = judgeWrite(write, delta);
    if (verdict !== undefined) return verdict;
  }
  return judgeTables(use, delta) ?? judgeBodies(use, delta);
}

function judgeWrite(write: Write, delta: Delta): Verdict | undefined {
  const was = tableNamed(delta.before, write.schema, write.table);
  const now = was === undefined ? undefined : delta.after.tables.get(was.oid);
  if (was === undefined || now === undefined) return undefined;
  const touched = touchedColumns(write, was);
  return (
    (write.does === "insert" ? required(write, was, now, touched) : undefined) ??
    (write.does === "delete" ? undefined : narrowed(was, now, touched)) ??
    bound(write, delta, now, touched) ??
    triggered(was, now)
  );
}

/** Numbers of the columns that get a value from the query. */
function touchedColumns({ columns }: Write, table: Table): ReadonlySet<number> {
  if (columns === "unknown") return new Set(table.columns.map(({ number }) => number));
  const named =
    "places" in columns
      ? table.columns.filter((_, place) => columns.places.includes(place))
      : table.columns.filter(({ name }) => columns.includes(name));
  return new Set(named.map(({ number }) => number));
}

function required(write: Write, was: Table, now: Table, touched: ReadonlySet<number>): Verdict | undefined {
  const isRequired = (column: TableColumn | undefined) => column?.notNull === true && !column.filled;
  const missing = now.columns.find(
    (column) =>
      isRequired(column) &&
      !touched.has(column.number) &&
      !isRequired(was.columns.find(({ number }) => number === column.number)),
  );
  if (missing === undefined) return undefined;
  const table = quotedTable(now.name);
  const says = `23502 the INSERT gives ${missing.name} of ${now.name} no value, and it must have one`;
  const safe = `ALTER TABLE ${table} ALTER COLUMN ${quoted(missing.name)} SET DEFAULT ...; -- until the contract`;
  // An INSERT ... SELECT * has the columns of its source.
  if (write.columns === "unknown") return unproven(REHEARSAL.required, says);
  return { is: "breaks", code: REHEARSAL.required, says, safe };
}

function narrowed(was: Table, now: Table, touched: ReadonlySet<number>): Verdict | undefined {
  for (const column of was.columns) {
    const later = now.columns.find(({ number }) => number === column.number);
    if (later === undefined || !touched.has(column.number)) continue;
    if (later.notNull && !column.notNull)
      return unproven(
        REHEARSAL.constraint,
        `${column.name} of ${now.name} must not be NULL any more, and the query writes it`,
      );
    if (later.type !== column.type && !holds(later.type, column.type))
      return unproven(
        REHEARSAL.constraint,
        `${column.name} of ${now.name} was ${column.type} and becomes ${later.type}: a value may not fit`,
      );
  }
  return undefined;
}

/** Whether every value of the one type fits the other. */
function holds(type: string, before: string): boolean {
  const text = /^(?:text|character varying(?:\((\d+)\))?)$/u;
  const [to, from] = [text.exec(type), text.exec(before)];
  if (to !== null && from !== null)
    return to[1] === undefined || (from[1] !== undefined && Number(to[1]) >= Number(from[1]));
  const integers = ["smallint", "integer", "bigint", "numeric"];
  return integers.includes(before) && integers.indexOf(type) > integers.indexOf(before);
}

function bound(write: Write, delta: Delta, now: Table, touched: ReadonlySet<number>): Verdict | undefined {
  for (const constraint of delta.constraints) {
    const says = `${WORDS[constraint.kind]} ${constraint.name} is new`;
    // An INSERT also sets what it leaves out: to the default, or to NULL.
    const meets =
      write.does === "insert" ||
      constraint.columns.length === 0 ||
      constraint.columns.some((column) => touched.has(column));
    if (constraint.table === now.oid && write.does !== "delete" && meets)
      return unproven(REHEARSAL.constraint, `${says}, and the query writes its columns: the values decide`);
    const parent =
      constraint.kind === "foreignKey" && constraint.parent === now.oid && write.does !== "insert";
    if (parent && (write.does === "delete" || constraint.parentColumns.some((column) => touched.has(column))))
      return unproven(REHEARSAL.constraint, `${says}, and the query changes rows it may refer to`);
  }
  return undefined;
}

const WORDS = {
  check: "the CHECK",
  unique: "the unique index",
  foreignKey: "the foreign key",
  exclusion: "the exclusion constraint",
} as const satisfies Record<Constraint["kind"], string>;

function triggered(was: Table, now: Table): Verdict | undefined {
  const known = new Set(was.triggers.map((trigger) => JSON.stringify(trigger)));
  const added = now.triggers.find((trigger) => !known.has(JSON.stringify(trigger)));
  if (added === undefined) return undefined;
  return unproven(
    REHEARSAL.body,
    `the trigger ${added.name} is new or changed, and what it does is not proven`,
  );
}

function judgeTables(use: Use, { before, after }: Delta): Verdict | undefined {
  for (const { schema, name } of use.tables) {
    const was = tableNamed(before, schema, name);
    const now = was === undefined ? undefined : after.tables.get(was.oid);
    if (was === undefined || now === undefined) continue;
    if (now.rowSecurity && !was.rowSecurity)
      return unproven(REHEARSAL.constraint, `row security of ${now.name} is on now: its policies decide`);
    const lost = was.grants.find((grant) => !now.grants.includes(grant));
    if (lost !== undefined && now.grants.length > 0)
      return unproven(
        REHEARSAL.constraint,
        `rights on ${now.name} changed; --role says who sends the queries`,
      );
  }
  return undefined;
}

/** Bodies of functions are text to the server until they run. */
function judgeBodies(use: Use, { before, changed }: Delta): Verdict | undefined {
  if (changed.length === 0) return undefined;
  const names = new RegExp(
    `\\b(?:${changed.map((name) => name.replaceAll(/[^\w]/gu, String.raw`\$&`)).join("|")})\\b`,
    "u",
  );
  const called = before.functions.find(({ name, body }) => use.functions.includes(name) && names.test(body));
  const triggers = use.writes.flatMap(
    ({ schema, table }) => tableNamed(before, schema, table)?.triggers ?? [],
  );
  const fired = triggers.find(({ body }) => names.test(body));
  const found =
    called === undefined
      ? fired === undefined
        ? undefined
        : `trigger ${fired.name}`
      : `function ${called.name}`;
  if (found === undefined) return undefined;
  return unproven(
    REHEARSAL.body,
    `the body of ${found} names a table that changes, and bodies are not proven`,
  );
}

function quoted(name: string): string {
  return /^[a-z_][a-z0-9_]*$/u.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
}

function quotedTable(name: string): string {
  return name.split(".").map(quoted).join(".");
}

/** What only the real rows can tell, as queries that read and count; one row with 0 is the answer that is hoped for. */
export function questions({ before, after, constraints }: Delta): readonly string[] {
  const asked = [...before.tables.values()].flatMap((was) => {
    const later = after.tables.get(was.oid)?.columns ?? [];
    return was.columns
      .filter(
        ({ number, notNull }) =>
          !notNull && later.find((column) => column.number === number)?.notNull === true,
      )
      .map(({ name }) => `SELECT count(*) FROM ${quotedTable(was.name)} WHERE ${quoted(name)} IS NULL;`);
  });
  return [...asked, ...constraints.flatMap((constraint) => question(constraint, before))];
}

function question(constraint: Constraint, { tables }: Catalog): readonly string[] {
  const table = tables.get(constraint.table);
  const parent = tables.get(constraint.parent);
  const names = namesIn(table, constraint.columns);
  if (table === undefined || names === undefined) return [];
  const from = quotedTable(table.name);
  switch (constraint.kind) {
    case "check":
      return [`SELECT count(*) FROM ${from} WHERE NOT (${constraint.definition});`];
    case "unique": {
      if (names.length === 0 || constraint.definition.includes(" WHERE ")) return [];
      const given = names.map((name) => `${name} IS NOT NULL`).join(" AND ");
      return [
        `SELECT count(*) FROM (SELECT 1 FROM ${from} WHERE ${given} GROUP BY ${names.join(", ")} HAVING count(*) > 1) twice;`,
      ];
    }
    case "foreignKey": {
      const keys = namesIn(parent, constraint.parentColumns);
      if (parent === undefined || keys === undefined) return [];
      const given = names.map((name) => `c.${name} IS NOT NULL`).join(" AND ");
      const same = names.map((name, index) => `p.${keys[index]} = c.${name}`).join(" AND ");
      return [
        `SELECT count(*) FROM ${from} c WHERE ${given} AND NOT EXISTS (SELECT 1 FROM ${quotedTable(parent.name)} p WHERE ${same});`,
      ];
    }
    case "exclusion":
      return [];
  }
}

/** Undefined where one of them is not there before the migration: then there are no rows to ask about. */
function namesIn(table: Table | undefined, columns: readonly number[]): readonly string[] | undefined {
  const names = columns.map((number) => table?.columns.find((column) => column.number === number)?.name);
  return names.every((name) => name !== undefined) ? names.map(quoted) : undefined;
}
