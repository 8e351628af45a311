import { rule } from "./rule.ts";

export const createPartitionOf = rule(
  {
    code: "TEAL-M315",
    name: "create-partition-of",
    title: "Making a partition locks the whole table",
    class: "locks",
    certainty: "certain",
    phase: "expand",
    why: "CREATE TABLE ... PARTITION OF takes ACCESS EXCLUSIVE on the parent, and reads the default partition. A table made alone and attached then takes less.",
    evidence:
      "Measured on PostgreSQL 11 to 18: ACCESS EXCLUSIVE on the parent; ATTACH takes SHARE UPDATE EXCLUSIVE from 12 on.",
    bad: "CREATE TABLE events_may PARTITION OF events FOR VALUES IN ('may');",
    good: "CREATE TABLE events_may (LIKE events INCLUDING ALL);",
  },
  ["createTable"],
  (change, context) => {
    const { partitionOf } = change;
    return partitionOf === undefined || context.isNew(partitionOf)
      ? undefined
      : { says: `all of ${partitionOf} is locked while ${change.table} is made` };
  },
);
