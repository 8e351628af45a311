import { ofReading } from "./rule.ts";

export const psqlCommand = ofReading({
  code: "TEAL-M103",
  name: "psql-command",
  title: "A command of psql does something that is not read",
  class: "unread",
  certainty: "possible",
  phase: "never",
  why: "psql runs another file, a shell or the result of a query here. What that does to the database was not judged.",
  evidence: 'psql\'s documentation, "Meta-Commands".',
  bad: "\\i other.sql",
  good: "\\echo done\nSELECT 1;",
});
