import { rule } from "./rule.ts";

export const exclusionConstraint = rule(
  {
    code: "TEAL-M307",
    name: "exclusion-constraint",
    title: "An exclusion constraint is built while nobody may use the table",
    class: "locks",
    certainty: "certain",
    phase: "never",
    why: "Reads and writes wait (ACCESS EXCLUSIVE) while its index is built, and there is no concurrent way. A table of its own, filled in batches, is the way around.",
    evidence: "Measured on PostgreSQL 11 to 18: ACCESS EXCLUSIVE and a scan.",
    bad: "ALTER TABLE stays ADD CONSTRAINT apart EXCLUDE USING gist (room WITH =, during WITH &&);",
    good: "CREATE TABLE stays2 (room int, during tsrange, EXCLUDE USING gist (room WITH =, during WITH &&));",
  },
  ["addConstraint"],
  (change, context) => {
    if (context.isNew(change.table)) return undefined;
    return change.constraint.kind === "exclude"
      ? { says: `nobody may use ${change.table} until the index is built` }
      : undefined;
  },
);
