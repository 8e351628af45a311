import type { Happening, VerdictFacts } from "./journal.ts";

/** Bounds of what is journaled, in bytes of JSON (UTF-8). The numbers are the design's ("State and engine"). */
export const FACTS_BOUND = 4 * 1024;
/** One event. A plan with its checks, the largest one, needs about a tenth. */
export const EVENT_BOUND = 64 * 1024;
/** All events of one deployment. */
export const JOURNAL_BOUND = 512 * 1024;
/** Kept free for what must always be possible: operators' asks, and behind them the closing event. */
export const ASK_RESERVE = 32 * 1024;
export const CLOSE_RESERVE = 64 * 1024;

/** How full the journal may be after this kind of append, in bytes. */
export function journalBound(of: "step" | "ask" | "close"): number {
  if (of === "close") return JOURNAL_BOUND;
  return JOURNAL_BOUND - CLOSE_RESERVE - (of === "ask" ? 0 : ASK_RESERVE);
}

/** Bytes of a value's JSON. */
export function jsonSize(value: unknown): number {
  return utf8Size(JSON.stringify(value));
}

/** Trims a verdict's evidence to its bound; the summary, the samples that failed and the last log lines go last. */
export function boundEvent<E extends Happening>(event: E): E {
  if (event.kind !== "verdict" || jsonSize(event.facts) <= FACTS_BOUND) return event;
  return { ...event, facts: boundFacts(event.facts) };
}

function boundFacts(facts: VerdictFacts): VerdictFacts {
  let room = FACTS_BOUND - SHELL;
  const summary = shorten(facts.summary, Math.floor(room / 4));
  room -= jsonSize(summary);
  // Failures explain the verdict, so they are chosen before the passes; what stays keeps its order.
  const samples = facts.samples ?? [];
  const telling = [...samples].sort((a, b) => Number(a.result === "pass") - Number(b.result === "pass"));
  const kept = new Set(takeWhileFits(telling, Math.floor(room / 2)));
  const keptSamples = samples.filter((sample) => kept.has(sample));
  room -= sizeOf(keptSamples);
  const numbers = Object.entries(facts.numbers ?? {});
  const keptNumbers = takeWhileFits(numbers, Math.floor(room / 2));
  room -= sizeOf(keptNumbers);
  const log = takeWhileFits([...(facts.log ?? [])].reverse(), room).reverse();
  return {
    summary,
    ...(keptSamples.length > 0 && { samples: keptSamples }),
    ...(log.length > 0 && { log }),
    ...(keptNumbers.length > 0 && { numbers: Object.fromEntries(keptNumbers) }),
  };
}

/** Names, brackets and commas of the facts themselves. */
const SHELL = 64;

function sizeOf(items: readonly unknown[]): number {
  return items.reduce<number>((sum, item) => sum + jsonSize(item) + 1, 0);
}

function takeWhileFits<T>(items: readonly T[], room: number): T[] {
  let left = room;
  const end = items.findIndex((item) => (left -= jsonSize(item) + 1) < 0);
  return items.slice(0, end === -1 ? items.length : end);
}

/** At most `bytes` of JSON; an ellipsis shows that something is missing. */
function shorten(text: string, bytes: number): string {
  if (jsonSize(text) <= bytes) return text;
  let size = 8;
  let kept = "";
  for (const character of text) {
    size += jsonSize(character) - 2;
    if (size > bytes) break;
    kept += character;
  }
  return `${kept}…`;
}

function utf8Size(text: string): number {
  let size = 0;
  for (const character of text) {
    const point = character.codePointAt(0) ?? 0;
    size += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x1_0000 ? 3 : 4;
  }
  return size;
}
