import { Positions } from "../reading/position.ts";
import type { Found } from "./query.ts";

const BEGINS_AS_QUERY = /^\s*(?:select|insert\s+into|update|delete\s+from|with|merge\s+into|values)\b/iu;
/** A slash after one of these opens a regular expression; after a word or a bracket that closes it divides. */
const BEFORE_REGEXP = /(?:^|[=(,:[!&|?{};+\-*%~^<>]|\b(?:return|typeof|case|in|of|do|else))$/u;

/**
 * Queries in string literals of TypeScript or JavaScript: the last resort, since what is put together at run time does
 * not stand there. A value in a template that a tag takes (sql`... ${id}`) is a parameter; in any other template it
 * could be anything, and the query is incomplete.
 */
export function queriesInSource(file: string, text: string): readonly Found[] {
  const positions = new Positions(text);
  return literals(text).flatMap(({ start, value, incomplete }) => {
    if (!BEGINS_AS_QUERY.test(value)) return [];
    const { line, column } = positions.span(start, start);
    const origin = { from: "source", file, line, column } as const;
    return [
      { text: value.trim(), origin, ...(incomplete ? { incomplete: "put together at run time" } : {}) },
    ];
  });
}

interface Literal {
  readonly start: number;
  readonly value: string;
  readonly incomplete: boolean;
}

function literals(text: string): readonly Literal[] {
  const found: Literal[] = [];
  new Scanner(text, found).code(0, undefined);
  return found;
}

class Scanner {
  readonly #text: string;
  readonly #found: Literal[];

  constructor(text: string, found: Literal[]) {
    this.#text = text;
    this.#found = found;
  }

  /** Scans code up to its end, or to the brace that closes a template's value. Returns where it stopped. */
  code(from: number, until: "}" | undefined): number {
    let at = from;
    let depth = 0;
    while (at < this.#text.length) {
      const char = this.#text[at] ?? "";
      const two = this.#text.slice(at, at + 2);
      if (two === "//") at = this.#after("\n", at);
      else if (two === "/*") at = this.#after("*/", at + 2);
      else if (char === "'" || char === '"') at = this.#string(char, at);
      else if (char === "`") at = this.#template(at);
      else if (char === "/" && BEFORE_REGEXP.test(this.#text.slice(Math.max(0, at - 20), at).trimEnd()))
        at = this.#regexp(at);
      else if (char === "}" && depth === 0 && until !== undefined) return at;
      else {
        if (char === "{") depth += 1;
        if (char === "}") depth = Math.max(0, depth - 1);
        at += 1;
      }
    }
    return at;
  }

  #after(close: string, from: number): number {
    const at = this.#text.indexOf(close, from);
    return at < 0 ? this.#text.length : at + close.length;
  }

  #string(quote: string, start: number): number {
    let at = start + 1;
    let value = "";
    while (at < this.#text.length && this.#text[at] !== quote && this.#text[at] !== "\n") {
      const [read, length] = this.#character(at);
      value += read;
      at += length;
    }
    this.#found.push({ start, value, incomplete: /^\s*\+/u.test(this.#text.slice(at + 1)) });
    return at + 1;
  }

  #template(start: number): number {
    const isTagged = /[\w)\]>]$/u.test(this.#text.slice(Math.max(0, start - 1), start));
    let at = start + 1;
    let value = "";
    let values = 0;
    while (at < this.#text.length && this.#text[at] !== "`") {
      if (this.#text.startsWith("${", at)) {
        values += 1;
        value += `$${values}`;
        at = this.code(at + 2, "}") + 1;
        continue;
      }
      const [read, length] = this.#character(at);
      value += read;
      at += length;
    }
    this.#found.push({ start, value, incomplete: values > 0 && !isTagged });
    return at + 1;
  }

  #regexp(start: number): number {
    let inClass = false;
    let at = start + 1;
    for (; at < this.#text.length && this.#text[at] !== "\n"; at += 1) {
      const char = this.#text[at];
      if (char === "\\") at += 1;
      else if (char === "[") inClass = true;
      else if (char === "]") inClass = false;
      else if (char === "/" && !inClass) return at + 1;
    }
    return at;
  }

  /** One character as the program gets it, and how much of the text it takes. */
  #character(at: number): readonly [string, number] {
    const char = this.#text[at] ?? "";
    if (char !== "\\") return [char, 1];
    const next = this.#text[at + 1] ?? "";
    if (next === "\n") return ["", 2];
    return [{ n: "\n", t: "\t", r: "\r" }[next] ?? next, 2];
  }
}
