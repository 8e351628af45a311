import { rule, id } from "./rule.ts";

export const detachPartition = rule(
  {
    code: "TEAL-M314",
    name: "detach-partition",
    title: "Detaching a partition locks the whole table",
    class: "locks",
    certainty: "certain",
    phase: "contract",
    why: "Reads and writes of all partitions wait (ACCESS EXCLUSIVE on the parent). CONCURRENTLY, from 14 on and outside of a transaction, lets them through.",
    evidence:
      "Measured on PostgreSQL 11 to 18: ACCESS EXCLUSIVE on both; SHARE UPDATE EXCLUSIVE on the parent with CONCURRENTLY.",
    bad: "ALTER TABLE events DETACH PARTITION events_may;",
    good: "ALTER TABLE events DETACH PARTITION events_may CONCURRENTLY;",
  },
  ["detachPartition"],
  (change, context) => {
    if (change.concurrently || context.isNew(change.table)) return undefined;
    return {
      says: `all of ${change.table} is locked`,
      safe: `ALTER TABLE ${id(change.table)} DETACH PARTITION ${id(change.partition)} CONCURRENTLY; -- from 14 on`,
    };
  },
);
