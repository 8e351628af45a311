import { rule } from "./rule.ts";

export const enumOrder = rule(
  {
    code: "TEAL-M228",
    name: "enum-order",
    title: "A value is put between others of an enum",
    class: "breaksLive",
    certainty: "possible",
    phase: "expand",
    why: "Comparisons and ORDER BY of the live version follow the enum's order, in which a value it does not know now stands. Any added value may also reach code that does not know it.",
    evidence: "PostgreSQL's documentation: enum values sort in the order of the type.",
    bad: "ALTER TYPE mood ADD VALUE 'meh' BEFORE 'ok';",
    good: "ALTER TYPE mood ADD VALUE 'meh';",
  },
  ["addEnumValue"],
  (change) => {
    return change.ordered
      ? { says: `${change.value} stands between other values of ${change.type}` }
      : undefined;
  },
);
