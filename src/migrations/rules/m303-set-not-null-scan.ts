import { rule, id } from "./rule.ts";

export const setNotNullScan = rule(
  {
    code: "TEAL-M303",
    name: "set-not-null-scan",
    title: "SET NOT NULL reads all rows while nobody else may",
    class: "scans",
    certainty: "certain",
    phase: "contract",
    why: "The table is locked for reads and writes (ACCESS EXCLUSIVE) while all rows are checked. A validated CHECK (column IS NOT NULL) proves it without reading, from 12 on.",
    evidence: "Measured on PostgreSQL 11 to 18: ACCESS EXCLUSIVE and a scan; none given a validated CHECK.",
    bad: "ALTER TABLE users ALTER COLUMN mail SET NOT NULL;",
    good: "ALTER TABLE users ADD CONSTRAINT mail_there CHECK (mail IS NOT NULL) NOT VALID;\nALTER TABLE users VALIDATE CONSTRAINT mail_there;\nALTER TABLE users ALTER COLUMN mail SET NOT NULL;\nALTER TABLE users DROP CONSTRAINT mail_there;",
  },
  ["setNotNull"],
  (change, context) => {
    const { table, column } = change;
    if (context.isNew(table) || context.isProvenNotNull(table, column)) return undefined;
    const check = id(`${column}_not_null`);
    return {
      says: `all rows of ${table} are checked while nobody may read or write it`,
      safe: `ALTER TABLE ${id(table)} ADD CONSTRAINT ${check} CHECK (${id(column)} IS NOT NULL) NOT VALID;\nALTER TABLE ${id(table)} VALIDATE CONSTRAINT ${check};\nALTER TABLE ${id(table)} ALTER COLUMN ${id(column)} SET NOT NULL;\nALTER TABLE ${id(table)} DROP CONSTRAINT ${check};`,
    };
  },
);
