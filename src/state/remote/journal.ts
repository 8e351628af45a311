import type { Happening, HistoryRow, JournalEvent } from "../../core/journal.ts";
import { fence as toFence } from "../../core/units.ts";
import type { DeploymentId, Fence, Instant } from "../../core/units.ts";
import type { Key, StateStore } from "../../ports/store.ts";
import { idUsed, unknownDeployment } from "../causes.ts";
import { KEPT_JOURNALS } from "../kept.ts";
import { fit } from "../sizes.ts";
import type { Line } from "../sizes.ts";
import { FORMAT, NOTHING, firstNeeded, lastOf } from "./head.ts";
import type { Head, HeadContent, OpenDeployment } from "./head.ts";
import { keepLine, readLine, writeOf } from "./lines.ts";
import { linesAfter, lyingOf, place } from "./lying.ts";
import type { Heads, History, Pages, Parts } from "./parts.ts";
import { hasRow, keepRow } from "./rows.ts";
import type { Rows } from "./rows.ts";

export type Answer<Method extends Exclude<keyof StateStore, "changed">> = Exclude<
  Awaited<ReturnType<StateStore[Method]>>,
  { readonly is: "unavailable" }
>;

/** What a writer makes of a head: an answer without a write, or a write and the answer when it is done. */
type Decision<A> =
  | { readonly is: "answered"; readonly answer: A }
  | {
      readonly is: "write";
      readonly before: Head | undefined;
      readonly next: HeadContent;
      readonly answer: A;
    };

/** One call of a writing method, however often it is attempted. */
export interface Writing {
  /** Names what it writes, to recognise it where the answer was lost. */
  readonly write: string;
  readonly at: Instant;
  /** Something was sent whose answer may have been lost. */
  sent: boolean;
}

/**
 * One attempt at each method of the port that concerns journals; faults are thrown, and another attempt with the same
 * `Writing` goes on where it ended.
 */
export class Journal {
  readonly #head: Heads;
  readonly #pages: Pages;
  readonly #history: History;
  readonly #fence: () => Promise<Fence>;

  /** @param fence answers the highest fence of which the lease tells. */
  constructor({ head, pages, history }: Omit<Parts, "lease" | "news">, fence: () => Promise<Fence>) {
    this.#head = head;
    this.#pages = pages;
    this.#history = history;
    this.#fence = fence;
  }

  open(key: Key, id: DeploymentId, first: Happening, writing: Writing): Promise<Answer<"open">> {
    return this.#change<Answer<"open">>(writing, async (head) => {
      const foreign = this.#head.isElsewhere(head, key);
      if (foreign !== undefined) return answered({ is: "rejected", cause: foreign });
      const open = head?.state.open;
      if (open !== undefined) {
        const ours = (await this.#written(head, id, 0, 1, writing)) !== undefined;
        return answered(ours ? { is: "opened", number: open.number } : { is: "taken", by: open.id });
      }
      const rows = this.#history.all(head);
      const before = head ?? (await this.#empty(key, rows));
      if (hasRow(await rows, id)) return answered(idUsed(id));
      const fits = fit(id, 0, [first], "step");
      if (fits.is === "rejected") return answered(fits);
      // Housekeeping of what the deployments before left: none of it is waited for by anything urgent here.
      await this.#history.add(before.rows);
      const firstPage = await this.#pages.drop(before.past.firstPage, firstNeeded(before));
      const number = before.state.last + 1;
      const lines = keepLines(fits.lines, writing);
      const { tail, chunks, page } = await place(
        this.#pages,
        before,
        { number, chunks: [] },
        lines,
        writing.write,
      );
      return {
        is: "write",
        before: head,
        next: {
          ...before,
          state: {
            ...before.state,
            last: number,
            page,
            open: { id, number, seq: 1, size: fits.size, chunks },
          },
          past: { ...before.past, firstPage },
          tail,
          rows: new Map(),
        },
        answer: { is: "opened", number },
      };
    });
  }

  append(
    key: Key,
    id: DeploymentId,
    expected: number,
    events: readonly Happening[],
    fence: Fence | "ask",
    writing: Writing,
  ): Promise<Answer<"append">> {
    return this.#change<Answer<"append">>(writing, async (head) => {
      const ours = await this.#written(head, id, expected, events.length, writing);
      if (ours !== undefined) return answered({ is: "appended", events: ours });
      const found = await this.#writable(head, key, id, expected, fence);
      if (found.is !== "writable") return answered(found);
      const { open, head: before } = found;
      const fits = fit(id, open.size, events, fence === "ask" ? "ask" : "step");
      if (fits.is === "rejected") return answered(fits);
      const lines = keepLines(fits.lines, writing);
      const { tail, chunks, page } = await place(this.#pages, before, open, lines, writing.write);
      const seq = expected + lines.length;
      return {
        is: "write",
        before,
        next: {
          ...before,
          state: { ...before.state, page, open: { ...open, seq, size: fits.size, chunks } },
          tail,
        },
        answer: { is: "appended", events: lines.map((line, index) => readLine(line, expected + 1 + index)) },
      };
    });
  }

  close(
    key: Key,
    id: DeploymentId,
    expected: number,
    event: Happening,
    row: HistoryRow,
    fence: Fence,
    writing: Writing,
  ): Promise<Answer<"close">> {
    return this.#change<Answer<"close">>(writing, async (head) => {
      const found = await this.#writable(head, key, id, expected, fence);
      if (found.is !== "writable") return answered(found);
      const { open, head: before } = found;
      const fits = fit(id, open.size, [event], "close");
      if (fits.is === "rejected") return answered(fits);
      const lines = [...before.tail, ...keepLines(fits.lines, writing)];
      const first = lastOf(open.chunks) + 1;
      const added = await this.#pages.add(before.state.page, open.number, first, lines, writing.write);
      const kept = [...before.past.kept, { id, chunks: [...open.chunks, ...added.chunks] }];
      const { open: _closed, ...state } = before.state;
      return {
        is: "write",
        before,
        next: {
          ...before,
          state: { ...state, page: added.page },
          past: { ...before.past, kept: kept.slice(-KEPT_JOURNALS) },
          tail: [],
          rows: new Map([...before.rows, [open.number, keepRow(row)]]),
        },
        answer: { is: "closed" },
      };
    });
  }

  /** Lets lower fences append nothing from here on, as far as there is a journal; one is begun where there is none. */
  stamp(key: Key, fence: Fence, writing: Writing): Promise<"stamped"> {
    return this.#change<"stamped">(writing, async (head) => {
      if (head !== undefined && head.state.fence >= fence) return answered("stamped");
      const before = head ?? (await this.#empty(key, this.#history.all()));
      return {
        is: "write",
        before: head,
        next: { ...before, state: { ...before.state, fence } },
        answer: "stamped",
      };
    });
  }

  /**
   * A write may rest on what this process knew, since it is refused if that has changed; a refusal rests on what is
   * there now.
   */
  async #change<A>(writing: Writing, decide: (head: Head | undefined) => Promise<Decision<A>>): Promise<A> {
    const { known } = this.#head;
    let decision = known && (await decide(known));
    if (decision === undefined || decision.is === "answered")
      decision = await decide(await this.#head.read());
    if (decision.is === "answered") return decision.answer;
    writing.sent = true;
    await this.#head.write(decision.before, decision.next, writing.write);
    return decision.answer;
  }

  async #writable(
    head: Head | undefined,
    key: Key,
    id: DeploymentId,
    expected: number,
    fence: Fence | "ask",
  ): Promise<
    | { readonly is: "writable"; readonly head: Head; readonly open: OpenDeployment }
    | Extract<Answer<"append">, Answer<"close">>
  > {
    const foreign = this.#head.isElsewhere(head, key);
    if (foreign !== undefined) return { is: "rejected", cause: foreign };
    const open = head?.state.open;
    if (head === undefined || open?.id !== id) {
      const closed = head !== undefined && hasRow(await this.#history.all(head), id);
      return closed ? { is: "closed" } : unknownDeployment(key, id);
    }
    const by = toFence(head.state.fence);
    if (fence !== "ask" && by > fence) return { is: "fenced", by };
    return open.seq === expected ? { is: "writable", head, open } : { is: "conflict", seq: open.seq };
  }

  /** What an earlier attempt of this call has written although its answer was lost. */
  async #written(
    head: Head | undefined,
    id: DeploymentId,
    expected: number,
    count: number,
    writing: Writing,
  ): Promise<readonly JournalEvent[] | undefined> {
    const lying = writing.sent && head !== undefined ? lyingOf(head, id) : undefined;
    if (lying === undefined) return undefined;
    const lines = (await linesAfter(this.#pages, lying, expected)).slice(0, count);
    const first = lines[0];
    if (first === undefined || writeOf(first) !== writing.write) return undefined;
    return lines.map((line, index) => readLine(line, expected + 1 + index));
  }

  /** What a journal begins with. Fences and numbers go on where they were, should somebody have removed the head. */
  async #empty(key: Key, kept: Promise<Rows>): Promise<HeadContent> {
    const [fence, rows] = await Promise.all([this.#fence(), kept]);
    return {
      environment: key.environment,
      state: {
        format: FORMAT,
        turn: 0,
        write: "",
        fence,
        last: Math.max(0, ...rows.keys()),
        page: { number: 1, size: 0 },
      },
      past: NOTHING,
      tail: [],
      rows: new Map(),
    };
  }
}

function answered<A>(answer: A): Decision<A> {
  return { is: "answered", answer };
}

function keepLines(lines: readonly Line[], { at, write }: Writing): readonly string[] {
  return lines.map((line) => keepLine(line, at, write));
}
