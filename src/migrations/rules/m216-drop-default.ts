import { rule } from "./rule.ts";

export const dropDefault = rule(
  {
    code: "TEAL-M216",
    name: "drop-default",
    title: "The live version may rely on the default",
    class: "breaksLive",
    certainty: "possible",
    phase: "contract",
    why: "INSERTs that leave the column out store NULL from now on, and fail where it is NOT NULL. The default costs nothing until the live version is gone.",
    evidence: "The server answers 23502 where the column is NOT NULL.",
    bad: "ALTER TABLE users ALTER COLUMN plan DROP DEFAULT;",
    good: "ALTER TABLE users ALTER COLUMN plan SET DEFAULT 'free';",
  },
  ["dropDefault"],
  (change, context) => {
    if (context.isNewColumn(change.table, change.column)) return undefined;
    return { says: `INSERTs that leave out ${change.table}.${change.column} get no value any more` };
  },
);
