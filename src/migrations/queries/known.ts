import { createHash } from "node:crypto";
import type { Parser } from "../reading/parser.ts";
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
      parsed.is === "wrong" ? `text:${one.text}` : `${fingerprintSync(one.text)}-${details(parsed.tree)}`;
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
 * What PostgreSQL's fingerprint leaves out and a migration may not: names (it takes `part_1` and `part_2` for one table)
 * and the kinds of constants, runs of one kind as one: `id = 5` and `id = $1` differ once `id` is a text.
 */
function details(tree: unknown): string {
  const parts: string[] = [];
  const add = (part: string) => void (parts.at(-1) === part || parts.push(part));
  const visit = (key: string, value: unknown): void => {
    if (key === "A_Const") add(`constant ${constantKind(value as object)}`);
    else if (key === "ParamRef") add("parameter");
    else if (typeof value === "string") add(value);
    else if (Array.isArray(value)) for (const one of value) visit("", one);
    else if (typeof value === "object" && value !== null)
      for (const [name, below] of Object.entries(value)) visit(name, below);
  };
  visit("", tree);
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 16);
}

function constantKind(constant: object): string {
  return Object.keys(constant).find((key) => key !== "location") ?? "";
}
