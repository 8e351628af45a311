import { rule, id } from "./rule.ts";

export const foreignKeyScan = rule(
  {
    code: "TEAL-M305",
    name: "foreign-key-scan",
    title: "Adding a foreign key holds off writes to both tables",
    class: "locks",
    certainty: "certain",
    phase: "expand",
    why: "Writes to both tables wait (SHARE ROW EXCLUSIVE) while every row is looked up. NOT VALID takes an instant, and VALIDATE lets writes through.",
    evidence:
      "Measured on PostgreSQL 11 to 18: SHARE ROW EXCLUSIVE on both and a scan; VALIDATE takes SHARE UPDATE EXCLUSIVE and ROW SHARE.",
    bad: "ALTER TABLE orders ADD CONSTRAINT buyer FOREIGN KEY (user_id) REFERENCES users (id);",
    good: "ALTER TABLE orders ADD CONSTRAINT buyer FOREIGN KEY (user_id) REFERENCES users (id) NOT VALID;\nALTER TABLE orders VALIDATE CONSTRAINT buyer;",
  },
  ["addConstraint"],
  (change, context) => {
    if (context.isNew(change.table)) return undefined;
    const { kind, notValid, name, references = "" } = change.constraint;
    if (kind !== "foreign" || notValid) return undefined;
    return {
      says: `writes to ${change.table} and ${references} wait while every row is looked up`,
      ...(name === undefined
        ? {}
        : {
            safe: `-- the same with NOT VALID at its end, then in a transaction of its own:\nALTER TABLE ${id(change.table)} VALIDATE CONSTRAINT ${id(name)};`,
          }),
    };
  },
);
