import {
  isMap,
  isSeq,
  LineCounter,
  parseAllDocuments,
  type Document,
  type Node,
  type ScalarTag,
  type Tags,
} from "yaml";
import type { KubeObject } from "../api/objects.ts";

/*
 * Manifests are read as kubectl reads them: YAML 1.1 (`mode: 0644` is octal, `yes` is true) without its dates and
 * sexagesimal numbers, which Kubernetes' own parser does not know either ("22:22" stays text).
 */

/** An object of a manifest, and where it stands. */
export interface Found {
  readonly object: KubeObject;
  /** `k8s/shop.yaml:12:1`. */
  readonly at: string;
  /** Position of something inside it, of the nearest that is there: `k8s/shop.yaml:20:7`. */
  readonly where: (...path: readonly (string | number)[]) => string;
}

export type Documents =
  | { readonly is: "read"; readonly found: readonly Found[] }
  | { readonly is: "invalid"; readonly problems: readonly string[] };

/** More than any chart renders, less than an alias bomb makes. */
const MOST_ALIASES = 1_000;
/** Problems that are told: the rest follows from them. */
const MOST_PROBLEMS = 10;

/**
 * Reads YAML documents (also JSON), with `List`s taken apart. Every syntax error is told as `file:line:column: what`.
 * @param source how the text is called in messages.
 */
export function readDocuments(text: string, source: string): Documents {
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, {
    version: "1.1",
    customTags,
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: true,
  });
  // An empty stream is an object of its own kind in the library, not an array with nothing in it.
  const list = Array.isArray(documents) ? documents : [];
  const place = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${source}:${line}:${col}`;
  };
  const problems = list.flatMap(({ errors }) =>
    errors.map(({ pos, message }) => `${place(pos[0])}: not valid YAML: ${lowerFirst(message)}`),
  );
  if (problems.length > 0) return { is: "invalid", problems: problems.slice(0, MOST_PROBLEMS) };
  const reader = new Reader(place);
  for (const document of list) reader.read(document);
  return reader.problems.length > 0
    ? { is: "invalid", problems: reader.problems.slice(0, MOST_PROBLEMS) }
    : { is: "read", found: reader.found };
}

class Reader {
  readonly found: Found[] = [];
  readonly problems: string[] = [];
  readonly #place: (offset: number) => string;

  constructor(place: (offset: number) => string) {
    this.#place = place;
  }

  read(document: Document): void {
    // Comments only, as `helm template` leaves them where a condition was false.
    if (document.contents === null) return;
    let value: unknown;
    try {
      value = document.toJS({ maxAliasCount: MOST_ALIASES });
    } catch (error) {
      this.problems.push(`${this.#at(document.contents)}: ${lowerFirst((error as Error).message)}`);
      return;
    }
    if (value !== null) this.#take(value, document.contents as Node);
  }

  #take(value: unknown, node: Node | undefined): void {
    const at = this.#at(node);
    if (!isObject(value)) {
      this.problems.push(`${at}: not a Kubernetes object`);
      return;
    }
    const { kind, items } = value;
    if (typeof kind !== "string" || kind === "") {
      this.problems.push(`${at}: not a Kubernetes object: it has no kind`);
      return;
    }
    if (kind.endsWith("List") && Array.isArray(items)) {
      items.forEach((item: unknown, i) => this.#take(item, inside(node, ["items", i])));
      return;
    }
    const { name, generateName } = isObject(value["metadata"]) ? value["metadata"] : {};
    if (typeof name !== "string" || name === "") {
      // Hooks of Helm may have generated names; nothing refers to them.
      if (generateName === undefined) this.problems.push(`${at}: ${kind} without metadata.name`);
      return;
    }
    this.found.push({
      object: value as unknown as KubeObject,
      at,
      where: (...path) => this.#at(inside(node, path)),
    });
  }

  #at(node: unknown): string {
    return this.#place((node as Node | null)?.range?.[0] ?? 0);
  }
}

/** The node at a path, or the nearest above it. */
function inside(node: Node | undefined, path: readonly (string | number)[]): Node | undefined {
  let inner = node;
  for (const key of path) {
    const next = isMap(inner) || isSeq(inner) ? inner.get(key, true) : undefined;
    if (next === undefined) break;
    inner = next as Node;
  }
  return inner;
}

/** `0o440`, which is YAML 1.2, is known to Go's numbers and so to Kubernetes. */
const OCTAL: ScalarTag = {
  tag: "tag:yaml.org,2002:int",
  default: true,
  test: /^[-+]?0o[0-7]+$/,
  resolve: (text) => (text.startsWith("-") ? -1 : 1) * Number.parseInt(text.replace(/^[-+]?0o/, ""), 8),
};

function customTags(tags: Tags): Tags {
  const unknown = new Set(["tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:binary"]);
  const known = tags.filter(
    (tag) => typeof tag === "string" || !(unknown.has(tag.tag) || tag.format === "TIME"),
  );
  return [...known, OCTAL];
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
