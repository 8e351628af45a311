import type { HeadContent } from "../remote/head.ts";
import type { History } from "../remote/parts.ts";
import { pageOf, pagesOf } from "../remote/rows.ts";
import type { Rows } from "../remote/rows.ts";
import { Fault } from "../remote/tries.ts";
import type { Bucket, Tag } from "./bucket.ts";
import { damaged } from "./causes.ts";
import { keptRows, rowsFrom } from "./head.ts";
import { HISTORY, historyKey, numberOf } from "./keys.ts";
import { overwrite } from "./overwrite.ts";

/** Pages of the history, an object each. */
export class HistoryObjects implements History {
  readonly #bucket: Bucket;

  constructor(bucket: Bucket) {
    this.#bucket = bucket;
  }

  async add(rows: Rows): Promise<void> {
    for (const [number, text] of rows) {
      const key = historyKey(pageOf(number));
      const { tag, rows: there } = await this.#page(key);
      if (there.has(number)) continue;
      const content = keptRows(new Map([...there, [number, text]]));
      await overwrite(this.#bucket, undefined, key, content, tag);
    }
  }

  newest(last: number, count: number): Promise<Rows> {
    return this.#pages(pagesOf(last, count));
  }

  async all(head?: HeadContent): Promise<Rows> {
    // Without a head nobody knows how many there are.
    const pages = head === undefined ? await this.#listed() : pagesOf(head.state.last, head.state.last);
    return new Map([...(await this.#pages(pages)), ...(head?.rows ?? [])]);
  }

  async #listed(): Promise<readonly number[]> {
    const { keys } = await this.#bucket.list(HISTORY);
    return keys.map(numberOf);
  }

  async #pages(pages: readonly number[]): Promise<Rows> {
    const read = await Promise.all(pages.map((page) => this.#page(historyKey(page))));
    return new Map(read.flatMap(({ rows }) => [...rows]));
  }

  async #page(key: string): Promise<{ readonly tag?: Tag; readonly rows: Rows }> {
    const answer = await this.#bucket.get(key);
    if (answer.is !== "object") return { rows: new Map() };
    try {
      return { tag: answer.tag, rows: rowsFrom(JSON.parse(answer.text) as Record<string, object>) };
    } catch {
      throw new Fault(damaged(this.#bucket.place, key, "it is no JSON"), "never");
    }
  }
}
