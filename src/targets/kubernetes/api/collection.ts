import type { List } from "./api.ts";
import type { KubeObject } from "./objects.ts";
import { compareVersions } from "./resource-version.ts";
import type { WatchEvent } from "./watch.ts";

/** What is known of one object: itself, or that it is gone, as of a version. */
interface Entry<T> {
  readonly object?: T;
  readonly version: string;
  /** When it was learnt; counts only where versions cannot be compared. */
  readonly at: number;
}

/**
 * The objects of a selection, put together from lists, watch events and answers of own writes, in whatever order these
 * arrive: news older than what is known of an object change nothing. Times are of any one clock that never jumps.
 * Methods that take news answer whether the objects differ from before.
 */
export class Collection<T extends KubeObject> {
  #entries = new Map<string, Entry<T>>();
  /** Objects gone by an own write, and since when: events and lists begun before may still tell of them. */
  readonly #dropped = new Map<string, number>();
  #items: readonly T[] | undefined;
  /** What of the past is wholly known: an unknown object of this version or an earlier one is gone. */
  #listed = "";
  #version = "";

  /** By name. */
  get items(): readonly T[] {
    this.#items ??= [...this.#entries.values()]
      .flatMap(({ object }) => (object === undefined ? [] : [object]))
      .sort((one, other) => (one.metadata.name < other.metadata.name ? -1 : 1));
    return this.#items;
  }

  /** Where a watch is to go on. */
  get version(): string {
    return this.#version;
  }

  /** A whole list that was asked for at `began`. */
  list({ items, resourceVersion }: List<T>, began: number): boolean {
    const order = compareVersions(resourceVersion, this.#listed);
    // Lists never go back, unless the cluster was restored from a backup: then nothing known before counts.
    if (order !== undefined && order < 0) this.#entries.clear();
    for (const [key, at] of this.#dropped) if (at < began) this.#dropped.delete(key);
    const listed = new Map(items.map((object) => [keyOf(object), object]));
    let changed = false;
    for (const [key, entry] of this.#entries) {
      if (listed.has(key) || this.#outlives(entry, resourceVersion, began)) continue;
      this.#entries.delete(key);
      changed ||= entry.object !== undefined;
    }
    for (const [key, object] of listed) {
      const known = this.#entries.get(key);
      if (this.#dropped.has(key) || (known !== undefined && !supersedes(object, known, began))) continue;
      this.#entries.set(key, { object, version: versionOf(object), at: began });
      changed ||= known === undefined || known.version !== versionOf(object);
    }
    this.#listed = resourceVersion;
    this.#version = later(this.#version, resourceVersion);
    return this.#settle(changed || order === undefined || order < 0);
  }

  /** An event of a watch. */
  event({ type, object }: WatchEvent, at: number): boolean {
    this.#version = later(this.#version, versionOf(object));
    if (type === "BOOKMARK") return false;
    if (type !== "DELETED") return this.put(object as T, at);
    const key = keyOf(object);
    this.#dropped.delete(key);
    const known = this.#entries.get(key);
    if (known !== undefined && !supersedes(object, known)) return false;
    this.#entries.set(key, { version: versionOf(object), at });
    return this.#settle(known?.object !== undefined);
  }

  /** An object as a write answered it. */
  put(object: T, at: number): boolean {
    const key = keyOf(object);
    if (this.#dropped.has(key)) return false;
    const known = this.#entries.get(key);
    const order = compareVersions(versionOf(object), this.#listed);
    const news = known === undefined ? order === undefined || order > 0 : supersedes(object, known);
    if (!news) return false;
    this.#entries.set(key, { object, version: versionOf(object), at });
    return this.#settle(true);
  }

  /** The object was removed by an own write. */
  drop(uid: string, at: number): boolean {
    this.#dropped.set(uid, at);
    const known = this.#entries.get(uid);
    this.#entries.delete(uid);
    return this.#settle(known?.object !== undefined);
  }

  /** An entry that a list does not show stays when it is news to that list. */
  #outlives(entry: Entry<T>, listVersion: string, began: number): boolean {
    const order = compareVersions(entry.version, listVersion);
    return order === undefined ? entry.at >= began : order > 0;
  }

  #settle(changed: boolean): boolean {
    if (changed) this.#items = undefined;
    return changed;
  }
}

/** @param began the object is of a list asked for then; absent: it is of an event or a write. */
function supersedes(object: KubeObject, known: Entry<KubeObject>, began?: number): boolean {
  const order = compareVersions(versionOf(object), known.version);
  if (order !== undefined) return order > 0;
  return began === undefined ? versionOf(object) !== known.version : known.at < began;
}

function later(known: string, news: string): string {
  const order = compareVersions(news, known);
  return order === undefined || order > 0 ? news : known;
}

function keyOf({ metadata }: KubeObject): string {
  return metadata.uid ?? metadata.name;
}

function versionOf({ metadata }: KubeObject): string {
  return metadata.resourceVersion ?? "";
}
