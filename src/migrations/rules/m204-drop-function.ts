import { rule } from "./rule.ts";

export const dropFunction = rule(
  {
    code: "TEAL-M204",
    name: "drop-function",
    title: "A function is dropped that the live version may call",
    class: "breaksLive",
    certainty: "certain",
    phase: "contract",
    why: "Every call of the live version fails from this moment, also those within views, defaults and triggers. Made anew with other parameters it is another function to the server.",
    evidence: "The server answers 42883 undefined_function.",
    bad: "DROP FUNCTION total(int);",
    good: "CREATE FUNCTION total(bigint) RETURNS bigint LANGUAGE sql AS 'SELECT $1';",
  },
  ["drop"],
  (change, context) => {
    if (change.what !== "function") return undefined;
    const made = new Set(
      [...context.before("createFunction"), ...context.after("createFunction")].map(({ name }) => name),
    );
    const anew = change.names.every((name) => made.has(name)) && context.inTransaction;
    return {
      says: `drops ${change.names.join(", ")}${anew ? " and makes it anew" : ""}`,
      certainty: anew ? "possible" : "certain",
    };
  },
);
