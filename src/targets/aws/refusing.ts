import type { Cause } from "../../core/units.ts";
import type { Answer } from "./api/api.ts";

/** Ends a search: what was looked for is not there or not clear. Caught where the search began. */
export class Refused extends Error {
  readonly refusal: { readonly is: "refused"; readonly cause: Cause; readonly next: string };
  constructor(cause: Cause, next: string) {
    super(cause.message);
    this.refusal = { is: "refused", cause, next };
  }
}

/** Ends a search: AWS could not be asked, or would not answer. */
export class Unreadable extends Error {
  readonly why: Cause;
  constructor(why: Cause) {
    super(why.message);
    this.why = why;
  }
}

/** @param next what to write into teal.yaml, or to do. */
export function refuse(code: string, message: string, next: string, evidence?: readonly string[]): never {
  throw new Refused({ code, message, ...(evidence === undefined ? {} : { evidence }) }, next);
}

/** The answer's value; anything else ends the search. */
export function valueOf<T>(answer: Answer<T>): T {
  if (answer.is === "ok") return answer.value;
  throw new Unreadable(answer.cause);
}
