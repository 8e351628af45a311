import { rule } from "./rule.ts";

export const validateInSameTransaction = rule(
  {
    code: "TEAL-M505",
    name: "validate-in-same-transaction",
    title: "VALIDATE runs under the lock that it should spare",
    class: "locks",
    certainty: "certain",
    phase: "expand",
    why: "The transaction still holds the lock of ADD CONSTRAINT while all rows are checked, so NOT VALID gained nothing. VALIDATE belongs in a transaction of its own.",
    evidence: "Locks are held until the end of the transaction.",
    bad: "BEGIN;\nALTER TABLE users ADD CONSTRAINT adult CHECK (age > 17) NOT VALID;\nALTER TABLE users VALIDATE CONSTRAINT adult;\nCOMMIT;",
    good: "ALTER TABLE users ADD CONSTRAINT adult CHECK (age > 17) NOT VALID;\nALTER TABLE users VALIDATE CONSTRAINT adult;",
  },
  ["validateConstraint"],
  (change, context) => {
    if (context.isNew(change.table)) return undefined;
    const holder = context.earlier(
      (earlier) => earlier.is === "addConstraint" && earlier.table === change.table,
    );
    return holder === undefined
      ? undefined
      : { says: `all rows of ${change.table} are checked under the lock of ADD CONSTRAINT` };
  },
);
