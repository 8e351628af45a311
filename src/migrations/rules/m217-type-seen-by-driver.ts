import { rule } from "./rule.ts";

export const typeSeenByDriver = rule(
  {
    code: "TEAL-M217",
    name: "type-seen-by-driver",
    title: "A column's type changes under the live version",
    class: "breaksLive",
    certainty: "possible",
    phase: "never",
    why: "Drivers give each type its own value: int8 is a string to node-postgres where int4 was a number. Parameters, casts and comparisons of the live version may fail too.",
    evidence: "Measured with node-postgres: int4 to int8 turns numbers into strings.",
    bad: "ALTER TABLE users ALTER COLUMN id TYPE bigint;",
    good: "ALTER TABLE users ADD COLUMN id8 bigint;",
  },
  ["alterType"],
  (change, context) => {
    if (context.isNewColumn(change.table, change.column)) return undefined;
    return { says: `${change.table}.${change.column} is ${change.type.name} to every driver from now on` };
  },
);
