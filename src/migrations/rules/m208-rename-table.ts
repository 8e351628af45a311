import { rule, id } from "./rule.ts";

export const renameTable = rule(
  {
    code: "TEAL-M208",
    name: "rename-table",
    title: "A table or view is renamed under the live version",
    class: "breaksLive",
    certainty: "certain",
    phase: "never",
    why: "The live version asks for the name that is gone. A view of that name, made in the same transaction, serves it until the contract phase.",
    evidence:
      "The server answers 42P01 undefined_table; through such a view SELECT, INSERT, UPDATE, DELETE and ON CONFLICT were measured to work, TRUNCATE and COPY not.",
    bad: "ALTER TABLE orders RENAME TO purchases;",
    good: "BEGIN;\nALTER TABLE orders RENAME TO purchases;\nCREATE VIEW orders WITH (security_invoker = true) AS SELECT * FROM purchases;\nCOMMIT;",
  },
  ["rename"],
  (change, context) => {
    if (!["table", "view", "matview", "sequence"].includes(change.what) || context.isNew(change.name))
      return undefined;
    const covered =
      context.inTransaction && context.after("createView").some(({ name }) => name === change.name);
    if (covered) return undefined;
    return {
      says: `renames ${change.name} to ${change.to}`,
      ...(change.what === "table"
        ? {
            safe: `BEGIN;\nALTER TABLE ${id(change.name)} RENAME TO ${id(change.to)};\nCREATE VIEW ${id(change.name)} WITH (security_invoker = true) AS SELECT * FROM ${id(change.to)}; -- from 15 on\nCOMMIT;`,
          }
        : {}),
    };
  },
);
