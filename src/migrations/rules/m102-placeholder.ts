import { ofReading } from "./rule.ts";

export const placeholder = ofReading({
  code: "TEAL-M102",
  name: "placeholder",
  title: "A placeholder hides what the statement does",
  class: "unread",
  certainty: "certain",
  phase: "never",
  why: "The text holds a placeholder that a tool fills in, and not only where a name stands. Until it is filled in nobody can say what the statement does.",
  evidence: "Placeholders in the place of a name are read as a name; this one is not.",
  bad: "CREATE TABLE a (${columns});",
  good: "CREATE TABLE ${schema}.a (id bigint PRIMARY KEY);",
});
