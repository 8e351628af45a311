import { instant, millis, type Cause, type Instant, type Millis } from "../../../core/units.ts";
import type { Answer, CallBy, List, Mirror } from "./api.ts";
import { backoff, pause } from "./backoff.ts";
import { Collection } from "./collection.ts";
import type { KubeObject } from "./objects.ts";
import { compareVersions } from "./resource-version.ts";
import type { WatchBounds, WatchEnd, Watcher } from "./watch.ts";

/** Where a mirror gets its objects from. */
export interface Source<T> {
  list(by: CallBy): Promise<Answer<List<T>>>;
  watch(from: string, bounds: WatchBounds, watcher: Watcher, signal: AbortSignal): Promise<WatchEnd>;
}

/** Times of a mirror. The defaults suit a real server; tests bring shorter ones. */
export interface Pace {
  readonly watch: WatchBounds;
  /** Whoever reads or waits gets to see a whole list at least this often: so an event that was lost is found. */
  readonly relist: Millis;
  /** Bound of one list. */
  readonly list: Millis;
  /** Longest pause between two tries. */
  readonly longest: Millis;
}

export const PACE: Pace = {
  // A server sends a bookmark about every minute, though none is promised.
  watch: { lasts: millis(290_000), silence: millis(90_000) },
  relist: millis(30_000),
  list: millis(10_000),
  longest: millis(10_000),
};

/** A watch that lasted as long (ms) worked; one that ended sooner, without news, counts as a failure. */
const WORKED_MS = 1_000;
/** A watch that begins so shortly (ms) after all was known has nothing to catch up with. */
const NO_GAP_MS = 100;

interface Listing {
  readonly began: number;
  /** Absent when it went well. */
  readonly failed: Promise<{ readonly cause: Cause; readonly retryAfter: number } | undefined>;
}

/** A mirror kept by one list and then one watch, from the first read until it is closed. */
export class ListWatch<T extends KubeObject> implements Mirror<T> {
  readonly #source: Source<T>;
  readonly #pace: Pace;
  readonly #told: () => void;
  readonly #collection = new Collection<T>();
  readonly #closed = new AbortController();
  readonly #waiting = new Set<() => void>();
  /** The collection was true then, by the clock that never jumps and for people. */
  #heard: { readonly at: number; readonly instant: Instant } | undefined;
  /** When the last list that went well was asked for. */
  #listed = -Infinity;
  #listing: Listing | undefined;
  /** Ends the watch that runs. */
  #watch = new AbortController();
  #started = false;
  #relist: NodeJS.Timeout | undefined;

  /** @param told of every change, beside those who wait for one. */
  constructor(source: Source<T>, pace: Pace = PACE, told: () => void = () => {}) {
    this.#source = source;
    this.#pace = pace;
    this.#told = told;
  }

  async read({ signal, within = this.#pace.list, fresh }: CallBy & { readonly fresh?: Millis }) {
    const now = performance.now();
    const trueSince = fresh === undefined ? -Infinity : now - fresh;
    this.#start();
    let cause: Cause | undefined;
    if (this.#heardAt < trueSince || this.#listed < now - this.#pace.relist || this.#heard === undefined) {
      const over = new AbortController();
      const bound = AbortSignal.any([signal, over.signal, this.#closed.signal]);
      const late = pause(within, bound).then(() => ({ cause: signal.aborted ? CANCELLED : LATE }));
      cause = (await Promise.race([this.#refresh(trueSince), late]))?.cause;
      over.abort();
    }
    if (this.#closed.signal.aborted) return { is: "unreadable", cause: CLOSED } as const;
    if (this.#heard === undefined || this.#heardAt < trueSince) {
      return { is: "unreadable", cause: cause ?? LATE } as const;
    }
    return { is: "seen", items: this.#collection.items, at: this.#heard.instant } as const;
  }

  put(object: T): void {
    if (this.#collection.put(object, performance.now())) this.#tell();
  }

  drop(uid: string): void {
    if (this.#collection.drop(uid, performance.now())) this.#tell();
  }

  changed(signal: AbortSignal): Promise<void> {
    if (signal.aborted || this.#closed.signal.aborted) return Promise.resolve();
    this.#start();
    return new Promise((resolve) => {
      const done = () => {
        signal.removeEventListener("abort", done);
        this.#waiting.delete(done);
        if (this.#waiting.size === 0) clearTimeout(this.#relist);
        resolve();
      };
      signal.addEventListener("abort", done, { once: true });
      this.#waiting.add(done);
      if (this.#waiting.size === 1) this.#relistLater();
    });
  }

  close(): void {
    this.#closed.abort();
    this.#tell();
  }

  get #heardAt(): number {
    return this.#heard?.at ?? -Infinity;
  }

  #start(): void {
    if (this.#started || this.#closed.signal.aborted) return;
    this.#started = true;
    void this.#run();
  }

  /** Watches, again and again; lists before the first watch and whenever the server has forgotten where it ended. */
  async #run(): Promise<void> {
    let failures = 0;
    let known = false;
    while (!this.#closed.signal.aborted) {
      let failed: { readonly retryAfter?: number } | undefined;
      const began = performance.now();
      if (!known) {
        failed = await this.#refresh(this.#listed > -Infinity ? began : -Infinity);
        known = failed === undefined;
      } else {
        const end = await this.#watchOnce();
        known = end.is !== "gone";
        const worked = performance.now() - began >= WORKED_MS || this.#heardAt > began;
        if (worked) failures = 0;
        failed = end.is === "failed" ? end : worked || this.#watch.signal.aborted ? undefined : {};
      }
      if (failed === undefined) continue;
      failures++;
      const wait = backoff(failures, Math.random(), undefined, this.#pace.longest);
      await pause(Math.max(wait, failed.retryAfter ?? 0), this.#closed.signal);
    }
  }

  async #watchOnce(): Promise<WatchEnd> {
    this.#watch = new AbortController();
    const signal = AbortSignal.any([this.#watch.signal, this.#closed.signal]);
    const began = performance.now();
    const gap = began - this.#heardAt > NO_GAP_MS;
    const watcher: Watcher = {
      event: (event) => {
        if (this.#collection.event(event, performance.now())) this.#tell();
      },
      heard: () => {
        // After a gap the first news are of the past, and nothing says when the present is reached, except a list.
        if (!gap || this.#listed >= began) this.#hear(performance.now());
      },
    };
    return this.#source.watch(this.#collection.version, this.#pace.watch, watcher, signal);
  }

  /** A list asked for at `since` or later: the one that is under way where it will do. */
  async #refresh(since: number): ReturnType<() => Listing["failed"]> {
    while (this.#listing !== undefined) {
      const { began, failed } = this.#listing;
      const result = await failed;
      if (began >= since) return result;
    }
    if (this.#closed.signal.aborted) return { cause: CLOSED, retryAfter: 0 };
    const began = performance.now();
    this.#listing = {
      began,
      failed: this.#list(began).finally(() => {
        this.#listing = undefined;
      }),
    };
    return this.#listing.failed;
  }

  async #list(began: number): ReturnType<() => Listing["failed"]> {
    const answer = await this.#source.list({ signal: this.#closed.signal, within: this.#pace.list });
    if (answer.is !== "ok") {
      return { cause: answer.cause, retryAfter: answer.is === "refused" ? (answer.retryAfter ?? 0) : 0 };
    }
    const { resourceVersion } = answer.value;
    const before = this.#collection.version;
    const changed = this.#collection.list(answer.value, began);
    this.#listed = began;
    this.#hear(began);
    // A watch goes on beside the list, unless nobody can tell which of their news are older.
    if (before !== "" && !(Number(compareVersions(resourceVersion, before)) >= 0)) this.#watch.abort();
    if (changed) this.#tell();
    return undefined;
  }

  #hear(at: number): void {
    if (at > this.#heardAt) this.#heard = { at, instant: instant(Date.now() - (performance.now() - at)) };
  }

  #tell(): void {
    for (const done of this.#waiting) done();
    this.#told();
  }

  /** Somebody waits for a change: an event that was lost must not keep it waiting for ever. */
  #relistLater(): void {
    clearTimeout(this.#relist);
    this.#relist = setTimeout(() => {
      void this.#refresh(performance.now()).then(() => {
        if (this.#waiting.size > 0 && !this.#closed.signal.aborted) this.#relistLater();
      });
    }, this.#pace.relist);
  }
}

const CLOSED: Cause = { code: "TEAL-K121", message: "the connection to the API server was closed" };
const CANCELLED: Cause = { code: "TEAL-K121", message: "reading was cancelled" };
const LATE: Cause = { code: "TEAL-K120", message: "the API server gave no complete answer in time" };
