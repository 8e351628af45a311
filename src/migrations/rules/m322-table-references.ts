import { rule } from "./rule.ts";

export const tableReferences = rule(
  {
    code: "TEAL-M322",
    name: "table-references",
    title: "A new table's foreign key waits for writers of the other one",
    class: "locks",
    certainty: "possible",
    phase: "expand",
    why: "REFERENCES takes SHARE ROW EXCLUSIVE on the table it points to until the transaction ends: it waits for running writes and holds off others. Alone in its transaction, with a lock_timeout, that is an instant.",
    evidence: "Measured on PostgreSQL 11 to 18: SHARE ROW EXCLUSIVE on the table that is referenced.",
    bad: "CREATE TABLE orders (id bigint PRIMARY KEY, user_id bigint REFERENCES users (id));",
    good: "CREATE TABLE orders (id bigint PRIMARY KEY, user_id bigint);",
  },
  ["createTable"],
  (change, context) => {
    if (context.hasLockTimeout) return undefined;
    const all = [...change.constraints, ...change.columns.flatMap(({ constraints }) => constraints)];
    const other = all.find(
      ({ references }) =>
        references !== undefined && references !== change.table && !context.isNew(references),
    )?.references;
    return other === undefined ? undefined : { says: `writes to ${other} wait until this transaction ends` };
  },
);
