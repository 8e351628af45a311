import { EVENT_BOUND, journalBound } from "../core/bounds.ts";
import type { Happening } from "../core/journal.ts";
import type { DeploymentId } from "../core/units.ts";
import type { NotKept } from "../ports/store.ts";
import { journalFull, tooLarge } from "./causes.ts";

/** An event as it is kept: its JSON without number and time. */
export interface Line {
  readonly kind: string;
  readonly body: string;
  /** Bytes of the body. */
  readonly size: number;
}

/** The lines to add and the journal's size with them, or why they are not kept. */
export function fit(
  id: DeploymentId,
  before: number,
  events: readonly Happening[],
  of: "step" | "ask" | "close",
): { readonly is: "fits"; readonly lines: readonly Line[]; readonly size: number } | NotKept {
  const lines = events.map(toLine);
  const large = lines.find((line) => line.size > EVENT_BOUND);
  if (large !== undefined) return tooLarge(large.kind, large.size);
  const size = lines.reduce((sum, line) => sum + line.size, before);
  const bound = journalBound(of);
  return size > bound ? journalFull(id, size, bound) : { is: "fits", lines, size };
}

function toLine(event: Happening): Line {
  const body = JSON.stringify(event);
  return { kind: event.kind, body, size: Buffer.byteLength(body) };
}
