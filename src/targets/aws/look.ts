import { canonicalJson } from "../../core/planning/canonical.ts";
import { instant, millis, type Cause, type Instant } from "../../core/units.ts";
import type { Clock } from "../../ports/clock.ts";
import { isTransient } from "./api/answers.ts";
import type { Answer, CallBy } from "./api/api.ts";

/*
 * AWS tells nobody that something changed, and counts every question: 40 at once and 10 a second for all tools of an
 * account. So one poller asks for slots and router together, at most once a second, what is most overdue; everybody else
 * reads what it saw last.
 */

/** Something that is looked at again and again. */
export interface Subject<T> {
  /** Same name, same question. */
  readonly name: string;
  /** Wanted distance (ms) between two looks; what is waited for is looked at more often than what is not. */
  readonly every: number;
  /** Paid from the purse `look`, but while nothing is known, when somebody waits for the answer: from `plan`. */
  readonly ask: (call: CallBy) => Promise<Answer<T>>;
}

/** `at`: when it was read, not when it was handed out. */
export type Looked<T> =
  | { readonly is: "seen"; readonly value: T; readonly at: Instant }
  | { readonly is: "unreadable"; readonly cause: Cause };

export interface Look {
  /** What was seen last, or a first look. Whoever reads keeps the subject being looked at for a while. */
  read<T>(subject: Subject<T>, signal: AbortSignal): Promise<Looked<T>>;
  /** Somebody read it otherwise, this moment. */
  put(name: string, value: unknown): void;
  /** It was written: what was seen until now does not count any more. */
  forget(...names: readonly string[]): void;
  /** Resolves when a look brought something else than the one before it, or the signal aborts. */
  changed(signal: AbortSignal): Promise<void>;
  close(): void;
}

/** A subject that nobody read for so long (ms) is not looked at any more. */
const INTEREST_MS = 10_000;
/** Nothing is handed out that was read longer ago than this many distances, and than this (ms). */
const TOO_OLD = { distances: 3, least: 10_000 };

interface Kept {
  subject: Subject<unknown>;
  /** When somebody last read it; monotonic. */
  wanted: number;
  seen?: { readonly value: unknown; readonly at: Instant; readonly since: number };
  /** The last value that was ever seen, as text: another one is news, a first one is not. */
  text?: string;
  /** The last look failed. */
  failed?: Cause;
  /** When the last look ended; monotonic. Absent: it is due at once. */
  asked?: number;
  /** Counts what made looks on their way worthless. */
  epoch: number;
  asking?: Promise<void>;
}

/** @param pace factor of all distances: a test whose world runs fast looks as much more often. */
export function createLook(clock: Pick<Clock, "now" | "monotonic" | "sleep">, pace = 1): Look {
  return new Poller(clock, pace);
}

class Poller implements Look {
  readonly #pace: number;
  readonly #clock: Pick<Clock, "now" | "monotonic" | "sleep">;
  readonly #kept = new Map<string, Kept>();
  readonly #closed = new AbortController();
  readonly #news = new EventTarget();
  /** News that there were, and how many of them there were at the last read. */
  #count = 0;
  #known = 0;
  #polling = false;
  /** Ends the poller's sleep: something else may be due first now. */
  #wake = new AbortController();

  constructor(clock: Pick<Clock, "now" | "monotonic" | "sleep">, pace: number) {
    this.#clock = clock;
    this.#pace = pace;
  }

  async read<T>(subject: Subject<T>, signal: AbortSignal): Promise<Looked<T>> {
    if (signal.aborted || this.#closed.signal.aborted) return GIVEN_UP;
    this.#known = this.#count;
    const kept = this.#keep({ ...subject, every: subject.every * this.#pace });
    if (!this.#isGood(kept)) await either(this.#ask(kept), signal);
    this.#poll();
    if (signal.aborted) return GIVEN_UP;
    if (this.#isGood(kept) && kept.seen !== undefined)
      return { is: "seen", value: kept.seen.value as T, at: kept.seen.at };
    return { is: "unreadable", cause: kept.failed ?? GIVEN_UP.cause };
  }

  put(name: string, value: unknown): void {
    const kept = this.#kept.get(name);
    if (kept === undefined) return;
    kept.epoch++;
    this.#saw(kept, value);
  }

  forget(...names: readonly string[]): void {
    for (const kept of names.flatMap((name) => this.#kept.get(name) ?? [])) {
      kept.epoch++;
      delete kept.seen;
      delete kept.asked;
    }
    this.#wake.abort();
    this.#tell();
  }

  async changed(signal: AbortSignal): Promise<void> {
    if (signal.aborted || this.#closed.signal.aborted || this.#count > this.#known) return;
    this.#poll();
    await new Promise<void>((resolve) => {
      const over = AbortSignal.any([signal, this.#closed.signal]);
      const done = () => {
        this.#news.removeEventListener("news", done);
        over.removeEventListener("abort", done);
        resolve();
      };
      this.#news.addEventListener("news", done);
      over.addEventListener("abort", done);
    });
  }

  close(): void {
    this.#closed.abort();
  }

  #keep(subject: Subject<unknown>): Kept {
    const kept = this.#kept.get(subject.name) ?? { subject, wanted: 0, epoch: 0 };
    if (subject.every < kept.subject.every) this.#wake.abort();
    kept.subject = subject;
    kept.wanted = this.#clock.monotonic();
    this.#kept.set(subject.name, kept);
    return kept;
  }

  /** A look that failed for good (a right that is missing) is not hidden by what was seen before. */
  #isGood({ seen, failed, subject }: Kept): boolean {
    if (seen === undefined || (failed !== undefined && !isTransient(failed))) return false;
    const age = this.#clock.monotonic() - seen.since;
    return age <= Math.max(TOO_OLD.least, TOO_OLD.distances * subject.every);
  }

  #ask(kept: Kept): Promise<void> {
    kept.asking ??= this.#once(kept).finally(() => delete kept.asking);
    return kept.asking;
  }

  async #once(kept: Kept): Promise<void> {
    const { epoch } = kept;
    // In a throttled account the purse of polling is empty; a deployment cannot even begin before the first looks.
    const purse = kept.seen === undefined ? "plan" : "look";
    const answer = await kept.subject.ask({ signal: this.#closed.signal, purse });
    kept.asked = this.#clock.monotonic();
    // Read before a write of our own, or overtaken by a later look.
    if (kept.epoch !== epoch) return kept.seen === undefined ? this.#once(kept) : undefined;
    if (answer.is === "ok") return this.#saw(kept, answer.value);
    const another = kept.failed?.message !== answer.cause.message;
    kept.failed = answer.cause;
    if (another) this.#tell();
  }

  #saw(kept: Kept, value: unknown): void {
    const text = canonicalJson(JSON.parse(JSON.stringify(value ?? null, mapsAsLists)));
    const other = (kept.text ?? text) !== text || kept.failed !== undefined;
    kept.text = text;
    const since = this.#clock.monotonic();
    kept.seen = { value, at: instant(this.#clock.now()), since };
    kept.asked = since;
    delete kept.failed;
    if (other) this.#tell();
  }

  #tell(): void {
    this.#count++;
    this.#news.dispatchEvent(new Event("news"));
  }

  /** Looks at what is most overdue, as long as anybody reads; the purse sees to the pace. */
  #poll(): void {
    if (this.#polling || this.#closed.signal.aborted) return;
    this.#polling = true;
    void this.#polls().finally(() => (this.#polling = false));
  }

  async #polls(): Promise<void> {
    const { signal } = this.#closed;
    while (!signal.aborted) {
      const now = this.#clock.monotonic();
      const wanted = [...this.#kept.values()].filter((kept) => now - kept.wanted <= INTEREST_MS);
      const [next] = wanted.toSorted((a, b) => overdue(b, now) - overdue(a, now));
      if (next === undefined) return;
      if (overdue(next, now) >= 1) await this.#ask(next);
      else await this.#rest(Math.min(...wanted.map((kept) => dueIn(kept, now))));
    }
  }

  async #rest(ms: number): Promise<void> {
    this.#wake = new AbortController();
    await this.#clock.sleep(millis(ms), AbortSignal.any([this.#closed.signal, this.#wake.signal]));
  }
}

/** How many of its distances ago a subject was looked at. */
function overdue({ asked, subject }: Kept, now: number): number {
  return asked === undefined ? Number.POSITIVE_INFINITY : (now - asked) / subject.every;
}

function dueIn({ asked, subject }: Kept, now: number): number {
  return asked === undefined ? 0 : Math.max(1, asked + subject.every - now);
}

function mapsAsLists(_key: string, value: unknown): unknown {
  return value instanceof Map ? [...value] : value;
}

async function either(work: Promise<void>, signal: AbortSignal): Promise<void> {
  let done: () => void = () => undefined;
  const aborted = new Promise<void>((resolve) => {
    done = resolve;
    signal.addEventListener("abort", done, { once: true });
  });
  await Promise.race([work, aborted]);
  signal.removeEventListener("abort", done);
}

const GIVEN_UP = {
  is: "unreadable",
  cause: { code: "TEAL-A111", message: "the look was given up" } satisfies Cause,
} as const;
