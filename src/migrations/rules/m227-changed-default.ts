import { rule } from "./rule.ts";

export const changedDefault = rule(
  {
    code: "TEAL-M227",
    name: "changed-default",
    title: "A default changes what the live version writes",
    class: "breaksLive",
    certainty: "possible",
    phase: "expand",
    why: "INSERTs of the live version that leave the column out store the other value from now on. Nothing fails; it only means something else.",
    evidence: "Defaults are filled in by the server at each INSERT.",
    bad: "ALTER TABLE orders ALTER COLUMN state SET DEFAULT 'draft';",
    good: "ALTER TABLE orders ADD COLUMN stage text DEFAULT 'draft';",
  },
  ["setDefault"],
  (change, context) => {
    if (context.isNewColumn(change.table, change.column)) return undefined;
    return { says: `INSERTs without ${change.table}.${change.column} store another value` };
  },
);
