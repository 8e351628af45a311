import { rule, id } from "./rule.ts";

export const dropIndexNotConcurrent = rule(
  {
    code: "TEAL-M310",
    name: "drop-index-not-concurrent",
    title: "Dropping an index waits for every query, and all later ones for it",
    class: "locks",
    certainty: "possible",
    phase: "contract",
    why: "DROP INDEX asks for ACCESS EXCLUSIVE on the table, so it waits for every running query while those that come wait behind it. CONCURRENTLY lets them pass.",
    evidence:
      "Measured on PostgreSQL 11 to 18: ACCESS EXCLUSIVE, briefly; CONCURRENTLY takes SHARE UPDATE EXCLUSIVE.",
    bad: "DROP INDEX users_mail;",
    good: "DROP INDEX CONCURRENTLY users_mail;",
  },
  ["drop"],
  (change) => {
    if (change.what !== "index" || change.concurrently) return undefined;
    return {
      says: `${change.names.join(", ")} is dropped only when no query runs`,
      safe: `DROP INDEX CONCURRENTLY ${change.names.map(id).join(", ")}; -- outside of a transaction`,
    };
  },
);
