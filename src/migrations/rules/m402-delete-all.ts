import { rule } from "./rule.ts";

export const deleteAll = rule(
  {
    code: "TEAL-M402",
    name: "delete-all",
    title: "Every row is deleted",
    class: "losesData",
    certainty: "certain",
    phase: "never",
    why: "DELETE without WHERE removes what the live version works with, and a rollback of the service does not bring it back. Each row stays locked until the transaction ends.",
    evidence: "The grammar: no WHERE and no USING.",
    bad: "DELETE FROM sessions;",
    good: "DELETE FROM sessions WHERE expires < now();",
  },
  ["delete"],
  (change, context) => {
    return change.everyRow && !context.isNew(change.table)
      ? { says: `deletes all rows of ${change.table}` }
      : undefined;
  },
);
