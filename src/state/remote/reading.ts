import type { DeploymentId } from "../../core/units.ts";
import type { Key } from "../../ports/store.ts";
import { unknownDeployment } from "../causes.ts";
import type { Head } from "./head.ts";
import type { Answer } from "./journal.ts";
import { eventsAfter, lyingOf } from "./lying.ts";
import type { Heads, History, Pages, Parts } from "./parts.ts";
import { hasRow, readRow } from "./rows.ts";
import { Fault } from "./tries.ts";

/** What a head, and what it refers to, say about deployments. Faults are thrown. */
export class Reading {
  readonly #head: Heads;
  readonly #pages: Pages;
  readonly #history: History;

  constructor({ head, pages, history }: Omit<Parts, "lease" | "news">) {
    this.#head = head;
    this.#pages = pages;
    this.#history = history;
  }

  async current(key: Key, after: number, head: Head | undefined): Promise<Answer<"current">> {
    this.#refuseOthers(key, head);
    const open = head?.state.open;
    const lying = head && open && lyingOf(head, open.id);
    if (open === undefined || lying === undefined) return { is: "none" };
    const events = await eventsAfter(this.#pages, lying, after);
    return { is: "open", journal: { id: open.id, events }, number: open.number };
  }

  async events(key: Key, id: DeploymentId, head: Head | undefined): Promise<Answer<"events">> {
    const foreign = this.#head.isElsewhere(head, key);
    if (foreign !== undefined) return { is: "rejected", cause: foreign };
    if (head === undefined) return unknownDeployment(key, id);
    const lying = lyingOf(head, id);
    if (lying !== undefined) return { is: "events", events: await eventsAfter(this.#pages, lying, 0) };
    const rows = await this.#history.all(head);
    return hasRow(rows, id) ? { is: "pruned" } : unknownDeployment(key, id);
  }

  async history(key: Key, limit: number, head: Head | undefined): Promise<Answer<"history">> {
    this.#refuseOthers(key, head);
    if (head === undefined) return { is: "rows", rows: [] };
    const { last, open } = head.state;
    const closed = open === undefined ? last : last - 1;
    // Those in the head are the newest.
    const earlier = await this.#history.newest(closed - head.rows.size, limit - head.rows.size);
    const newest = [...head.rows, ...earlier].sort(([a], [b]) => b - a).slice(0, limit);
    return { is: "rows", rows: newest.map(([, text]) => readRow(text)) };
  }

  #refuseOthers(key: Key, head: Head | undefined): void {
    const foreign = this.#head.isElsewhere(head, key);
    if (foreign !== undefined) throw new Fault(foreign, "never");
  }
}
