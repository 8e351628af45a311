import type { Happening, HistoryRow, JournalEvent } from "../../core/journal.ts";
import { fence as toFence } from "../../core/units.ts";
import type { Cause, DeploymentId, Fence, Instant } from "../../core/units.ts";
import type { Key, StateStore } from "../../ports/store.ts";
import { idUsed, unknownDeployment } from "../causes.ts";
import { KEPT_JOURNALS } from "../kept.ts";
import { fit } from "../sizes.ts";
import type { Line } from "../sizes.ts";
import { keepLine, readLine, writeOf } from "./events.ts";
import type { HeadObject } from "./head.ts";
import { hasRow, keepRow, readRow } from "./history.ts";
import type { History, Rows } from "./history.ts";
import { FORMAT, NOTHING, firstNeeded, lastOf } from "./layout.ts";
import type { ChunkRef, Head, HeadContent, HeadState, OpenDeployment } from "./layout.ts";
import type { Pages } from "./pages.ts";
import { Fault } from "./tries.ts";

/** Bytes of events that lie in the head itself. Every append sends the head to whoever watches it. */
const TAIL_BOUND = 32 * 1024;

export type Answer<Method extends Exclude<keyof StateStore, "changed">> = Exclude<
  Awaited<ReturnType<StateStore[Method]>>,
  { readonly is: "unavailable" }
>;

/** What a writer found and what it makes of it. */
type Decision<A> =
  | { readonly is: "refused"; readonly answer: A }
  | { readonly is: "write"; readonly before: Head | undefined; readonly next: HeadContent; readonly answer: A };

/** One call of a writing method, however often it is attempted. */
export interface Writing {
  /** Names what it writes, to recognise it where the answer was lost. */
  readonly write: string;
  readonly at: Instant;
  /** Something was sent whose answer may have been lost. */
  sent: boolean;
}

interface Parts {
  readonly head: HeadObject;
  readonly pages: Pages;
  readonly history: History;
  /** The highest fence of which the Lease tells. */
  readonly fence: () => Promise<Fence>;
}

/**
 * One attempt at each method of the port that concerns journals; faults are thrown, and another attempt with the same
 * `Writing` goes on where it ended.
 */
export class Journal {
  readonly #head: HeadObject;
  readonly #pages: Pages;
  readonly #history: History;
  readonly #fence: () => Promise<Fence>;

  constructor({ head, pages, history, fence }: Parts) {
    this.#head = head;
    this.#pages = pages;
    this.#history = history;
    this.#fence = fence;
  }

  open(key: Key, id: DeploymentId, first: Happening, writing: Writing): Promise<Answer<"open">> {
    return this.#change<Answer<"open">>(writing, async (head) => {
      const foreign = this.#head.isElsewhere(head, key);
      if (foreign !== undefined) return refused({ is: "rejected", cause: foreign });
      const open = head?.state.open;
      if (open !== undefined) {
        const ours = (await this.#written(head, id, 0, 1, writing)) !== undefined;
        return refused(ours ? { is: "opened", number: open.number } : { is: "taken", by: open.id });
      }
      const before = head ?? (await this.#empty(key));
      const rows = await this.#allRows(before);
      if (hasRow(rows, id)) return refused(idUsed(id));
      const fits = fit(id, 0, [first], "step");
      if (fits.is === "rejected") return refused(fits);
      // Housekeeping of what the deployments before left: none of it is waited for by anything urgent here.
      await this.#history.add(before.rows);
      const firstPage = await this.#pages.drop(before.past.firstPage, firstNeeded(before));
      const number = Math.max(before.state.last, ...rows.keys()) + 1;
      const lines = keepLines(fits.lines, writing);
      const { tail, chunks, page } = await this.#place(before, { number, chunks: [] }, lines, writing);
      return {
        is: "write",
        before: head,
        next: {
          ...before,
          state: { ...before.state, last: number, page, open: { id, number, seq: 1, size: fits.size, chunks } },
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
      if (ours !== undefined) return refused({ is: "appended", events: ours });
      const found = await this.#writable(head, key, id, expected, fence);
      if (found.is !== "writable") return refused(found);
      const { open, head: before } = found;
      const fits = fit(id, open.size, events, fence === "ask" ? "ask" : "step");
      if (fits.is === "rejected") return refused(fits);
      const lines = keepLines(fits.lines, writing);
      const { tail, chunks, page } = await this.#place(before, open, lines, writing);
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
      if (found.is !== "writable") return refused(found);
      const { open, head: before } = found;
      const fits = fit(id, open.size, [event], "close");
      if (fits.is === "rejected") return refused(fits);
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
      if (head !== undefined && head.state.fence >= fence) return refused("stamped");
      const before = head ?? (await this.#empty(key));
      return {
        is: "write",
        before: head,
        next: { ...before, state: { ...before.state, fence } },
        answer: "stamped",
      };
    });
  }

  async current(key: Key, after: number, head: Head | undefined): Promise<Answer<"current">> {
    this.#refuseOthers(key, head);
    const open = head?.state.open;
    if (head === undefined || open === undefined) return { is: "none" };
    const events = await this.#read({ chunks: open.chunks, tail: head.tail }, after);
    return { is: "open", journal: { id: open.id, events }, number: open.number };
  }

  async events(key: Key, id: DeploymentId, head: Head | undefined): Promise<Answer<"events">> {
    const foreign = this.#head.isElsewhere(head, key);
    if (foreign !== undefined) return { is: "rejected", cause: foreign };
    const lying = head && lyingOf(head, id);
    if (lying !== undefined) return { is: "events", events: await this.#read(lying, 0) };
    if (head === undefined) return unknownDeployment(key, id);
    return hasRow(await this.#allRows(head), id) ? { is: "pruned" } : unknownDeployment(key, id);
  }

  async rows(key: Key, limit: number, head: Head | undefined): Promise<Answer<"history">> {
    this.#refuseOthers(key, head);
    if (head === undefined) return { is: "rows", rows: [] };
    const { last, open } = head.state;
    const closed = open === undefined ? last : last - 1;
    // Those in the head are the newest.
    const earlier = await this.#history.newest(closed - head.rows.size, limit - head.rows.size);
    const newest = [...head.rows, ...earlier].sort(([a], [b]) => b - a).slice(0, limit);
    return { is: "rows", rows: newest.map(([, text]) => readRow(text)) };
  }

  /**
   * A write may rest on what this process knew, since it is refused if that has changed; a refusal rests on what is
   * there now.
   */
  async #change<A>(writing: Writing, decide: (head: Head | undefined) => Promise<Decision<A>>): Promise<A> {
    const { known } = this.#head;
    let decision = known && (await decide(known));
    if (decision === undefined || decision.is === "refused") decision = await decide(await this.#head.read());
    if (decision.is === "refused") return decision.answer;
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
      const closed = head !== undefined && hasRow(await this.#allRows(head), id);
      return closed ? { is: "closed" } : unknownDeployment(key, id);
    }
    const by = toFence(head.state.fence);
    if (fence !== "ask" && by > fence) return { is: "fenced", by };
    return open.seq === expected ? { is: "writable", head, open } : { is: "conflict", seq: open.seq };
  }

  /** Where further lines come to lie: in the head while there is room, else what is in it goes into a page first. */
  async #place(
    { tail, state }: HeadContent,
    { number, chunks }: Pick<OpenDeployment, "number" | "chunks">,
    lines: readonly string[],
    writing: Writing,
  ): Promise<{ readonly tail: readonly string[]; readonly chunks: readonly ChunkRef[]; readonly page: HeadState["page"] }> {
    const all = [...tail, ...lines];
    if (bytesOf(all) <= TAIL_BOUND) return { tail: all, chunks, page: state.page };
    const staying = bytesOf(lines) <= TAIL_BOUND ? lines : [];
    const going = all.slice(0, all.length - staying.length);
    const added = await this.#pages.add(state.page, number, lastOf(chunks) + 1, going, writing.write);
    return { tail: staying, chunks: [...chunks, ...added.chunks], page: added.page };
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
    const lines = (await this.#linesAfter(lying, expected)).slice(0, count);
    const first = lines[0];
    if (first === undefined || writeOf(first) !== writing.write) return undefined;
    return lines.map((line, index) => readLine(line, expected + 1 + index));
  }

  async #read(lying: Lying, after: number): Promise<readonly JournalEvent[]> {
    const lines = await this.#linesAfter(lying, after);
    return lines.map((line, index) => readLine(line, after + 1 + index));
  }

  async #linesAfter({ chunks, tail }: Lying, after: number): Promise<readonly string[]> {
    const needed = chunks.filter((chunk) => chunk.last > after);
    const read = await Promise.all(needed.map((chunk) => this.#pages.read(chunk)));
    const before = lastOf(chunks.slice(0, chunks.length - needed.length));
    return [...read.flat(), ...tail].slice(Math.max(0, after - before));
  }

  async #allRows(head: HeadContent): Promise<Rows> {
    return new Map([...(await this.#history.all()), ...head.rows]);
  }

  /** What a journal begins with. Fences and numbers go on where they were, should somebody have removed the head. */
  async #empty(key: Key): Promise<HeadContent> {
    const [fence, rows] = await Promise.all([this.#fence(), this.#history.all()]);
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

  #refuseOthers(key: Key, head: Head | undefined): void {
    const cause: Cause | undefined = this.#head.isElsewhere(head, key);
    if (cause !== undefined) throw new Fault(cause, "never");
  }
}

function refused<A>(answer: A): Decision<A> {
  return { is: "refused", answer };
}

/** Where the events of a deployment lie. */
interface Lying {
  readonly chunks: readonly ChunkRef[];
  readonly tail: readonly string[];
}

/** Undefined when it is neither open nor kept. */
function lyingOf(head: Head, id: DeploymentId): Lying | undefined {
  const { open } = head.state;
  if (open?.id === id) return { chunks: open.chunks, tail: head.tail };
  const kept = head.past.kept.find((each) => each.id === id);
  return kept && { chunks: kept.chunks, tail: [] };
}

function keepLines(lines: readonly Line[], { at, write }: Writing): readonly string[] {
  return lines.map((line) => keepLine(line, at, write));
}

function bytesOf(lines: readonly string[]): number {
  return lines.reduce((sum, line) => sum + Buffer.byteLength(line), 0);
}
