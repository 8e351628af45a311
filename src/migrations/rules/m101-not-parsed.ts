import { ofReading } from "./rule.ts";

export const notParsed = ofReading({
  code: "TEAL-M101",
  name: "not-parsed",
  title: "The statement is not PostgreSQL",
  class: "unread",
  certainty: "certain",
  phase: "never",
  why: "PostgreSQL's own grammar refuses the statement, so the migration would fail there. Nothing could be judged of it.",
  evidence: "Parsed by libpg-query, PostgreSQL 18's grammar.",
  bad: "ALTER TABEL users ADD COLUMN mail text;",
  good: "ALTER TABLE users ADD COLUMN mail text;",
});
