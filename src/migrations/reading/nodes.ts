import type { Node, RangeVar } from "libpg-query";

/** The names of a list of `String` nodes; a list within is taken apart too. */
export function namesOf(nodes: readonly Node[] | undefined): readonly string[] {
  return (nodes ?? []).flatMap((node) =>
    "String" in node ? [node.String.sval ?? ""] : "List" in node ? namesOf(node.List.items) : [],
  );
}

/** `schema.table`; without the schema where it is `public`, since that is where the bare name leads. */
export function qualified(parts: readonly (string | undefined)[]): string {
  const given = parts.filter((part) => part !== undefined && part !== "");
  return (given[0] === "public" && given.length > 1 ? given.slice(1) : given).join(".");
}

export function tableOf(relation: RangeVar | undefined): string {
  return qualified([relation?.schemaname, relation?.relname]);
}

/** Visits every node below a part of a tree with its kind; `visit` may return false to leave out what is below. */
export function walk(
  part: unknown,
  visit: (kind: string, node: Readonly<Record<string, unknown>>) => boolean | void,
): void {
  if (Array.isArray(part)) for (const one of part) walk(one, visit);
  else if (typeof part === "object" && part !== null)
    for (const [key, value] of Object.entries(part)) {
      if (typeof value !== "object" || value === null) continue;
      const isNode = /^[A-Z]/u.test(key);
      if (isNode && visit(key, value as Record<string, unknown>) === false) continue;
      walk(value, visit);
    }
}
