import type { JournalEvent } from "../../core/journal.ts";
import type { DeploymentId } from "../../core/units.ts";
import { lastOf } from "./head.ts";
import type { ChunkRef, Head, HeadContent, OpenDeployment } from "./head.ts";
import { readLine } from "./lines.ts";
import type { Pages, Placed } from "./parts.ts";

/** Bytes of events that lie in the head itself. Every append writes the head anew. */
const TAIL_BOUND = 32 * 1024;

/** Where the events of a deployment lie. */
export interface Lying {
  readonly chunks: readonly ChunkRef[];
  /** Those behind the chunks, which are in the head. */
  readonly tail: readonly string[];
}

/** Undefined when it is neither open nor kept. */
export function lyingOf(head: Head, id: DeploymentId): Lying | undefined {
  const { open } = head.state;
  if (open?.id === id) return { chunks: open.chunks, tail: head.tail };
  const kept = head.past.kept.find((each) => each.id === id);
  return kept && { chunks: kept.chunks, tail: [] };
}

/** The lines of the events after number `after`. */
export async function linesAfter(
  pages: Pages,
  { chunks, tail }: Lying,
  after: number,
): Promise<readonly string[]> {
  const needed = chunks.filter((chunk) => chunk.last > after);
  const read = await Promise.all(needed.map((chunk) => pages.read(chunk)));
  const before = lastOf(chunks.slice(0, chunks.length - needed.length));
  return [...read.flat(), ...tail].slice(Math.max(0, after - before));
}

export async function eventsAfter(
  pages: Pages,
  lying: Lying,
  after: number,
): Promise<readonly JournalEvent[]> {
  const lines = await linesAfter(pages, lying, after);
  return lines.map((line, index) => readLine(line, after + 1 + index));
}

/** Where further lines come to lie: in the head while there is room, else what is in it goes into a page first. */
export async function place(
  pages: Pages,
  { tail, state }: HeadContent,
  { number, chunks }: Pick<OpenDeployment, "number" | "chunks">,
  lines: readonly string[],
  write: string,
): Promise<Lying & Placed> {
  const all = [...tail, ...lines];
  if (bytesOf(all) <= TAIL_BOUND) return { tail: all, chunks, page: state.page };
  const staying = bytesOf(lines) <= TAIL_BOUND ? lines : [];
  const going = all.slice(0, all.length - staying.length);
  const added = await pages.add(state.page, number, lastOf(chunks) + 1, going, write);
  return { tail: staying, chunks: [...chunks, ...added.chunks], page: added.page };
}

function bytesOf(lines: readonly string[]): number {
  return lines.reduce((sum, line) => sum + Buffer.byteLength(line), 0);
}
