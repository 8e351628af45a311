import { rule, id } from "./rule.ts";

export const uniqueBuildsIndex = rule(
  {
    code: "TEAL-M306",
    name: "unique-builds-index",
    title: "A unique or primary key is built while nobody may use the table",
    class: "locks",
    certainty: "certain",
    phase: "expand",
    why: "Reads and writes wait (ACCESS EXCLUSIVE) while the index is built from all rows. An index built CONCURRENTLY before is only taken over.",
    evidence:
      "Measured on PostgreSQL 11 to 18: ACCESS EXCLUSIVE and a scan; USING INDEX takes it for an instant.",
    bad: "ALTER TABLE users ADD CONSTRAINT users_mail_key UNIQUE (mail);",
    good: "CREATE UNIQUE INDEX CONCURRENTLY users_mail_key ON users (mail);\nALTER TABLE users ADD CONSTRAINT users_mail_key UNIQUE USING INDEX users_mail_key;",
  },
  ["addConstraint"],
  (change, context) => {
    if (context.isNew(change.table)) return undefined;
    const { kind, usingIndex, columns } = change.constraint;
    if ((kind !== "unique" && kind !== "primary") || usingIndex !== undefined) return undefined;
    const name =
      change.constraint.name ??
      `${change.table.split(".").at(-1) ?? ""}_${kind === "primary" ? "pkey" : `${columns.join("_")}_key`}`;
    const word = kind === "primary" ? "PRIMARY KEY" : "UNIQUE";
    return {
      says: `nobody may use ${change.table} until the index of ${name} is built`,
      safe: `CREATE UNIQUE INDEX CONCURRENTLY ${id(name)} ON ${id(change.table)} (${columns.map(id).join(", ")}); -- outside of a transaction\nALTER TABLE ${id(change.table)} ADD CONSTRAINT ${id(name)} ${word} USING INDEX ${id(name)};`,
    };
  },
);
