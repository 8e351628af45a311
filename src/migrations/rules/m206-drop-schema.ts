import { rule } from "./rule.ts";

export const dropSchema = rule(
  {
    code: "TEAL-M206",
    name: "drop-schema",
    title: "A schema is dropped",
    class: "breaksLive",
    certainty: "certain",
    phase: "contract",
    why: "Everything of the live version that lies in the schema is gone from this moment, rows included. A rollback does not bring it back.",
    evidence: "The server answers 3F000 or 42P01.",
    bad: "DROP SCHEMA billing CASCADE;",
    good: "CREATE SCHEMA IF NOT EXISTS billing;",
  },
  ["drop"],
  (change) => {
    return change.what === "schema" ? { says: `drops schema ${change.names.join(", ")}` } : undefined;
  },
);
