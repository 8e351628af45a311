import { rule } from "./rule.ts";

export const dropTable = rule(
  {
    code: "TEAL-M202",
    name: "drop-table",
    title: "A table is dropped that the live version may use",
    class: "breaksLive",
    certainty: "certain",
    phase: "contract",
    why: "Every query of the live version on the table fails from this moment, and its rows are gone for good. A rollback does not bring them back.",
    evidence: "The server answers 42P01 undefined_table.",
    bad: "DROP TABLE sessions;",
    good: "CREATE TABLE next_sessions (id bigint PRIMARY KEY);",
  },
  ["drop"],
  (change, context) => {
    if (change.what !== "table" && change.what !== "foreign table") return undefined;
    const names = change.names.filter((name) => !context.isNew(name));
    return names.length === 0 ? undefined : { says: `drops ${names.join(", ")} with all rows` };
  },
);
