import { rule, id } from "./rule.ts";

export const updateAll = rule(
  {
    code: "TEAL-M403",
    name: "update-all",
    title: "Every row is updated in one statement",
    class: "locks",
    certainty: "certain",
    phase: "never",
    why: "Each row stays locked until the transaction ends, and the table grows by as many dead rows. Batches by primary key, each in its own transaction, hold nobody up for long.",
    evidence: "The grammar: no WHERE and no FROM.",
    bad: "UPDATE users SET plan = 'free';",
    good: "UPDATE users SET plan = 'free' WHERE plan IS NULL AND id BETWEEN 1 AND 5000;",
  },
  ["update"],
  (change, context) => {
    if (!change.everyRow || context.isNew(change.table)) return undefined;
    return {
      says: `locks all rows of ${change.table} until the transaction ends`,
      safe: `-- again and again, until no row is left:\nUPDATE ${id(change.table)} SET ... WHERE id > $last AND id <= $last + 5000;`,
    };
  },
);
