import { rule } from "./rule.ts";

export const attachPartitionScan = rule(
  {
    code: "TEAL-M313",
    name: "attach-partition-scan",
    title: "Attaching a partition may read it and the default partition",
    class: "scans",
    certainty: "possible",
    phase: "expand",
    why: "The rows of the table that is attached are checked while nobody may use it, unless a CHECK proves its bounds; those of the default partition too. A CHECK on both before spares both.",
    evidence:
      "Measured on PostgreSQL 11 to 18: parent SHARE UPDATE EXCLUSIVE from 12 on, child and default partition ACCESS EXCLUSIVE and a scan.",
    bad: "ALTER TABLE events ATTACH PARTITION events_may FOR VALUES IN ('may');",
    good: "CREATE TABLE events_may (LIKE events);\nALTER TABLE events_june ADD CONSTRAINT june CHECK (month = 'june') NOT VALID;",
  },
  ["attachPartition"],
  (change, context) => {
    const checked = context.isNew(change.partition);
    return {
      says: checked
        ? `the default partition of ${change.table}, if any, is read`
        : `${change.partition} and the default partition of ${change.table}, if any, are read`,
    };
  },
);
