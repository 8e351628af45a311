import type { Json } from "../kubelet/client.ts";
import { covers, specificity } from "./hostnames.ts";
import type { Backend } from "./backends.ts";

export interface Asked {
  /** Without the port. */
  readonly host: string;
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

/** One rule as it is reached by one host name of one listener. */
export interface Entry {
  readonly hostname: string;
  /** Of the route: what decides between equal matches. */
  readonly age: string;
  /** Place of the rule in the route. */
  readonly index: number;
  /** Names the rule for as long as it exists. */
  readonly id: string;
  readonly rule: Json;
  readonly backends: readonly WeightedBackend[];
  readonly mirrors: readonly Backend[];
}

export interface WeightedBackend {
  readonly backend: Backend;
  readonly weight: number;
  readonly filters: readonly Json[];
}

/** The rule for a request, by the precedence that the Gateway API gives. */
export function choose(entries: readonly Entry[], asked: Asked): Entry | undefined {
  let best: { readonly entry: Entry; readonly rank: Rank } | undefined;
  for (const entry of entries) {
    if (!covers(entry.hostname, asked.host)) continue;
    for (const match of entry.rule.matches ?? [{}]) {
      if (!holds(match, asked)) continue;
      const rank = rankOf(entry, match);
      if (best === undefined || before(rank, best.rank)) best = { entry, rank };
    }
  }
  return best?.entry;
}

/** Compared number by number, greater first; then the older route, then the earlier rule. */
interface Rank {
  readonly numbers: readonly number[];
  readonly age: string;
  readonly index: number;
}

function rankOf(entry: Entry, match: Json): Rank {
  const { type = "PathPrefix", value = "/" } = match.path ?? {};
  const numbers = [
    ...specificity(entry.hostname),
    type === "Exact" ? 1 : 0,
    type === "RegularExpression" ? 0 : value.length,
    match.method === undefined ? 0 : 1,
    match.headers?.length ?? 0,
    match.queryParams?.length ?? 0,
  ];
  return { numbers, age: entry.age, index: entry.index };
}

function before(a: Rank, b: Rank): boolean {
  const differs = a.numbers.findIndex((number, index) => number !== b.numbers[index]);
  if (differs !== -1) return (a.numbers[differs] ?? 0) > (b.numbers[differs] ?? 0);
  return a.age === b.age ? a.index < b.index : a.age < b.age;
}

function holds(match: Json, asked: Asked): boolean {
  return (
    pathHolds(match.path ?? {}, asked.path) &&
    (match.method ?? asked.method) === asked.method &&
    (match.headers ?? []).every((each: Json) => valueHolds(each, headerValue(asked, each.name))) &&
    (match.queryParams ?? []).every((each: Json) => valueHolds(each, asked.query.get(each.name) ?? undefined))
  );
}

function pathHolds({ type = "PathPrefix", value = "/" }: Json, path: string): boolean {
  if (type === "Exact") return path === value;
  if (type === "RegularExpression") return whole(value).test(path);
  const prefix = value.endsWith("/") ? value.slice(0, -1) : value;
  return path === prefix || path.startsWith(`${prefix}/`);
}

function valueHolds({ type = "Exact", value }: Json, actual: string | undefined): boolean {
  if (actual === undefined) return false;
  return type === "RegularExpression" ? whole(value).test(actual) : actual === value;
}

function whole(pattern: string): RegExp {
  return new RegExp(`^(?:${pattern})$`);
}

function headerValue(asked: Asked, name: string): string | undefined {
  const value = asked.headers[name.toLowerCase()];
  return typeof value === "object" ? value.join(",") : value;
}
