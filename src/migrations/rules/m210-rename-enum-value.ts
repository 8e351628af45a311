import { rule } from "./rule.ts";

export const renameEnumValue = rule(
  {
    code: "TEAL-M210",
    name: "rename-enum-value",
    title: "A value of an enum is renamed",
    class: "breaksLive",
    certainty: "certain",
    phase: "never",
    why: "The live version writes and compares the value that is gone, and reads one it does not know. Both fail, or choose wrongly without a word.",
    evidence: "The server answers 22P02 invalid_text_representation.",
    bad: "ALTER TYPE mood RENAME VALUE 'ok' TO 'fine';",
    good: "ALTER TYPE mood ADD VALUE 'fine';",
  },
  ["renameEnumValue"],
  (change) => {
    return { says: `renames value ${change.value} of ${change.type} to ${change.to}` };
  },
);
