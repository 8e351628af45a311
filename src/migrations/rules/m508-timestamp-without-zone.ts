import { rule } from "./rule.ts";

export const timestampWithoutZone = rule(
  {
    code: "TEAL-M508",
    name: "timestamp-without-zone",
    title: "A timestamp without time zone names no moment",
    class: "practice",
    certainty: "certain",
    phase: "expand",
    why: "Two servers or sessions with another TimeZone read another moment from it. timestamptz takes the same room.",
    evidence: 'PostgreSQL\'s documentation, "Date/Time Types".',
    bad: "CREATE TABLE a (id bigint PRIMARY KEY, at timestamp);",
    good: "CREATE TABLE a (id bigint PRIMARY KEY, at timestamptz);",
  },
  ["createTable", "addColumn"],
  (change) => {
    const columns = change.is === "createTable" ? change.columns : [change.column];
    const found = columns.find(({ type, generated }) => generated === "no" && type.name === "timestamp");
    return found === undefined ? undefined : { says: `${found.name} is a timestamp without time zone` };
  },
);
