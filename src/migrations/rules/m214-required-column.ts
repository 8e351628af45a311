import { rule, id } from "./rule.ts";

export const requiredColumn = rule(
  {
    code: "TEAL-M214",
    name: "required-column",
    title: "A column is added that the live version does not fill",
    class: "breaksLive",
    certainty: "certain",
    phase: "contract",
    why: "INSERTs of the live version leave the column out and fail; where the table has rows the statement fails itself. A default that stays until the contract phase serves both.",
    evidence: "The server answers 23502 not_null_violation.",
    bad: "ALTER TABLE users ADD COLUMN plan text NOT NULL;",
    good: "ALTER TABLE users ADD COLUMN plan text NOT NULL DEFAULT 'free';",
  },
  ["addColumn"],
  (change, context) => {
    if (context.isNew(change.table)) return undefined;
    const { name, notNull, generated, type } = change.column;
    if (!notNull || generated !== "no" || change.column.default !== "none") return undefined;
    const added = `ALTER TABLE ${id(change.table)} ADD COLUMN ${id(name)}`;
    return {
      says: `${change.table}.${name} is NOT NULL without a default`,
      safe: `${added} ${type.name} NOT NULL DEFAULT /* a value that is right for rows of the live version */;`,
    };
  },
);
