import type { Span } from "./model.ts";

/** Finds lines and columns in one text; the lines are looked for once. */
export class Positions {
  readonly #starts: number[] = [0];

  constructor(text: string) {
    for (const { index, 0: end } of text.matchAll(/\r\n|[\n\r]/gu)) this.#starts.push(index + end.length);
  }

  span(offset: number, end: number): Span {
    let low = 0;
    let high = this.#starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return { offset, end, line: low + 1, column: offset - (this.#starts[low] ?? 0) + 1 };
  }
}

/** Index into `text` of a place counted in bytes of UTF-8; the end of the text where it lies beyond. */
export function indexOfByte(text: string, byte: number): number {
  return indexWhere(text, byte, (code) => (code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4));
}

/** Index into `text` of a place counted in characters (code points), as the parser's errors count. */
export function indexOfCharacter(text: string, count: number): number {
  return indexWhere(text, count, () => 1);
}

function indexWhere(text: string, wanted: number, width: (codePoint: number) => number): number {
  let passed = 0;
  let index = 0;
  while (index < text.length && passed < wanted) {
    const code = text.codePointAt(index) ?? 0;
    passed += width(code);
    index += code > 0xffff ? 2 : 1;
  }
  return index;
}
