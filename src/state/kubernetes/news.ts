import { millis } from "../../core/units.ts";
import type { Millis } from "../../core/units.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Api, Mirror } from "../../targets/kubernetes/api/api.ts";
import type { ConfigMap, KubeObject, Lease } from "../../targets/kubernetes/api/objects.ts";
import { paths } from "../../targets/kubernetes/api/paths.ts";
import { journalName, leaseName } from "../../targets/kubernetes/names.ts";
import type { News } from "../remote/parts.ts";
import { Fault, REQUEST_WITHIN } from "../remote/tries.ts";
import type { HeadObject } from "./head.ts";
import type { LeaseObject } from "./lease.ts";

/**
 * How old (ms) what a watch told may be before the server is asked. News come at once; this is for a connection that
 * died without a word.
 */
const FRESH = millis(30_000);
/** Pause (ms) before looking again while the server cannot be read. */
const UNREADABLE_PAUSE = 250;

/** Watches the head and the Lease from the first wait on. */
export class WatchedNews implements News {
  readonly #head: HeadObject;
  readonly #lease: LeaseObject;
  readonly #clock: Clock;
  readonly #heads: () => Mirror<ConfigMap>;
  readonly #leases: () => Mirror<Lease>;
  readonly #waiting = new Set<() => void>();
  #listening = false;
  /** What was seen last, without heartbeats. */
  #seen = "";
  /** Counts the changes that were seen. */
  #changes = 0;
  /** The mark that was answered last. */
  #answered = 0;

  constructor(api: Api, service: string, head: HeadObject, lease: LeaseObject, clock: Clock) {
    this.#head = head;
    this.#lease = lease;
    this.#clock = clock;
    const only = (name: string) => ({ fields: `metadata.name=${name}` });
    this.#heads = () => api.mirror(paths.configMaps(api.namespace), only(journalName(service)));
    this.#leases = () => api.mirror(paths.leases(api.namespace), only(leaseName(service)));
  }

  head(): Promise<boolean> {
    return this.#update(this.#heads, (object) => this.#head.watched(object));
  }

  lease(): Promise<boolean> {
    return this.#update(this.#leases, (object) => this.#lease.watched(object));
  }

  wake(): void {
    if (!this.#look()) return;
    for (const wake of this.#waiting) wake();
  }

  async changed(atMost: Millis, signal: AbortSignal, since?: number): Promise<number> {
    const mark = since ?? this.#answered;
    const end = this.#clock.monotonic() + atMost;
    this.#listening = true;
    for (;;) {
      const over = new AbortController();
      const either = AbortSignal.any([signal, over.signal]);
      // Listening begins before the look, so that nothing falls in between.
      const news = this.#next(either, millis(Math.max(0, end - this.#clock.monotonic())));
      const synced = await this.#sync(either);
      const left = end - this.#clock.monotonic();
      const done = this.#changes > mark || left <= 0 || signal.aborted;
      // A watch that cannot be begun, or was closed, ends every wait for it at once.
      if (!done) await (synced ? news : this.#clock.sleep(millis(Math.min(UNREADABLE_PAUSE, left)), signal));
      over.abort();
      if (done) break;
    }
    this.#answered = this.#changes;
    return this.#changes;
  }

  /** Ends with the first news, with the time, or with the signal. */
  async #next(signal: AbortSignal, left: Millis): Promise<void> {
    const own = Promise.withResolvers<void>();
    this.#waiting.add(own.resolve);
    await Promise.race([
      own.promise,
      this.#heads().changed(signal),
      this.#leases().changed(signal),
      this.#clock.sleep(left, signal),
    ]);
    this.#waiting.delete(own.resolve);
  }

  /** Takes in what the watches have seen, if they see. The first time that takes a request each. */
  async #sync(signal: AbortSignal): Promise<boolean> {
    const read = { signal, within: REQUEST_WITHIN };
    const [heads, leases] = await Promise.all([this.#heads().read(read), this.#leases().read(read)]);
    // What cannot be read or understood is no news: the next read of the store says why.
    if (heads.is === "seen") quietly(() => this.#head.watched(heads.items[0]));
    if (leases.is === "seen") quietly(() => this.#lease.watched(leases.items[0]));
    this.#look();
    return heads.is === "seen" && leases.is === "seen";
  }

  /** Whether something is other than it was at the last look. */
  #look(): boolean {
    const seen = `${this.#head.mark} ${this.#lease.mark}`;
    if (seen === this.#seen) return false;
    this.#seen = seen;
    this.#changes += 1;
    return true;
  }

  async #update<T extends KubeObject>(
    mirror: () => Mirror<T>,
    take: (object: T | undefined) => boolean,
  ): Promise<boolean> {
    if (!this.#listening) return false;
    const never = new AbortController().signal;
    const answer = await mirror().read({ signal: never, within: REQUEST_WITHIN, fresh: FRESH });
    return answer.is === "seen" && take(answer.items[0]);
  }
}

function quietly(act: () => unknown): void {
  try {
    act();
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
  }
}
