/**
 * The file as a tree of plain values in which every value still knows where it was written. Layers are merged and
 * variables substituted here, so that a problem found later can point into the file.
 */
export type Tree = TreeMap | TreeList | Scalar;

interface Placed {
  /** Offset of the value in the file. */
  readonly at: number;
  /** Where it was written, `environments.production.target`; differs from where it counts after merging. */
  readonly path: readonly (string | number)[];
}

export interface Entry {
  readonly key: string;
  readonly keyAt: number;
  readonly value: Tree;
}

export interface TreeMap extends Placed {
  readonly is: "map";
  readonly entries: ReadonlyMap<string, Entry>;
}

export interface TreeList extends Placed {
  readonly is: "list";
  readonly items: readonly Tree[];
}

export interface Scalar extends Placed {
  readonly is: "scalar";
  readonly value: string | number | boolean | null;
  /** Written without quotes: after substitution a number is a number. */
  readonly plain: boolean;
  /** As written in the file, quotes included; `at` is the offset of its first character. */
  readonly source: string;
  /** Names of the variables whose values it contains. */
  readonly variables: readonly string[];
  /** Names of those that are not defined. */
  readonly missing: readonly string[];
}

/** What lies at a path, as far as it exists. */
export interface Located {
  readonly tree: Tree;
  readonly keyAt?: number;
  /** The last entry's depth: equals the length of the path when all of it exists. */
  readonly depth: number;
}

/** Follows `path` as far as the tree goes. */
export function locate(root: Tree, path: readonly PropertyKey[]): Located {
  let found: Located = { tree: root, depth: 0 };
  for (const part of path) {
    const next = child(found.tree, part);
    if (next === undefined) return found;
    found = { ...next, depth: found.depth + 1 };
  }
  return found;
}

function child(tree: Tree, part: PropertyKey): { tree: Tree; keyAt?: number } | undefined {
  if (tree.is === "list") {
    const item = tree.items[Number(part)];
    return item && { tree: item };
  }
  const entry = tree.is === "map" ? tree.entries.get(String(part)) : undefined;
  return entry && { tree: entry.value, keyAt: entry.keyAt };
}

interface Kinds {
  readonly string: string;
  readonly number: number;
}

/** The text or number at `path` with its place, if there is one. */
export function scalarAt<K extends keyof Kinds>(
  root: Tree,
  path: readonly PropertyKey[],
  kind: K,
): { readonly value: Kinds[K]; readonly at: number; readonly path: string } | undefined {
  const { tree, depth } = locate(root, path);
  if (depth < path.length || tree.is !== "scalar" || typeof tree.value !== kind) return undefined;
  return { value: tree.value as Kinds[K], at: tree.at, path: dotted(tree.path) };
}

/** The entries of the map at `path`; none where there is no map. */
export function entriesAt(root: Tree, path: readonly PropertyKey[]): readonly Entry[] {
  const { tree, depth } = locate(root, path);
  return depth === path.length && tree.is === "map" ? [...tree.entries.values()] : [];
}

/** The value without positions. Maps get no prototype, so that a key `__proto__` is a key like any other. */
export function toPlain(tree: Tree): unknown {
  if (tree.is === "scalar") return tree.value;
  if (tree.is === "list") return tree.items.map(toPlain);
  const plain: Record<string, unknown> = Object.create(null);
  for (const { key, value } of tree.entries.values()) plain[key] = toPlain(value);
  return plain;
}

/** Every scalar with the path where it counts. */
export function* scalarsOf(
  tree: Tree,
  path: readonly (string | number)[] = [],
): Generator<readonly [readonly (string | number)[], Scalar]> {
  if (tree.is === "scalar") yield [path, tree];
  else if (tree.is === "list")
    for (const [i, item] of tree.items.entries()) yield* scalarsOf(item, [...path, i]);
  else for (const { key, value } of tree.entries.values()) yield* scalarsOf(value, [...path, key]);
}

/** The same tree with every scalar replaced. */
export function mapScalars(tree: Tree, change: (scalar: Scalar) => Scalar): Tree {
  if (tree.is === "scalar") return change(tree);
  if (tree.is === "list") return { ...tree, items: tree.items.map((item) => mapScalars(item, change)) };
  const entries = [...tree.entries].map(
    ([key, entry]) => [key, { ...entry, value: mapScalars(entry.value, change) }] as const,
  );
  return { ...tree, entries: new Map(entries) };
}

/** `a.b[2].c`: as people write it. */
export function dotted(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === "number") return `${text}[${part}]`;
    return text === "" ? String(part) : `${text}.${String(part)}`;
  }, "");
}
