import { rule } from "./rule.ts";

export const dropDatabase = rule(
  {
    code: "TEAL-M405",
    name: "drop-database",
    title: "A database is dropped",
    class: "losesData",
    certainty: "certain",
    phase: "never",
    why: "Everything in it is gone. No migration of a service that runs does that.",
    evidence: "The server refuses only while somebody is connected.",
    bad: "DROP DATABASE shop;",
    good: "SELECT 1;",
  },
  ["dropDatabase"],
  (change) => {
    return { says: `drops database ${change.name}` };
  },
);
