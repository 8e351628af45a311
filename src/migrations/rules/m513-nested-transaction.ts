import { rule } from "./rule.ts";

export const nestedTransaction = rule(
  {
    code: "TEAL-M513",
    name: "nested-transaction",
    title: "BEGIN within the tool's own transaction",
    class: "practice",
    certainty: "certain",
    phase: "never",
    why: "The server only warns at BEGIN; the COMMIT then ends the tool's transaction early, and what follows runs outside of any. A failure behind it leaves half a migration.",
    evidence: "The server warns 25001 there is already a transaction in progress.",
    bad: "BEGIN;\nBEGIN;\nSELECT 1;\nCOMMIT;",
    good: "BEGIN;\nSELECT 1;\nCOMMIT;",
  },
  ["transaction"],
  (change, context) => {
    if (change.does !== "begin") return undefined;
    const inOne = context.migration.transaction === "one";
    const open =
      context.earlier((earlier) => earlier.is === "transaction" && earlier.does === "begin") !== undefined;
    return inOne || open ? { says: "a transaction is open already" } : undefined;
  },
);
