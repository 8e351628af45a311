import { rule } from "./rule.ts";

export const dropColumn = rule(
  {
    code: "TEAL-M201",
    name: "drop-column",
    title: "A column is dropped that the live version may use",
    class: "breaksLive",
    certainty: "certain",
    phase: "contract",
    why: "Every query of the live version that names the column fails from this moment, and its rows lose the values for good. After a rollback the column is still gone.",
    evidence: "The server answers 42703 undefined_column.",
    bad: "ALTER TABLE users DROP COLUMN email;",
    good: "ALTER TABLE users ALTER COLUMN email DROP NOT NULL;",
  },
  ["dropColumn"],
  (change, context) => {
    if (context.isNewColumn(change.table, change.column)) return undefined;
    return { says: `drops ${change.table}.${change.column}; its values are gone for good` };
  },
);
