import type { Happening, JournalEvent } from "../../core/journal.ts";
import { instant } from "../../core/units.ts";
import type { Instant } from "../../core/units.ts";
import type { Line } from "../sizes.ts";

/** An event as it is kept: JSON of its time, of the write that brought it, and of itself. */
export function keepLine(line: Line, at: Instant, write: string): string {
  return `{"at":${at},"write":${JSON.stringify(write)},"event":${line.body}}`;
}

interface Kept {
  readonly at: number;
  readonly write: string;
  readonly event: Happening;
}

/** The event with its number and time. */
export function readLine(text: string, seq: number): JournalEvent {
  const { at, event } = JSON.parse(text) as Kept;
  return { ...event, seq, at: instant(at) };
}

/** Which write brought an event. */
export function writeOf(text: string): string {
  return (JSON.parse(text) as Kept).write;
}
