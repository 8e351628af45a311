import { rule } from "./rule.ts";

export const dropLocksParent = rule(
  {
    code: "TEAL-M312",
    name: "drop-locks-parent",
    title: "Dropping a foreign key locks the table it points to as well",
    class: "locks",
    certainty: "possible",
    phase: "contract",
    why: "DROP TABLE and DROP CONSTRAINT take ACCESS EXCLUSIVE on the other side of a foreign key too: a busy parent is held up by the end of a small child. With a lock_timeout and alone in its transaction it fails instead of waiting.",
    evidence:
      "Measured on PostgreSQL 11 to 18: ACCESS EXCLUSIVE on the parent too; it caused ankane/strong_migrations#119.",
    bad: "ALTER TABLE orders DROP CONSTRAINT buyer;",
    good: "SET lock_timeout = '2s';\nALTER TABLE orders DROP CONSTRAINT buyer;",
  },
  ["dropConstraint", "drop"],
  (change, context) => {
    if (context.hasLockTimeout) return undefined;
    if (change.is === "dropConstraint")
      return context.isNew(change.table)
        ? undefined
        : { says: `if ${change.name} is a foreign key, the table it points to is locked too` };
    if (change.what !== "table" || change.names.every((name) => context.isNew(name))) return undefined;
    return { says: `tables that ${change.names.join(", ")} points to are locked too` };
  },
);
