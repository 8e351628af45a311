import { rule, id } from "./rule.ts";

export const indexIfNotExists = rule(
  {
    code: "TEAL-M506",
    name: "index-if-not-exists",
    title: "IF NOT EXISTS takes an invalid index for a good one",
    class: "practice",
    certainty: "certain",
    phase: "expand",
    why: "A concurrent build that failed leaves an invalid index of this name, which serves no query. The next attempt finds the name and does nothing.",
    evidence: 'PostgreSQL\'s documentation, "Building Indexes Concurrently".',
    bad: "CREATE INDEX CONCURRENTLY IF NOT EXISTS users_mail ON users (mail);",
    good: "DROP INDEX CONCURRENTLY IF EXISTS users_mail;\nCREATE INDEX CONCURRENTLY users_mail ON users (mail);",
  },
  ["createIndex"],
  (change, context) => {
    if (!change.concurrently || !change.ifNotExists || change.name === undefined) return undefined;
    const name = change.name;
    if (context.before("drop").some(({ what, names }) => what === "index" && names.includes(name)))
      return undefined;
    return { says: `an invalid ${name} would stay`, safe: `DROP INDEX CONCURRENTLY IF EXISTS ${id(name)};` };
  },
);
