import { rule } from "./rule.ts";

export const revoke = rule(
  {
    code: "TEAL-M221",
    name: "revoke",
    title: "A privilege is taken away",
    class: "breaksLive",
    certainty: "possible",
    phase: "contract",
    why: "Where the live version runs under that role its queries are refused from now on. Whether it does, the text does not tell.",
    evidence: "The server answers 42501 insufficient_privilege.",
    bad: "REVOKE UPDATE ON users FROM web;",
    good: "GRANT SELECT ON users TO web;",
  },
  ["revoke"],
  (change) => {
    return { says: `takes ${change.privileges} on ${change.on} away` };
  },
);
