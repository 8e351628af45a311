import { rule } from "./rule.ts";

export const setNotNullLive = rule(
  {
    code: "TEAL-M215",
    name: "set-not-null-live",
    title: "The live version may still write no value",
    class: "breaksLive",
    certainty: "possible",
    phase: "contract",
    why: "An INSERT or UPDATE of the live version that leaves the column empty fails from now on. It belongs behind the revision that always fills it.",
    evidence: "The server answers 23502 not_null_violation.",
    bad: "ALTER TABLE users ALTER COLUMN mail SET NOT NULL;",
    good: "ALTER TABLE users ALTER COLUMN mail SET DEFAULT '';",
  },
  ["setNotNull"],
  (change, context) => {
    if (context.isNewColumn(change.table, change.column)) return undefined;
    return { says: `the live version must fill ${change.table}.${change.column} from now on` };
  },
);
