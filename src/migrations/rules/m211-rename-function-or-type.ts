import { rule } from "./rule.ts";

export const renameFunctionOrType = rule(
  {
    code: "TEAL-M211",
    name: "rename-function-or-type",
    title: "A function or type is renamed",
    class: "breaksLive",
    certainty: "certain",
    phase: "never",
    why: "The live version calls or names what is gone and fails. A second one under the name that comes serves both.",
    evidence: "The server answers 42883 or 42704.",
    bad: "ALTER FUNCTION total(int) RENAME TO sum_of;",
    good: "CREATE FUNCTION sum_of(int) RETURNS int LANGUAGE sql AS 'SELECT total($1)';",
  },
  ["rename"],
  (change) => {
    return ["function", "type", "domain"].includes(change.what)
      ? { says: `renames ${change.name} to ${change.to}` }
      : undefined;
  },
);
