import { rule, id } from "./rule.ts";

export const renameColumn = rule(
  {
    code: "TEAL-M207",
    name: "rename-column",
    title: "A column is renamed under the live version",
    class: "breaksLive",
    certainty: "certain",
    phase: "never",
    why: "The live version asks for the name that is gone, the candidate for the one that comes: one of them fails at any moment. Two columns, kept equal by a trigger, serve both.",
    evidence: "The server answers 42703 undefined_column.",
    bad: "ALTER TABLE users RENAME COLUMN email TO mail;",
    good: "ALTER TABLE users ADD COLUMN mail text;",
  },
  ["rename"],
  (change, context) => {
    const { table = "", name, to } = change;
    if (change.what !== "column" || context.isNewColumn(table, name)) return undefined;
    return {
      says: `renames ${table}.${name} to ${to}`,
      safe: `-- expand: add ${id(to)} with the same type, fill it by a trigger and in batches\n-- contract, once no version reads ${id(name)}:\nALTER TABLE ${id(table)} DROP COLUMN ${id(name)};`,
    };
  },
);
