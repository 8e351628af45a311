import { rule } from "./rule.ts";

export const truncate = rule(
  {
    code: "TEAL-M401",
    name: "truncate",
    title: "All rows of a table are removed",
    class: "losesData",
    certainty: "certain",
    phase: "never",
    why: "Every row is gone, for the live version at once, and a rollback of the service does not bring it back. Nobody may use the table meanwhile (ACCESS EXCLUSIVE).",
    evidence:
      "Measured on PostgreSQL 11 to 18: ACCESS EXCLUSIVE and another file; CASCADE also the tables that point to it.",
    bad: "TRUNCATE sessions;",
    good: "DELETE FROM sessions WHERE expires < now();",
  },
  ["truncate"],
  (change, context) => {
    const tables = change.tables.filter((table) => !context.isNew(table));
    return tables.length === 0
      ? undefined
      : {
          says: `removes all rows of ${tables.join(", ")}${change.cascade ? " and of every table that points there" : ""}`,
        };
  },
);
