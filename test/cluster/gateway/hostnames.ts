/** Host names of listeners and routes: exact, `*.suffix`, or `*` for any. */

/** The hosts that both allow, as one name; `undefined` when there is none. */
export function intersection(a: string, b: string): string | undefined {
  if (covers(a, b)) return b;
  return covers(b, a) ? a : undefined;
}

/** Whether every host of `name` is one of `pattern`. A wildcard stands for one label or more. */
export function covers(pattern: string, name: string): boolean {
  if (pattern === "*" || pattern === name) return true;
  if (!pattern.startsWith("*.")) return false;
  return name !== "*" && name !== pattern && name.endsWith(pattern.slice(1));
}

/** Precedence of a name that matches: exact names before wildcards, then the longer one. */
export function specificity(name: string): readonly [number, number] {
  if (name === "*") return [0, 0];
  return name.startsWith("*.") ? [0, name.length] : [1, name.length];
}
