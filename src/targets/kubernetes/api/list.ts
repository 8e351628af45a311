import type { Answer, CallBy, List, Select } from "./api.ts";
import { millis } from "../../../core/units.ts";
import type { KubeObject } from "./objects.ts";

/** Objects of one answer: few enough to come quickly, enough for one answer to be all in most namespaces. */
const PAGE = 500;

/** A collection's JSON. Its items do not say what they are; the collection does. */
interface Page<T> {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: { readonly resourceVersion?: string; readonly continue?: string };
  readonly items: readonly T[] | null;
}

/** A collection's path with its selection; equal selections have equal paths. */
export function listPath(path: string, { labels, fields }: Select): string {
  const query = new URLSearchParams();
  if (fields !== undefined) query.set("fieldSelector", fields);
  if (labels !== undefined) query.set("labelSelector", labels);
  return query.size === 0 ? path : `${path}?${query.toString()}`;
}

/**
 * All objects of a selection as they were at one moment, page by page. When the server has forgotten that moment
 * before the last page (410), everything is asked for again, at once.
 */
export async function listAll<T extends KubeObject>(
  read: (path: string, by: CallBy) => Promise<Answer<Page<T>>>,
  path: string,
  select: Select,
  { signal, within = millis(10_000) }: CallBy,
): Promise<Answer<List<T>>> {
  const base = listPath(path, select);
  const deadline = performance.now() + within;
  const by = (): CallBy => ({ signal, within: millis(Math.max(1, deadline - performance.now())) });
  const items: T[] = [];
  let next: string | undefined = "";
  for (;;) {
    const page: Answer<Page<T>> = await read(pagePath(base, next), by());
    if (page.is === "refused" && page.status === 410 && next !== "" && next !== undefined) {
      items.length = 0;
      next = undefined;
      continue;
    }
    if (page.is !== "ok") return page;
    items.push(...named(page.value));
    const { continue: more, resourceVersion = "" } = page.value.metadata;
    if (more === undefined || more === "") return { is: "ok", value: { items, resourceVersion } };
    next = more;
  }
}

/** @param next where to go on; empty: the first page; absent: everything in one answer. */
function pagePath(base: string, next: string | undefined): string {
  if (next === undefined) return base;
  const query = new URLSearchParams({ limit: String(PAGE), ...(next === "" ? {} : { continue: next }) });
  return `${base}${base.includes("?") ? "&" : "?"}${query.toString()}`;
}

function named<T extends KubeObject>({ apiVersion, kind, items }: Page<T>): readonly T[] {
  const known = {
    ...(apiVersion === undefined ? {} : { apiVersion }),
    ...(kind === undefined ? {} : { kind: kind.replace(/List$/u, "") }),
  };
  return (items ?? []).map((item) => ({ ...known, ...item }));
}
