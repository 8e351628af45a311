import type { Parser } from "../reading/parser.ts";
import { walk } from "../reading/nodes.ts";
import type { Found, Query } from "./query.ts";

/** Alike queries of all sources as one, in the order they were found first. */
export async function knownQueries(found: readonly Found[], parser: Parser): Promise<readonly Query[]> {
  const { fingerprintSync, loadModule } = await import("libpg-query");
  await loadModule();
  const known = new Map<string, Query>();
  for (const one of found) {
    const parsed = parser.parse(one.text);
    if (parsed.is === "empty") continue;
    const reason =
      one.incomplete ?? (parsed.is === "wrong" ? `does not parse: ${parsed.message}` : undefined);
    const id =
      parsed.is === "wrong" ? `text:${one.text}` : `${fingerprintSync(one.text)}${constants(parsed.tree)}`;
    const key = reason === undefined ? id : `${id} ${reason}`;
    known.set(key, joined(known.get(key), one, id, reason));
  }
  return [...known.values()];
}

function joined(before: Query | undefined, one: Found, id: string, reason: string | undefined): Query {
  const calls = sum(before?.calls, one.calls);
  const seen = [before?.seen, one.seen]
    .filter((time) => time !== undefined)
    .sort()
    .at(-1);
  return {
    id,
    text: before?.text ?? one.text,
    origins: [...(before?.origins ?? []), one.origin],
    ...(calls === undefined ? {} : { calls }),
    ...(seen === undefined ? {} : { seen }),
    ...(reason === undefined ? {} : { unreadable: reason }),
  };
}

function sum(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined ? b : a + (b ?? 0);
}

/**
 * The kinds of constants and parameters, runs of one kind as one. PostgreSQL's fingerprint takes `id = 5` and `id = $1`
 * for the same; once `id` is a text only the second is still valid.
 */
function constants(tree: unknown): string {
  let kinds = "";
  walk(tree, (kind, node) => {
    if (kind === "ParamRef" && !kinds.endsWith("p")) kinds += "p";
    if (kind !== "A_Const") return;
    const letter = Object.keys(node).find((key) => /val$|isnull/u.test(key))?.[0] ?? "n";
    if (!kinds.endsWith(letter)) kinds += letter;
  });
  return kinds === "" ? "" : `-${kinds}`;
}
