import { rule } from "./rule.ts";

export const typeRewrite = rule(
  {
    code: "TEAL-M302",
    name: "type-rewrite",
    title: "Changing a type may write the whole table again",
    class: "rewrites",
    certainty: "certain",
    phase: "never",
    why: "Nobody reads or writes the table (ACCESS EXCLUSIVE) while every row and every index of it is written again. A second column, filled in batches, spares that.",
    evidence:
      "Measured on PostgreSQL 11 to 18: int to bigint, json to jsonb and others rewrite; a longer varchar, varchar to text and numeric without a limit do not, int, char or an enum to text does; timestamp to timestamptz only where TimeZone is not UTC.",
    bad: "ALTER TABLE users ALTER COLUMN id TYPE bigint;",
    good: "ALTER TABLE users ADD COLUMN id8 bigint;",
  },
  ["alterType"],
  (change, context) => {
    if (context.isNew(change.table)) return undefined;
    const { name } = change.type;
    const depends = ["varchar", "numeric", "timestamptz", "timestamp", "bpchar", "varbit", "text"].includes(
      name,
    );
    return {
      says: `${change.table} may be written anew for ${change.column} ${name}`,
      certainty: depends ? "possible" : "certain",
    };
  },
);
