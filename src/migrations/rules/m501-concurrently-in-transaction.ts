import { rule } from "./rule.ts";

export const concurrentlyInTransaction = rule(
  {
    code: "TEAL-M501",
    name: "concurrently-in-transaction",
    title: "CONCURRENTLY fails in a transaction",
    class: "fails",
    certainty: "certain",
    phase: "expand",
    why: "The server refuses it in a transaction, so the migration fails. Its tool has an option to run the file without one.",
    evidence: "The server answers 25001 active_sql_transaction.",
    bad: "BEGIN;\nCREATE INDEX CONCURRENTLY users_mail ON users (mail);\nCOMMIT;",
    good: "CREATE INDEX CONCURRENTLY users_mail ON users (mail);",
  },
  ["createIndex", "drop", "reindex", "detachPartition"],
  (change, context) => {
    if (!change.concurrently || !context.inTransaction) return undefined;
    return { says: `${context.migration.layout} or BEGIN runs this in a transaction, where it is refused` };
  },
);
