import { rule } from "./rule.ts";

export const dropCascade = rule(
  {
    code: "TEAL-M404",
    name: "drop-cascade",
    title: "CASCADE drops what nobody named",
    class: "losesData",
    certainty: "certain",
    phase: "never",
    why: "Views, foreign keys and columns that depend on it go with it, without a word about which. Drop them by name, or let the server refuse.",
    evidence: "PostgreSQL's documentation of DROP ... CASCADE.",
    bad: "DROP TYPE mood CASCADE;",
    good: "DROP TYPE mood;",
  },
  ["drop", "dropColumn"],
  (change, context) => {
    if (!change.cascade) return undefined;
    if (change.is === "dropColumn")
      return context.isNewColumn(change.table, change.column)
        ? undefined
        : { says: `whatever depends on ${change.table}.${change.column} goes too` };
    return change.names.every((name) => context.isNew(name))
      ? undefined
      : { says: `whatever depends on ${change.names.join(", ")} goes too` };
  },
);
