import { stripVTControlCharacters } from "node:util";

const SEGMENTS = new Intl.Segmenter("en", { granularity: "grapheme" });
/** East Asian wide and emoji presentation take two columns. */
const WIDE =
  /\p{Emoji_Presentation}|[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|[\u{20000}-\u{3fffd}]/u;
const COMBINING = /^[\p{Mn}\p{Me}\p{Cf}]+$/u;

/** Columns that the text takes on a terminal. */
export function width(text: string): number {
  let columns = 0;
  for (const { segment } of SEGMENTS.segment(stripVTControlCharacters(text))) columns += widthOf(segment);
  return columns;
}

/** As much of the text as fits into so many columns, with `…` where something is missing. The text has no escapes. */
export function cut(text: string, columns: number): string {
  if (width(text) <= columns) return text;
  let taken = "";
  let used = 0;
  for (const { segment } of SEGMENTS.segment(text)) {
    used += widthOf(segment);
    if (used > columns - 1) break;
    taken += segment;
  }
  return `${taken}…`;
}

/** Filled with blanks up to so many columns. */
export function padded(text: string, columns: number): string {
  return text + " ".repeat(Math.max(0, columns - width(text)));
}

function widthOf(segment: string): number {
  if (COMBINING.test(segment)) return 0;
  return WIDE.test(segment) ? 2 : 1;
}

/** Control and direction characters become visible, whoever wrote them. */
export function printable(text: string): string {
  return text
    .toWellFormed()
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
}
