import { rule } from "./rule.ts";

export const rewriteCommand = rule(
  {
    code: "TEAL-M317",
    name: "rewrite-command",
    title: "The table is written anew while nobody may use it",
    class: "rewrites",
    certainty: "certain",
    phase: "never",
    why: "Reads and writes wait (ACCESS EXCLUSIVE) until every row is written into another file. Tools such as pg_repack do it beside them.",
    evidence: "Measured on PostgreSQL 11 to 18: ACCESS EXCLUSIVE and a rewrite.",
    bad: "VACUUM FULL users;",
    good: "VACUUM users;",
  },
  ["rewrite"],
  (change, context) => {
    return context.isNew(change.table)
      ? undefined
      : { says: `${change.by} writes ${change.table || "every table"} anew` };
  },
);
