import { rule } from "./rule.ts";

export const moveToSchema = rule(
  {
    code: "TEAL-M209",
    name: "move-to-schema",
    title: "Something is moved to another schema, or its schema renamed",
    class: "breaksLive",
    certainty: "certain",
    phase: "never",
    why: "The live version finds nothing under the qualified name, or none under the bare one where the search path does not lead there. It fails from this moment.",
    evidence: "The server answers 42P01 or 3F000.",
    bad: "ALTER TABLE users SET SCHEMA accounts;",
    good: "CREATE VIEW accounts.users AS SELECT id FROM users;",
  },
  ["setSchema", "rename"],
  (change, context) => {
    if (change.is === "rename")
      return change.what === "schema" ? { says: `renames schema ${change.name} to ${change.to}` } : undefined;
    return context.isNew(change.name) ? undefined : { says: `moves ${change.name} to ${change.to}` };
  },
);
