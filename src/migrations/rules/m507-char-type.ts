import { rule } from "./rule.ts";

export const charType = rule(
  {
    code: "TEAL-M507",
    name: "char-type",
    title: "char(n) pads with spaces",
    class: "practice",
    certainty: "certain",
    phase: "expand",
    why: "Values are filled up with spaces, which comparisons ignore in some places and not in others. text costs no more.",
    evidence: 'PostgreSQL\'s documentation, "Character Types".',
    bad: "CREATE TABLE a (id bigint PRIMARY KEY, code char(3));",
    good: "CREATE TABLE a (id bigint PRIMARY KEY, code text);",
  },
  ["createTable", "addColumn"],
  (change) => {
    const columns = change.is === "createTable" ? change.columns : [change.column];
    const found = columns.find(({ type, generated }) => generated === "no" && type.name === "bpchar");
    return found === undefined ? undefined : { says: `${found.name} is char` };
  },
);
