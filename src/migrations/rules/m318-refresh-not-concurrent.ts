import { rule, id } from "./rule.ts";

export const refreshNotConcurrent = rule(
  {
    code: "TEAL-M318",
    name: "refresh-not-concurrent",
    title: "Refreshing a materialized view stops its readers",
    class: "locks",
    certainty: "certain",
    phase: "expand",
    why: "Readers of the view wait (ACCESS EXCLUSIVE) while its query runs. CONCURRENTLY, which needs a unique index on it, lets them read.",
    evidence: "Measured on PostgreSQL 11 to 18: ACCESS EXCLUSIVE; EXCLUSIVE with CONCURRENTLY.",
    bad: "REFRESH MATERIALIZED VIEW totals;",
    good: "REFRESH MATERIALIZED VIEW CONCURRENTLY totals;",
  },
  ["refresh"],
  (change, context) => {
    if (change.concurrently || context.before("createView").some(({ name }) => name === change.view))
      return undefined;
    return {
      says: `readers of ${change.view} wait while it is filled`,
      safe: `REFRESH MATERIALIZED VIEW CONCURRENTLY ${id(change.view)};`,
    };
  },
);
