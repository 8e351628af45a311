import { rule, id } from "./rule.ts";

export const addColumnRewrites = rule(
  {
    code: "TEAL-M308",
    name: "add-column-rewrites",
    title: "Adding the column writes the whole table again",
    class: "rewrites",
    certainty: "certain",
    phase: "expand",
    why: "The value may differ from row to row, so every row is written again while nobody may use the table. A column without it, then the default, then batches spare that.",
    evidence:
      "Measured on PostgreSQL 11 to 18: serial, identity, STORED and volatile defaults rewrite; a constant or now() does not.",
    bad: "ALTER TABLE users ADD COLUMN token uuid DEFAULT gen_random_uuid();",
    good: "ALTER TABLE users ADD COLUMN token uuid;\nALTER TABLE users ALTER COLUMN token SET DEFAULT gen_random_uuid();",
  },
  ["addColumn"],
  (change, context) => {
    if (context.isNew(change.table)) return undefined;
    const { name, generated, type } = change.column;
    const computed = generated !== "no" && generated !== "virtual";
    if (!computed && change.column.default !== "volatile") return undefined;
    return {
      says: `every row of ${change.table} is written anew to fill ${name}`,
      ...(computed
        ? {}
        : {
            safe: `ALTER TABLE ${id(change.table)} ADD COLUMN ${id(name)} ${type.name};\nALTER TABLE ${id(change.table)} ALTER COLUMN ${id(name)} SET DEFAULT /* the expression */;\n-- then fill the rows that are there in batches`,
          }),
    };
  },
);
