import { rule } from "./rule.ts";

export const noPrimaryKey = rule(
  {
    code: "TEAL-M512",
    name: "no-primary-key",
    title: "A table has no primary key",
    class: "practice",
    certainty: "certain",
    phase: "expand",
    why: "Backfills cannot go through it in batches, and logical replication refuses its updates. A key can be added later only by reading all rows.",
    evidence: 'PostgreSQL\'s documentation, "Publication": REPLICA IDENTITY.',
    bad: "CREATE TABLE a (id bigint);",
    good: "CREATE TABLE a (id bigint PRIMARY KEY);",
  },
  ["createTable"],
  (change, context) => {
    if (
      change.temporary ||
      change.partitionOf !== undefined ||
      change.inherits.length > 0 ||
      change.columns.length === 0
    )
      return undefined;
    const all = [...change.constraints, ...change.columns.flatMap(({ constraints }) => constraints)];
    if (all.some(({ kind }) => kind === "primary")) return undefined;
    const later = context
      .after("addConstraint")
      .some(({ table, constraint }) => table === change.table && constraint.kind === "primary");
    return later ? undefined : { says: `${change.table} has no primary key` };
  },
);
