import { rule } from "./rule.ts";

export const preparedStar = rule(
  {
    code: "TEAL-M212",
    name: "prepared-star",
    title: "Prepared statements with * fail once after the columns change",
    class: "breaksLive",
    certainty: "possible",
    phase: "expand",
    why: "A connection that prepared SELECT * or RETURNING * before fails at its next use, because the result has other columns. It goes on failing where the driver does not prepare anew, until the connection is closed.",
    evidence:
      "Measured on PostgreSQL 11 to 18: 0A000 cached plan must not change result type, after any ADD, DROP or ALTER of a column; a list of columns survives.",
    bad: "ALTER TABLE users ADD COLUMN mail text;",
    good: "CREATE TABLE mails (id bigint PRIMARY KEY);",
  },
  ["addColumn", "dropColumn", "alterType"],
  (change, context) => {
    if (context.isNew(change.table)) return undefined;
    const what = change.is === "addColumn" ? change.column.name : change.column;
    return {
      says: `statements with * that live connections prepared on ${change.table} fail after ${what} changes`,
    };
  },
);
