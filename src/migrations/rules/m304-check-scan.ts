import { rule, id } from "./rule.ts";

export const checkScan = rule(
  {
    code: "TEAL-M304",
    name: "check-scan",
    title: "Adding a CHECK or NOT NULL reads all rows while nobody else may",
    class: "scans",
    certainty: "certain",
    phase: "contract",
    why: "The table is locked for reads and writes (ACCESS EXCLUSIVE) while all rows are checked. NOT VALID takes an instant, and VALIDATE lets reads and writes through.",
    evidence:
      "Measured on PostgreSQL 11 to 18: ACCESS EXCLUSIVE and a scan; VALIDATE takes SHARE UPDATE EXCLUSIVE.",
    bad: "ALTER TABLE users ADD CONSTRAINT adult CHECK (age > 17);",
    good: "ALTER TABLE users ADD CONSTRAINT adult CHECK (age > 17) NOT VALID;\nALTER TABLE users VALIDATE CONSTRAINT adult;",
  },
  ["addConstraint"],
  (change, context) => {
    if (context.isNew(change.table)) return undefined;
    const { kind, notValid, name } = change.constraint;
    if ((kind !== "check" && kind !== "notNull") || notValid) return undefined;
    return {
      says: `all rows of ${change.table} are checked while nobody may read or write it`,
      ...(name === undefined
        ? {}
        : {
            safe: `-- the same with NOT VALID at its end, then in a transaction of its own:\nALTER TABLE ${id(change.table)} VALIDATE CONSTRAINT ${id(name)};`,
          }),
    };
  },
);
