import { rule } from "./rule.ts";

export const dropView = rule(
  {
    code: "TEAL-M203",
    name: "drop-view",
    title: "A view is dropped that the live version may read",
    class: "breaksLive",
    certainty: "certain",
    phase: "contract",
    why: "Every query of the live version on the view fails from this moment. Made anew in the same transaction it is never missing, but may have other columns.",
    evidence: "The server answers 42P01 undefined_table.",
    bad: "DROP VIEW open_orders;",
    good: "CREATE OR REPLACE VIEW open_orders AS SELECT id FROM orders;",
  },
  ["drop"],
  (change, context) => {
    if (change.what !== "view" && change.what !== "matview") return undefined;
    const made = new Set(
      [...context.before("createView"), ...context.after("createView")].map(({ name }) => name),
    );
    const anew = change.names.every((name) => made.has(name)) && context.inTransaction;
    return {
      says: `drops ${change.names.join(", ")}${anew ? " and makes it anew" : ""}`,
      certainty: anew ? "possible" : "certain",
    };
  },
);
