import { rule, id } from "./rule.ts";

export const indexNotConcurrent = rule(
  {
    code: "TEAL-M301",
    name: "index-not-concurrent",
    title: "An index is built while writes wait",
    class: "locks",
    certainty: "certain",
    phase: "expand",
    why: "CREATE INDEX holds SHARE on the table until the transaction ends: every INSERT, UPDATE and DELETE waits while all rows are read. CONCURRENTLY lets them through.",
    evidence: "Measured on PostgreSQL 11 to 18: SHARE and a scan; CONCURRENTLY takes SHARE UPDATE EXCLUSIVE.",
    bad: "CREATE INDEX users_mail ON users (mail);",
    good: "CREATE INDEX CONCURRENTLY users_mail ON users (mail);",
  },
  ["createIndex"],
  (change, context) => {
    if (change.concurrently || context.isNew(change.table)) return undefined;
    const unique = change.unique ? "UNIQUE " : "";
    const plain = change.columns.every((column) => column !== "(expression)") && change.method === "btree";
    return {
      says: `writes to ${change.table} wait until ${change.name ?? "the index"} is built`,
      ...(plain && change.name !== undefined
        ? {
            safe: `CREATE ${unique}INDEX CONCURRENTLY ${id(change.name)} ON ${id(change.table)} (${change.columns.map(id).join(", ")}); -- outside of a transaction`,
          }
        : {}),
    };
  },
);
