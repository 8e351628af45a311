import { rule } from "./rule.ts";

export const reindexNotConcurrent = rule(
  {
    code: "TEAL-M311",
    name: "reindex-not-concurrent",
    title: "An index is rebuilt while writes wait",
    class: "locks",
    certainty: "certain",
    phase: "never",
    why: "Writes to the table wait (SHARE), and queries that would use the index too, until it is rebuilt. CONCURRENTLY lets them through, from 12 on.",
    evidence: "Measured on PostgreSQL 11 to 18: SHARE and a scan.",
    bad: "REINDEX TABLE users;",
    good: "REINDEX TABLE CONCURRENTLY users;",
  },
  ["reindex"],
  (change, context) => {
    return change.concurrently || context.isNew(change.name)
      ? undefined
      : { says: `writes wait until ${change.name} is rebuilt` };
  },
);
