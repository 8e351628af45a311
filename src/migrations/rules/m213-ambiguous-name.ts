import { rule } from "./rule.ts";

export const ambiguousName = rule(
  {
    code: "TEAL-M213",
    name: "ambiguous-name",
    title: "A column's name may become ambiguous in a join",
    class: "breaksLive",
    certainty: "possible",
    phase: "expand",
    why: "A query that joins the table and uses this name without its table's finds two of them from now on. It fails until it says which.",
    evidence: "Measured: the server answers 42702 ambiguous_column.",
    bad: "ALTER TABLE orders ADD COLUMN email text;",
    good: "CREATE TABLE order_mails (id bigint PRIMARY KEY, email text);",
  },
  ["addColumn"],
  (change, context) => {
    if (context.isNew(change.table)) return undefined;
    return {
      says: `a join with ${change.table} that says ${change.column.name} without its table may mean two columns`,
    };
  },
);
