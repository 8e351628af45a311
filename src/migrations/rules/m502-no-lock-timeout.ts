import { needsTableAlone } from "./context.ts";
import { rule } from "./rule.ts";

export const noLockTimeout = rule(
  {
    code: "TEAL-M502",
    name: "no-lock-timeout",
    title: "Nothing limits how long this waits for its lock",
    class: "practice",
    certainty: "certain",
    phase: "expand",
    why: "While it waits behind one long query, every query that comes waits behind it, reads included. With a lock_timeout it gives up and can be tried again.",
    evidence: "PostgreSQL's lock queue is first come, first served.",
    bad: "ALTER TABLE users ADD COLUMN mail text;",
    good: "SET lock_timeout = '2s';\nALTER TABLE users ADD COLUMN mail text;",
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
    if (context.hasLockTimeout || table === undefined || !context.once("M502")) return undefined;
    return { says: `waits for ${table} without a limit`, safe: "SET lock_timeout = '2s';" };
  },
);
