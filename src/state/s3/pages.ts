import type { ChunkRef, HeadState } from "../remote/head.ts";
import type { Pages, Placed } from "../remote/parts.ts";
import { Fault } from "../remote/tries.ts";
import type { Bucket } from "./bucket.ts";
import { chunkMissing, damaged } from "./causes.ts";
import { EVENTS, chunkKey, numberOf } from "./keys.ts";

/** Chunks that were read or written once are not read again: more than one deployment has. */
const REMEMBERED = 64;

/** Chunks are objects, and the page of a chunk is the number of its deployment. */
export class PageObjects implements Pages {
  readonly #bucket: Bucket;
  readonly #remembered = new Map<string, readonly string[]>();

  constructor(bucket: Bucket) {
    this.#bucket = bucket;
  }

  async add(
    _page: HeadState["page"],
    deployment: number,
    first: number,
    lines: readonly string[],
    write: string,
  ): Promise<Placed> {
    const key = chunkKey(deployment, first, write);
    const content = lines.map((line) => JSON.parse(line) as object);
    // Nobody else writes this key: where something is, an earlier attempt has put the same there.
    await this.#bucket.put(key, content, undefined);
    this.#remember(key, lines);
    return {
      chunks: [{ page: deployment, key, last: first + lines.length - 1 }],
      page: { number: deployment, size: 0 },
    };
  }

  async read({ key }: ChunkRef): Promise<readonly string[]> {
    const known = this.#remembered.get(key);
    if (known !== undefined) return known;
    const answer = await this.#bucket.get(key);
    if (answer.is !== "object") throw new Fault(chunkMissing(this.#bucket.place, key), "never");
    const lines = this.#parse(key, answer.text);
    this.#remember(key, lines);
    return lines;
  }

  async drop(first: number, end: number): Promise<number> {
    if (first >= end) return first;
    try {
      const { keys, complete } = await this.#bucket.list(EVENTS);
      const unneeded = keys.filter((key) => numberOf(key) < end);
      await Promise.all(unneeded.map((key) => this.#bucket.remove(key)));
      return complete || unneeded.length < keys.length ? end : first;
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      // Nothing depends on it: the next deployment tries again.
      return first;
    }
  }

  #remember(key: string, lines: readonly string[]): void {
    if (this.#remembered.size >= REMEMBERED) this.#remembered.clear();
    this.#remembered.set(key, lines);
  }

  #parse(key: string, text: string): readonly string[] {
    try {
      return (JSON.parse(text) as readonly object[]).map((line) => JSON.stringify(line));
    } catch {
      throw new Fault(damaged(this.#bucket.place, key, "it is no list in JSON"), "never");
    }
  }
}
