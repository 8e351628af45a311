import { rule } from "./rule.ts";

export const dropType = rule(
  {
    code: "TEAL-M205",
    name: "drop-type",
    title: "A type is dropped that the live version may name",
    class: "breaksLive",
    certainty: "certain",
    phase: "contract",
    why: "Casts and parameters of the live version that name the type fail from this moment. Drivers that looked its number up keep sending it.",
    evidence: "The server answers 42704 undefined_object.",
    bad: "DROP TYPE mood;",
    good: "CREATE TYPE mood2 AS ENUM ('good');",
  },
  ["drop"],
  (change) => {
    return change.what === "type" || change.what === "domain"
      ? { says: `drops ${change.names.join(", ")}` }
      : undefined;
  },
);
