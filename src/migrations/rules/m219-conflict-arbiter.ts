import { rule } from "./rule.ts";

export const conflictArbiter = rule(
  {
    code: "TEAL-M219",
    name: "conflict-arbiter",
    title: "ON CONFLICT may lose the index that decides",
    class: "breaksLive",
    certainty: "possible",
    phase: "contract",
    why: "INSERT ... ON CONFLICT of the live version needs a unique index or constraint on just these columns, by name or by list. Without it every such statement fails.",
    evidence:
      "Measured: the server answers 42P10 invalid_column_reference, at planning, which Describe alone does not show.",
    bad: "DROP INDEX CONCURRENTLY users_email_key;",
    good: "CREATE UNIQUE INDEX CONCURRENTLY users_email_key2 ON users (email);",
  },
  ["drop", "dropConstraint", "rename"],
  (change, context) => {
    if (change.is === "dropConstraint")
      return context.isNew(change.table)
        ? undefined
        : { says: `${change.name} may be what ON CONFLICT on ${change.table} needs` };
    if (change.is === "rename")
      return change.what === "constraint"
        ? { says: `ON CONFLICT ON CONSTRAINT ${change.name} finds nothing any more` }
        : undefined;
    if (change.what !== "index") return undefined;
    const made = new Set(context.before("createIndex").map(({ name }) => name));
    const names = change.names.filter((name) => !made.has(name));
    return names.length === 0 ? undefined : { says: `${names.join(", ")} may be what ON CONFLICT needs` };
  },
);
