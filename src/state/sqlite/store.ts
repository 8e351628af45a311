import type { Happening, HistoryRow, Holder } from "../../core/journal.ts";
import { millis } from "../../core/units.ts";
import type { DeploymentId, Fence, Millis } from "../../core/units.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Key, Lease, StateStore, Unavailable } from "../../ports/store.ts";
import { unknownDeployment } from "../causes.ts";
import { systemClock } from "../system-clock.ts";
import { Connection } from "./connection.ts";
import type { Transaction } from "./connection.ts";
import * as journal from "./journal.ts";
import * as leases from "./leases.ts";

export interface SqliteOptions {
  /** Stamps events and measures waits; the machine's clock by default. */
  readonly clock?: Clock;
  /** Longest wait for a lock that another process holds; 5 s by default. */
  readonly waitAtMost?: Millis;
  /**
   * The highest fence that the target knows of (0: none), for every lease that is taken: the file may be another
   * machine's, or new where an older one was. Without an answer no lease is taken.
   */
  readonly claimed?: (key: Key) => Promise<number | Unavailable>;
}

/** The port's `close` ends a deployment; `dispose` lets go of the file. */
export type SqliteStore = StateStore & { dispose(): void };

/** How often a waiting `changed` looks whether another process has written, in ms. */
const LOOK = 50;

/**
 * The state store in one SQLite file, for any number of processes of one machine (not for a network file system).
 * Opening touches nothing: the file is opened by the first call and made by the first write. Faults of the disk or
 * the file are answered as `unavailable` by the call that meets them; the next call tries again.
 */
export function openSqliteStore(path: string, options: SqliteOptions = {}): SqliteStore {
  const clock = options.clock ?? systemClock;
  const claimed = options.claimed ?? (() => Promise.resolve(0));
  return new Store(new Connection(path, clock, options.waitAtMost ?? millis(5_000)), clock, claimed);
}

class Store implements SqliteStore {
  readonly #connection: Connection;
  readonly #clock: Clock;
  readonly #claimed: NonNullable<SqliteOptions["claimed"]>;
  readonly #waiting = new Set<() => void>();
  /** Counts the writes of this process and the moments at which others were seen to have written. */
  #changes = 0;
  /** The mark that `changed` answered last. */
  #answered = 0;
  #dataVersion: number | undefined;

  constructor(connection: Connection, clock: Clock, claimed: NonNullable<SqliteOptions["claimed"]>) {
    this.#connection = connection;
    this.#clock = clock;
    this.#claimed = claimed;
  }

  open(key: Key, id: DeploymentId, first: Happening): ReturnType<StateStore["open"]> {
    return this.#write((t) => journal.openDeployment(t, key, id, first, this.#clock.now()));
  }

  current(key: Key, after = 0): ReturnType<StateStore["current"]> {
    return this.#connection.read((t) => journal.currentDeployment(t, key, after), { is: "none" });
  }

  append(
    key: Key,
    id: DeploymentId,
    expected: number,
    events: readonly Happening[],
    fence: Fence | "ask",
  ): ReturnType<StateStore["append"]> {
    return this.#write((t) => journal.appendEvents(t, key, id, expected, events, fence, this.#clock.now()));
  }

  close(
    key: Key,
    id: DeploymentId,
    expected: number,
    event: Happening & { kind: "closed" },
    row: HistoryRow,
    fence: Fence,
  ): ReturnType<StateStore["close"]> {
    return this.#write((t) =>
      journal.closeDeployment(t, key, id, expected, event, row, fence, this.#clock.now()),
    );
  }

  history(key: Key, limit: number): ReturnType<StateStore["history"]> {
    return this.#connection.read((t) => journal.readHistory(t, key, limit), { is: "rows", rows: [] });
  }

  events(key: Key, id: DeploymentId): ReturnType<StateStore["events"]> {
    return this.#connection.read((t) => journal.deploymentEvents(t, key, id), unknownDeployment(key, id));
  }

  lease(key: Key): ReturnType<StateStore["lease"]> {
    return this.#connection.read((t) => leases.readLease(t, key), { is: "none" });
  }

  async take(
    key: Key,
    holder: Holder,
    seen: Pick<Lease, "fence" | "beat"> | "free",
  ): ReturnType<StateStore["take"]> {
    const claimed = await this.#claimed(key);
    if (typeof claimed !== "number") return claimed;
    return this.#write((t) => leases.takeLease(t, key, holder, seen, claimed));
  }

  /** Wakes nobody: a heartbeat is no news. */
  beat(key: Key, fence: Fence): ReturnType<StateStore["beat"]> {
    return this.#connection.write((t) => leases.beatLease(t, key, fence));
  }

  release(key: Key, fence: Fence): ReturnType<StateStore["release"]> {
    return this.#write((t) => leases.releaseLease(t, key, fence));
  }

  /** Any key of the file wakes the caller. */
  async changed(_key: Key, atMost: Millis, signal: AbortSignal, since?: number): Promise<number> {
    const mark = since ?? this.#answered;
    const end = this.#clock.monotonic() + atMost;
    const woken = new AbortController();
    const wake = () => woken.abort();
    const either = AbortSignal.any([signal, woken.signal]);
    this.#waiting.add(wake);
    this.#look();
    while (this.#changes <= mark && !either.aborted) {
      const left = end - this.#clock.monotonic();
      if (left <= 0) break;
      await this.#clock.sleep(millis(Math.min(LOOK, left)), either);
      this.#look();
    }
    this.#waiting.delete(wake);
    this.#answered = this.#changes;
    return this.#changes;
  }

  dispose(): void {
    this.#connection.close();
  }

  async #write<T>(act: (t: Transaction) => T): Promise<T | Unavailable> {
    let wrote = false;
    const answer = await this.#connection.write((t) => {
      const done = act(t);
      wrote = !t.refused();
      return done;
    });
    if (wrote) this.#news();
    return answer;
  }

  #look(): void {
    const found = this.#connection.dataVersion();
    if (found === this.#dataVersion) return;
    this.#dataVersion = found;
    this.#news();
  }

  #news(): void {
    this.#changes += 1;
    for (const wake of this.#waiting) wake();
  }
}
