import type { Entry, Tree, TreeMap } from "./tree.ts";

/**
 * Maps of which exactly one key may be given, by the key they stand under. A layer that chooses `kubernetes` over
 * a base with `local` means one target, not two.
 */
const CHOICES: Readonly<Record<string, readonly string[]>> = {
  target: ["local", "kubernetes", "aws"],
  strategy: ["blueGreen", "canary", "rolling", "recreate"],
  ready: ["http", "tcp", "exec"],
  gate: ["approval", "schedule"],
  template: ["file", "command", "image"],
  reach: ["headerRule", "testListener"],
  aws: ["listener", "rules"],
};

/** Here the other keys belong to the choice: another one leaves nothing of the map below. */
const WITH_THEIR_KEYS: readonly string[] = ["template"];

/** Lays `over` on `base`: maps are merged key by key, everything else is replaced. */
export function merge(base: Tree, over: Tree, under = ""): Tree {
  if (base.is !== "map" || over.is !== "map") return over;
  const entries = new Map<string, Entry>(withoutOtherChoice(base, over, under));
  for (const [key, entry] of over.entries) {
    const lower = entries.get(key);
    entries.set(key, lower === undefined ? entry : { ...entry, value: merge(lower.value, entry.value, key) });
  }
  return { ...over, entries };
}

function withoutOtherChoice(base: TreeMap, over: TreeMap, under: string): ReadonlyMap<string, Entry> {
  const choices = CHOICES[under] ?? [];
  const chosen = choices.filter((choice) => over.entries.has(choice));
  if (chosen.length === 0) return base.entries;
  if (WITH_THEIR_KEYS.includes(under) && !chosen.some((choice) => base.entries.has(choice))) return new Map();
  return new Map([...base.entries].filter(([key]) => !choices.includes(key) || over.entries.has(key)));
}

/** The map without some of its keys. */
export function without(tree: TreeMap, ...keys: readonly string[]): TreeMap {
  return { ...tree, entries: new Map([...tree.entries].filter(([key]) => !keys.includes(key))) };
}
