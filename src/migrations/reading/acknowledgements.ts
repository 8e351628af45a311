import type { Span } from "./model.ts";

/** A comment that speaks to Teal. */
export type Word =
  | { readonly is: "acknowledge"; readonly code: string; readonly reason: string; readonly span: Span }
  | { readonly is: "malformed"; readonly says: string; readonly span: Span };

const FORM = "-- teal: acknowledge TEAL-M201 the reason";

/** Reads `-- teal: acknowledge CODE REASON`; undefined for every other comment. */
export function readWord(comment: string, span: Span, known: ReadonlySet<string>): Word | undefined {
  const [, words] = /^(?:--|\/\*)\s*teal:\s*([\s\S]*?)\s*(?:\*\/)?$/iu.exec(comment) ?? [];
  if (words === undefined) return undefined;
  const [, code, reason] = /^acknowledge\s+(\S+)\s*([\s\S]*)$/iu.exec(words) ?? [];
  const malformed = (says: string) => ({ is: "malformed", says, span }) as const;
  if (code === undefined || reason === undefined)
    return malformed(`not understood: "${words}"; the form is ${FORM}`);
  if (!known.has(code.toUpperCase())) return malformed(`no finding has the code ${code}`);
  if (reason === "") return malformed(`${code} is acknowledged without a reason; the form is ${FORM}`);
  return { is: "acknowledge", code: code.toUpperCase(), reason, span };
}
