import { rule } from "./rule.ts";

export const uncommittedTransaction = rule(
  {
    code: "TEAL-M514",
    name: "uncommitted-transaction",
    title: "A transaction is never committed",
    class: "fails",
    certainty: "certain",
    phase: "never",
    why: "At the end of the file the connection closes and the server rolls everything back. The tool may still count the migration as applied.",
    evidence: "PostgreSQL rolls back what was not committed when a session ends.",
    bad: "BEGIN;\nCREATE TABLE a (id bigint PRIMARY KEY);",
    good: "BEGIN;\nCREATE TABLE a (id bigint PRIMARY KEY);\nCOMMIT;",
  },
  ["transaction"],
  (change, context) => {
    if (change.does !== "begin" || context.migration.transaction === "one") return undefined;
    const ends = context.after("transaction").some(({ does }) => does === "commit" || does === "rollback");
    return ends ? undefined : { says: "no COMMIT follows" };
  },
);
