import type { Node } from "libpg-query";
import { indexOfByte, indexOfCharacter } from "./position.ts";

/** PostgreSQL's own parser, ready for use. */
export type Parser = Awaited<ReturnType<typeof loadParser>>;

export type Parsed =
  | {
      readonly is: "parsed";
      readonly kind: string;
      readonly tree: Node;
      readonly offsetOf: (location: number) => number;
    }
  | { readonly is: "empty" }
  /** `at` is an index into the text. */
  | { readonly is: "wrong"; readonly message: string; readonly at: number };

/** Loads the parser: 30 ms, so never at the top of a module. */
export async function loadParser() {
  const library = await import("libpg-query");
  await library.loadModule();
  return {
    /** One statement. Never throws: what the grammar refuses is a value. */
    parse(text: string): Parsed {
      if (text.trim() === "") return { is: "empty" };
      // The parser is C and would end at it without a word.
      const zero = text.indexOf("\0");
      if (zero >= 0) return { is: "wrong", message: "a character that is zero", at: zero };
      try {
        const { stmts = [] } = library.parseSync(text);
        const tree = stmts[0]?.stmt;
        if (tree === undefined) return { is: "empty" };
        const offsetOf = isAscii(text) ? (at: number) => at : (at: number) => indexOfByte(text, at);
        return { is: "parsed", kind: Object.keys(tree)[0] ?? "", tree, offsetOf };
      } catch (error) {
        const details = library.hasSqlDetails(error) ? error.sqlDetails : undefined;
        const at = indexOfCharacter(text, details?.cursorPosition ?? 0);
        return {
          is: "wrong",
          message: (error as Error).message,
          at: Math.min(at, Math.max(0, text.length - 1)),
        };
      }
    },
    /** The tree of a DO block or function, as PL/pgSQL's own parser sees it; undefined where it does not parse. */
    parseBody(text: string): unknown {
      try {
        return library.parsePlPgSQLSync(text);
      } catch {
        return undefined;
      }
    },
  };
}

function isAscii(text: string): boolean {
  // oxlint-disable-next-line no-control-regex -- the whole range is meant
  return /^[\u0000-\u007F]*$/u.test(text);
}
