import { rule } from "./rule.ts";

export const domainConstraintScan = rule(
  {
    code: "TEAL-M319",
    name: "domain-constraint-scan",
    title: "A domain's constraint reads every table that uses it",
    class: "scans",
    certainty: "certain",
    phase: "expand",
    why: "Writes to all tables that use the domain wait (SHARE) while their rows are checked. NOT VALID spares it, and VALIDATE follows later.",
    evidence: "Measured on PostgreSQL 11 to 18: SHARE and a scan on every using table.",
    bad: "ALTER DOMAIN zip ADD CONSTRAINT five CHECK (length(VALUE) = 5);",
    good: "ALTER DOMAIN zip ADD CONSTRAINT five CHECK (length(VALUE) = 5) NOT VALID;",
  },
  ["addDomainConstraint"],
  (change) => {
    return change.notValid
      ? undefined
      : { says: `every table that uses ${change.domain} is read while writes to it wait` };
  },
);
