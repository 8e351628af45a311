import {
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  parseDocument,
  visit,
  type Alias,
  type Document,
  type Node,
  type Pair,
  type YAMLError,
} from "yaml";
import { CODES, type Finding } from "./problem.ts";
import { dotted, type Entry, type Tree } from "./tree.ts";

/** More than any hand-written file has, less than an alias bomb makes. */
const MOST_VALUES = 20_000;
const DEEPEST = 40;

export interface Parsing {
  /** Absent where the text is so broken that no value can be told. */
  readonly tree?: Tree;
  readonly findings: readonly Finding[];
}

type Path = readonly (string | number)[];

/** Reads YAML 1.2 into a tree with positions. Every syntax error is a finding; nothing is thrown for the text's faults. */
export function parse(text: string): Parsing {
  const doc = parseDocument(text, { prettyErrors: false, uniqueKeys: true });
  const findings = firstPerLine(
    [...doc.errors, ...doc.warnings].map((error) => syntaxFinding(error, text, doc)),
    text,
  );
  if (doc.contents === null) return { findings: findings.length > 0 ? findings : [empty()] };
  const reader = new Reader(doc, text);
  try {
    const tree = reader.read(doc.contents as Node, []);
    return { tree, findings: [...findings, ...reader.findings] };
  } catch (error) {
    if (!(error instanceof TooLarge)) throw error;
    return {
      findings: [...findings, { at: error.at, path: "", code: CODES.tooLarge, message: error.message }],
    };
  }
}

/** One misplaced character makes the parser stumble over the rest of the line: only the first of them says something. */
function firstPerLine(findings: readonly Finding[], text: string): readonly Finding[] {
  const lines = new Set<number>();
  return [...findings]
    .sort((a, b) => a.at - b.at)
    .filter(({ at, code }) => {
      const line = text.lastIndexOf("\n", at - 1);
      if (code !== CODES.syntax) return true;
      return !lines.has(line) && lines.add(line);
    });
}

function empty(): Finding {
  return {
    at: 0,
    path: "",
    code: CODES.missingKey,
    message: 'the file is empty: it needs at least "target"',
  };
}

function syntaxFinding(error: YAMLError, text: string, doc: Document): Finding {
  const at = Math.min(error.pos[0], text.length);
  const quote = error.code === "MISSING_CHAR" ? openQuote(doc, at) : undefined;
  if (quote !== undefined)
    return { at: quote, path: "", code: CODES.syntax, message: "not valid YAML: this quote is never closed" };
  if (error.code === "DUPLICATE_KEY") {
    const key = /^[\w.-]+/.exec(text.slice(at))?.[0];
    return {
      at,
      path: "",
      code: CODES.duplicateKey,
      message: `${key === undefined ? "this key" : `"${key}"`} is given twice in this map`,
    };
  }
  const line = text.slice(text.lastIndexOf("\n", at - 1) + 1).split("\n", 1)[0] ?? "";
  const braces = /\{\w*\}/.test(line) && line.indexOf("{") !== line.search(/\{\w*\}/);
  const advice = braces ? "; quote a value with { or } in a one-line map" : "";
  return {
    at,
    path: "",
    code: CODES.syntax,
    message: `not valid YAML: ${lowerFirst(error.message)}${advice}`,
  };
}

/** The parser notices an unclosed quote at the end of what it swallowed; a person looks for its beginning. */
function openQuote(doc: Document, at: number): number | undefined {
  let start: number | undefined;
  visit(doc, {
    Scalar: (_key, node) => {
      if (node.type?.startsWith("QUOTE") && node.range && node.range[0] < at && node.range[1] >= at)
        start = node.range[0];
    },
  });
  return start;
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

class TooLarge extends Error {
  readonly at: number;
  constructor(at: number, message: string) {
    super(message);
    this.at = at;
  }
}

class Reader {
  readonly findings: Finding[] = [];
  readonly #doc: Document;
  readonly #text: string;
  #values = 0;

  constructor(doc: Document, text: string) {
    this.#doc = doc;
    this.#text = text;
  }

  read(node: Node | null, path: Path, fallbackAt = 0): Tree {
    const at = node?.range?.[0] ?? fallbackAt;
    if (++this.#values > MOST_VALUES)
      throw new TooLarge(at, `more than ${MOST_VALUES} values; aliases count where they are used`);
    if (path.length > DEEPEST)
      throw new TooLarge(at, `nested more than ${DEEPEST} deep; an alias inside its own anchor never ends`);
    if (isAlias(node)) return this.#alias(node, path, at);
    if (isMap(node)) return { is: "map", at, path, entries: this.#entries(node.items as Pair[], path, at) };
    if (isSeq(node))
      return {
        is: "list",
        at,
        path,
        items: node.items.map((item, i) => this.read(item as Node, [...path, i], at)),
      };
    return this.#scalar(node, path, at);
  }

  #alias(alias: Alias, path: Path, at: number): Tree {
    const anchored = alias.resolve(this.#doc);
    if (anchored === undefined) {
      this.findings.push({
        at,
        path: dotted(path),
        code: CODES.syntax,
        message: `not valid YAML: no anchor &${alias.source} stands before this`,
      });
    }
    return { ...this.read(anchored ?? null, path, at), at };
  }

  #entries(pairs: readonly Pair[], path: Path, mapAt: number): ReadonlyMap<string, Entry> {
    const entries = new Map<string, Entry>();
    for (const pair of pairs) {
      if (!isPair(pair)) continue;
      const keyNode = pair.key as Node | null;
      const keyAt = keyNode?.range?.[0] ?? mapAt;
      if (!isScalar(keyNode)) {
        this.findings.push({
          at: keyAt,
          path: dotted(path),
          code: CODES.syntax,
          message: "a key must be text",
        });
        continue;
      }
      const key = String(keyNode.value);
      if (key === "__proto__") {
        // JavaScript would take it for something else than a key, and drop it without a word.
        this.findings.push({
          at: keyAt,
          path: dotted(path),
          code: CODES.unknownKey,
          message: 'no key can be called "__proto__"',
        });
        continue;
      }
      entries.set(key, { key, keyAt, value: this.read(pair.value as Node | null, [...path, key], keyAt) });
    }
    return entries;
  }

  #scalar(node: Node | null, path: Path, at: number): Tree {
    const source = node?.range ? this.#text.slice(node.range[0], node.range[1]) : "";
    const plain = isScalar(node) && node.type === "PLAIN";
    const value = isScalar(node) ? plainValue(node.value, source, plain && keepsText(path)) : null;
    return { is: "scalar", at, path, value, plain, source, variables: [], missing: [] };
  }
}

/** Below `env` and `headers` everything is text: `ZIP: 01234` must stay as it was written. */
function keepsText(path: Path): boolean {
  const above = path.at(-2);
  return above === "env" || above === "headers";
}

function plainValue(value: unknown, source: string, text: boolean): string | number | boolean | null {
  if (value === null || value === undefined) return null;
  if (text) return source;
  if (typeof value === "number" || typeof value === "boolean" || typeof value === "string") return value;
  // Bigints and the like, which no key wants, in the words of the file.
  return source;
}
