import { rule } from "./rule.ts";

export const triggerOnLiveWrites = rule(
  {
    code: "TEAL-M225",
    name: "trigger-on-live-writes",
    title: "A trigger runs at writes of the live version too",
    class: "breaksLive",
    certainty: "possible",
    phase: "expand",
    why: "The live version knows nothing of the trigger, which may change or refuse its rows. Creating it waits for running writes and holds off others (SHARE ROW EXCLUSIVE).",
    evidence: "Measured on PostgreSQL 11 to 18: CREATE TRIGGER takes SHARE ROW EXCLUSIVE.",
    bad: "CREATE TRIGGER guard BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION guard();",
    good: "CREATE TABLE logs (id bigint PRIMARY KEY);\nCREATE TRIGGER guard BEFORE INSERT ON logs FOR EACH ROW EXECUTE FUNCTION guard();",
  },
  ["createTrigger"],
  (change, context) => {
    if (context.isNew(change.table)) return undefined;
    return { says: `${change.name} runs at every write to ${change.table}, whoever writes` };
  },
);
