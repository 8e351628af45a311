import { rule } from "./rule.ts";

export const replaceView = rule(
  {
    code: "TEAL-M224",
    name: "replace-view",
    title: "A view is replaced that the live version may read",
    class: "breaksLive",
    certainty: "possible",
    phase: "expand",
    why: "Columns may only be added at the end, so lists of columns survive. Prepared statements with * do not, and other rows may come.",
    evidence: "The server answers 0A000 to those statements; 42P16 where columns were taken away.",
    bad: "CREATE OR REPLACE VIEW open_orders AS SELECT id, total FROM orders;",
    good: "CREATE VIEW open_orders2 AS SELECT id, total FROM orders;",
  },
  ["createView"],
  (change) => {
    return change.replaces ? { says: `${change.name} may give other columns or rows` } : undefined;
  },
);
