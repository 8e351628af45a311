import type { JournalEvent } from "../core/journal.ts";

/** Told of every journaled event after it is durable. Best effort: what it does or fails to do changes nothing. */
export interface Notifier {
  tell(event: JournalEvent): void;
}
