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
    if (context.isNew(change.table)) return undefined;
    // Where it is that method or tablespace already, nothing is written.
    const depends = change.by === "SET ACCESS METHOD" || change.by === "SET TABLESPACE";
    return {
      says: `${change.by} writes ${change.table || "every table"} anew`,
      certainty: depends ? "possible" : "certain",
    };
  },
);
