import type { ServerError } from "./shadow.ts";

/**
 * What the rehearsal says of one query. `breaks` only with evidence: the server's own error, or a difference that the
 * program sees. What may or may not matter is `unproven`, which never counts as safe.
 */
export type Verdict =
  | { readonly is: "proven" }
  | {
      readonly is: "breaks";
      readonly code: string;
      readonly says: string;
      readonly error?: ServerError;
      readonly safe?: string;
    }
  | { readonly is: "unproven"; readonly code: string; readonly reason: string };

export const REHEARSAL = {
  refused: "TEAL-M601",
  result: "TEAL-M602",
  required: "TEAL-M603",
  prepared: "TEAL-M604",
  failed: "TEAL-M605",
  before: "TEAL-M610",
  constraint: "TEAL-M611",
  body: "TEAL-M612",
  stub: "TEAL-M613",
  kind: "TEAL-M614",
  unreadable: "TEAL-M615",
} as const;

export const PROVEN: Verdict = { is: "proven" };

export function unproven(code: string, reason: string): Verdict {
  return { is: "unproven", code, reason };
}

/** What to do instead, where one form suits every case of an SQLSTATE. */
const SAFE: Readonly<Record<string, string>> = {
  "42703":
    "Keep the column until no revision that names it runs, and drop it then. Instead of a rename: add a column, keep both alike by a trigger, drop the first one later.",
  "42P01":
    "Keep the name until no revision that uses it runs. Instead of a rename, in one transaction: ALTER TABLE a RENAME TO b; CREATE VIEW a AS SELECT * FROM b;",
  "42702": "Give the new column a name that no joined table has, or qualify the name in the program first.",
  "42P10": "Create an equal unique index first (CREATE UNIQUE INDEX CONCURRENTLY ...), drop this one later.",
  "428C9": "Let a trigger fill the column while a revision runs that writes it.",
  "42501": "Revoke after the revision that needs the right is gone.",
  "42883": "Create the changed function beside the former one, and drop that later.",
};

/** The server refuses a query that it took before. */
export function refused(error: ServerError): Verdict {
  const safe = SAFE[error.code];
  const says = `${error.code} ${error.message}`;
  return { is: "breaks", code: REHEARSAL.refused, says, error, ...(safe === undefined ? {} : { safe }) };
}
