import { rule } from "./rule.ts";

export const columnReused = rule(
  {
    code: "TEAL-M226",
    name: "column-reused",
    title: "A name is used again for another column",
    class: "losesData",
    certainty: "certain",
    phase: "never",
    why: "The values are lost, and the live version reads and writes something else under the name it knows, without any error. A column under another name serves both.",
    evidence: "Dropping and adding makes another column (pg_attribute.attnum).",
    bad: "ALTER TABLE users DROP COLUMN age;\nALTER TABLE users ADD COLUMN age date;",
    good: "ALTER TABLE users ADD COLUMN born date;",
  },
  ["addColumn"],
  (change, context) => {
    if (context.isNew(change.table)) return undefined;
    const gone = context
      .before("dropColumn")
      .some(({ table, column }) => table === change.table && column === change.column.name);
    return gone
      ? { says: `${change.table}.${change.column.name} was dropped above and is another column now` }
      : undefined;
  },
);
