import { ofReading } from "./rule.ts";

export const knownOnlyAtRunTime = ofReading({
  code: "TEAL-M107",
  name: "known-only-at-run-time",
  title: "What a block does is known only when it runs",
  class: "unread",
  certainty: "possible",
  phase: "never",
  why: "The block puts a statement together when it runs, or is not PL/pgSQL. Its static statements were judged, this one could not be.",
  evidence: "Parsed by PostgreSQL's own PL/pgSQL parser.",
  bad: "DO $$ BEGIN EXECUTE format('ALTER TABLE %I ADD x int', current_setting('app.table')); END $$;",
  good: "DO $$ BEGIN ALTER TABLE users ADD COLUMN IF NOT EXISTS x int; END $$;",
});
