import type { Happening, JournalEvent } from "../core/journal.ts";

/**
 * Keeps what must be journaled while the store cannot be reached: going back writes first, so its intents go here
 * before the write and into the journal when the store is there again. Order is kept. Used by the holder of the
 * lease only, so there is one writer at a time.
 */
export interface Spool {
  /** Durable when it resolves; rejects when the spool itself cannot keep it (then nothing may be written). */
  add(event: Happening): Promise<void>;
  /** Everything added since the last `clear`, in order; takes nothing away. */
  drain(): Promise<readonly Happening[]>;
  /** Forgets everything: call it after the journal has acknowledged what `drain` answered. */
  clear(): Promise<void>;
}

/** A spool that ends with its process; for simulations, which carry it over a simulated crash themselves. */
export function memorySpool(): Spool {
  let kept: string[] = [];
  return {
    add: async (event) => {
      kept.push(JSON.stringify(event));
    },
    drain: async () => kept.map((line) => JSON.parse(line) as Happening),
    clear: async () => {
      kept = [];
    },
  };
}

/**
 * What of the spool the journal lacks. A process can die between journaling what it drained and clearing it, and the
 * next one drains the same again: intents and outcomes are known by their intent.
 */
export function notJournaled(
  spooled: readonly Happening[],
  journal: readonly JournalEvent[],
): readonly Happening[] {
  const known = new Set(journal.map(nameOf).filter((name) => name !== undefined));
  return spooled.filter((event) => {
    const name = nameOf(event);
    return name === undefined || !known.has(name);
  });
}

function nameOf(event: Happening): string | undefined {
  return event.kind === "intent" || event.kind === "outcome" ? `${event.kind} ${event.intent}` : undefined;
}
