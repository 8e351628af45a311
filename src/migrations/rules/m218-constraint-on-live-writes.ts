import { rule } from "./rule.ts";

export const constraintOnLiveWrites = rule(
  {
    code: "TEAL-M218",
    name: "constraint-on-live-writes",
    title: "A constraint may refuse what the live version writes",
    class: "breaksLive",
    certainty: "possible",
    phase: "contract",
    why: "Rows that the live version writes are held against the constraint from now on, NOT VALID or not. What it knows nothing of it will break.",
    evidence: "Measured: NOT VALID skips the rows that are there, not those that come.",
    bad: "ALTER TABLE users ADD CONSTRAINT adult CHECK (age > 17) NOT VALID;",
    good: "ALTER TABLE users ADD COLUMN adult boolean;",
  },
  ["addConstraint", "addDomainConstraint", "createIndex"],
  (change, context) => {
    if (change.is === "addDomainConstraint")
      return { says: `columns of type ${change.domain} refuse other values from now on` };
    if (context.isNew(change.table)) return undefined;
    if (change.is === "createIndex")
      return change.unique
        ? {
            says: `a second row of the same ${change.columns.join(", ")} in ${change.table} is refused from now on`,
          }
        : undefined;
    const { kind, name, usingIndex } = change.constraint;
    if (usingIndex !== undefined) return undefined;
    return { says: `${change.table} refuses rows against ${name ?? `its ${kind} constraint`} from now on` };
  },
);
