import { rule } from "./rule.ts";

export const rowSecurity = rule(
  {
    code: "TEAL-M222",
    name: "row-security",
    title: "Row-level security hides rows from the live version",
    class: "breaksLive",
    certainty: "certain",
    phase: "contract",
    why: "Without a policy that admits it, a role that is not the owner sees no row from now on, without any error. Policies made in the same transaction close the gap, if they admit the live version.",
    evidence: "PostgreSQL's documentation: default-deny where no policy exists.",
    bad: "ALTER TABLE users ENABLE ROW LEVEL SECURITY;",
    good: "CREATE TABLE notes (id bigint PRIMARY KEY);\nALTER TABLE notes ENABLE ROW LEVEL SECURITY;",
  },
  ["enableRowSecurity"],
  (change, context) => {
    if (context.isNew(change.table)) return undefined;
    const policies = [...context.before("createPolicy"), ...context.after("createPolicy")];
    const covered = context.inTransaction && policies.some(({ table }) => table === change.table);
    return {
      says: `${change.table} shows only what a policy admits`,
      certainty: covered ? "possible" : "certain",
    };
  },
);
