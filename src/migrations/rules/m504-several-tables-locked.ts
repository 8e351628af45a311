import { needsTableAlone } from "./context.ts";
import { rule } from "./rule.ts";

export const severalTablesLocked = rule(
  {
    code: "TEAL-M504",
    name: "several-tables-locked",
    title: "One transaction locks several tables one after the other",
    class: "practice",
    certainty: "certain",
    phase: "expand",
    why: "It keeps the first locked while it waits for the next, and may meet a query that took them the other way round (a deadlock). A transaction for each table does not.",
    evidence: "The server answers 40P01 deadlock_detected.",
    bad: "BEGIN;\nALTER TABLE users ADD COLUMN a int;\nALTER TABLE orders ADD COLUMN b int;\nCOMMIT;",
    good: "ALTER TABLE users ADD COLUMN a int;\nALTER TABLE orders ADD COLUMN b int;",
  },
  [
    "addColumn",
    "dropColumn",
    "alterType",
    "setNotNull",
    "dropNotNull",
    "dropDefault",
    "setDefault",
    "dropConstraint",
    "enableRowSecurity",
    "addConstraint",
    "rename",
    "drop",
    "truncate",
  ],
  (change, context) => {
    const table = needsTableAlone(change, context);
    if (table === undefined) return undefined;
    const other = context.earlier(
      (earlier) => ![undefined, table].includes(needsTableAlone(earlier, context)),
    );
    if (other === undefined || !context.once(`M504 ${table}`)) return undefined;
    return { says: `waits for ${table} while ${needsTableAlone(other, context) ?? ""} stays locked` };
  },
);
