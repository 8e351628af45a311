import { rule } from "./rule.ts";

export const jsonType = rule(
  {
    code: "TEAL-M509",
    name: "json-type",
    title: "json has no equality",
    class: "practice",
    certainty: "certain",
    phase: "expand",
    why: "DISTINCT, GROUP BY and UNION fail on json, so a query that worked before it was there may fail. jsonb has an equality and indexes.",
    evidence: "The server answers 42883: could not identify an equality operator for type json.",
    bad: "CREATE TABLE a (id bigint PRIMARY KEY, data json);",
    good: "CREATE TABLE a (id bigint PRIMARY KEY, data jsonb);",
  },
  ["createTable", "addColumn"],
  (change) => {
    const columns = change.is === "createTable" ? change.columns : [change.column];
    const found = columns.find(({ type, generated }) => generated === "no" && type.name === "json");
    return found === undefined ? undefined : { says: `${found.name} is json` };
  },
);
