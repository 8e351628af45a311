import type { Prepared } from "../../../ports/target.ts";

export type Refused = Prepared & { readonly is: "refused" };

/** A template that cannot be used: what is wrong, and what to do about it. */
export function refused(code: string, message: string, next: string, evidence?: readonly string[]): Refused {
  return { is: "refused", cause: { code, message, ...(evidence === undefined ? {} : { evidence }) }, next };
}

/** For parts that compute: caught where a template is prepared, never seen outside. */
export class TemplateError extends Error {
  readonly refusal: Refused;
  constructor(code: string, message: string, next: string, evidence?: readonly string[]) {
    super(message);
    this.refusal = refused(code, message, next, evidence);
  }
}
