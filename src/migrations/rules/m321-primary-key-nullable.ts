import { rule } from "./rule.ts";

export const primaryKeyNullable = rule(
  {
    code: "TEAL-M321",
    name: "primary-key-nullable",
    title: "A primary key over an index may still read all rows",
    class: "scans",
    certainty: "possible",
    phase: "expand",
    why: "USING INDEX takes an instant only where the columns are NOT NULL already. Otherwise all rows are checked while nobody may use the table.",
    evidence: "Measured on PostgreSQL 11 to 18: ACCESS EXCLUSIVE and a scan where a column is nullable.",
    bad: "ALTER TABLE users ADD CONSTRAINT users_pkey PRIMARY KEY USING INDEX users_id;",
    good: "ALTER TABLE users ADD CONSTRAINT users_id_key UNIQUE USING INDEX users_id;",
  },
  ["addConstraint"],
  (change, context) => {
    if (context.isNew(change.table)) return undefined;
    const { kind, usingIndex } = change.constraint;
    if (kind !== "primary" || usingIndex === undefined) return undefined;
    const columns = context.before("createIndex").find(({ name }) => name === usingIndex)?.columns;
    if (columns?.every((column) => context.isProvenNotNull(change.table, column)) === true) return undefined;
    return { says: `${change.table} is read where a column of ${usingIndex} is nullable` };
  },
);
