import { rule } from "./rule.ts";

export const addColumnWithConstraint = rule(
  {
    code: "TEAL-M309",
    name: "add-column-with-constraint",
    title: "A column comes with a constraint that reads all rows",
    class: "scans",
    certainty: "certain",
    phase: "expand",
    why: "CHECK, UNIQUE, or REFERENCES together with a default are checked for all rows while nobody may use the table (ACCESS EXCLUSIVE). Added afterwards they need no such lock.",
    evidence:
      "Measured on PostgreSQL 11 to 18: ACCESS EXCLUSIVE and a scan; REFERENCES also SHARE ROW EXCLUSIVE on the table it points to.",
    bad: "ALTER TABLE users ADD COLUMN age int CHECK (age > 0);",
    good: "ALTER TABLE users ADD COLUMN age int;\nALTER TABLE users ADD CONSTRAINT age_positive CHECK (age > 0) NOT VALID;\nALTER TABLE users VALIDATE CONSTRAINT age_positive;",
  },
  ["addColumn"],
  (change, context) => {
    if (context.isNew(change.table)) return undefined;
    const heavy = change.column.constraints.find(
      ({ kind }) => kind !== "foreign" || change.column.default !== "none",
    );
    return heavy === undefined
      ? undefined
      : { says: `all rows of ${change.table} are read for the ${heavy.kind} of ${change.column.name}` };
  },
);
