import { needsTableAlone } from "./context.ts";
import { rule } from "./rule.ts";

export const dataUnderLock = rule(
  {
    code: "TEAL-M503",
    name: "data-under-lock",
    title: "Rows are changed while an earlier statement keeps the table locked",
    class: "locks",
    certainty: "certain",
    phase: "never",
    why: "The transaction holds ACCESS EXCLUSIVE from the change of the table until it ends, so nobody reads it while the rows are written. In a transaction of its own the data changes beside them.",
    evidence: "Locks are held until the end of the transaction.",
    bad: "BEGIN;\nALTER TABLE users ADD COLUMN plan text;\nUPDATE users SET plan = 'free' WHERE plan IS NULL;\nCOMMIT;",
    good: "ALTER TABLE users ADD COLUMN plan text;\nUPDATE users SET plan = 'free' WHERE plan IS NULL AND id < 5000;",
  },
  ["update", "delete", "insert"],
  (change, context) => {
    if (change.is === "insert" && !change.fromQuery) return undefined;
    const holder = context.earlier((earlier) => needsTableAlone(earlier, context) !== undefined);
    const table = holder === undefined ? undefined : needsTableAlone(holder, context);
    return table === undefined
      ? undefined
      : { says: `${table} stays locked while rows of ${change.table} are written` };
  },
);
