import { randomUUID } from "node:crypto";
import type { Happening, HistoryRow, Holder } from "../../core/journal.ts";
import { fence as toFence } from "../../core/units.ts";
import type { DeploymentId, Fence, Millis } from "../../core/units.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Key, Lease, StateStore, Unavailable } from "../../ports/store.ts";
import { Journal } from "./journal.ts";
import type { Answer, Writing } from "./journal.ts";
import type { Heads, Leases, News, Parts, SeenLease } from "./parts.ts";
import { Reading } from "./reading.ts";
import { Fault, attempt } from "./tries.ts";

/**
 * The state store over objects that several machines share and that are each written atomically: what decides is in one
 * of them, the head (docs/decisions/0016). The parts know their place; they are of one service.
 */
export class RemoteStore<Seen extends SeenLease> implements StateStore {
  readonly #service: string;
  readonly #clock: Clock;
  readonly #head: Heads;
  readonly #lease: Leases<Seen>;
  readonly #journal: Journal;
  readonly #reading: Reading;
  readonly #news: News;
  /** Names this store's writes apart from everybody else's. */
  readonly #name = randomUUID().slice(0, 13);
  #writes = 0;

  constructor(service: string, parts: Parts<Seen>, clock: Clock) {
    this.#service = service;
    this.#clock = clock;
    this.#head = parts.head;
    this.#lease = parts.lease;
    this.#news = parts.news;
    this.#reading = new Reading(parts);
    this.#journal = new Journal(parts, async () => toFence(highest(await this.#lease.read())));
  }

  open(key: Key, id: DeploymentId, first: Happening): ReturnType<StateStore["open"]> {
    return this.#write(key, (writing) => this.#journal.open(key, id, first, writing));
  }

  current(key: Key, after = 0): ReturnType<StateStore["current"]> {
    return this.#read(key, async () => this.#reading.current(key, after, await this.#latestHead()));
  }

  append(
    key: Key,
    id: DeploymentId,
    expected: number,
    events: readonly Happening[],
    fence: Fence | "ask",
  ): ReturnType<StateStore["append"]> {
    return this.#write(key, (writing) => this.#journal.append(key, id, expected, events, fence, writing));
  }

  close(
    key: Key,
    id: DeploymentId,
    expected: number,
    event: Happening & { kind: "closed" },
    row: HistoryRow,
    fence: Fence,
  ): ReturnType<StateStore["close"]> {
    return this.#write(key, (writing) => this.#journal.close(key, id, expected, event, row, fence, writing));
  }

  history(key: Key, limit: number): ReturnType<StateStore["history"]> {
    return this.#read(key, async () => this.#reading.history(key, limit, await this.#head.read()));
  }

  events(key: Key, id: DeploymentId): ReturnType<StateStore["events"]> {
    return this.#read(key, async () => this.#reading.events(key, id, await this.#head.read()));
  }

  lease(key: Key): ReturnType<StateStore["lease"]> {
    return this.#read(key, async (): Promise<Answer<"lease">> => {
      const known = (await this.#news.lease()) ? this.#lease.known : await this.#lease.read();
      return known?.held === undefined ? { is: "none" } : { is: "lease", lease: known.held.lease };
    });
  }

  take(
    key: Key,
    holder: Holder,
    seen: Pick<Lease, "fence" | "beat"> | "free",
  ): ReturnType<StateStore["take"]> {
    return this.#write(key, async (writing): Promise<Answer<"take">> => {
      const head = this.#head.known ?? (await this.#head.read());
      const foreign = this.#head.isElsewhere(head, key);
      if (foreign !== undefined) throw new Fault(foreign, "never");
      const before = await this.#lease.read();
      const held = before?.held;
      let fence = held?.lease.fence;
      const ours = writing.sent && held?.write === writing.write;
      if (!ours || fence === undefined) {
        if (held !== undefined && !mayTake(held.lease, seen)) return { is: "held", lease: held.lease };
        const claimed = held === undefined ? await this.#lease.claimed() : 0;
        fence = toFence(Math.max(highest(before), claimed, head?.state.fence ?? 0) + 1);
        writing.sent = true;
        await this.#lease.take(before, fence, holder, writing.write);
      }
      // The former holder appends until here, and nobody acts by this fence before.
      await this.#journal.stamp(key, fence, { ...writing });
      return { is: "taken", fence };
    });
  }

  beat(key: Key, fence: Fence): ReturnType<StateStore["beat"]> {
    return this.#write(key, async (writing): Promise<Answer<"beat">> => {
      const { lease, before } = await this.#own(fence, (each) => !each.released);
      if (before === undefined || lease === undefined) return lostTo(lease);
      await this.#lease.beat(before, lease, writing.write);
      return { is: "held" };
    });
  }

  release(key: Key, fence: Fence): ReturnType<StateStore["release"]> {
    return this.#write(key, async (writing): Promise<Answer<"release">> => {
      const { lease, before } = await this.#own(fence, () => true);
      if (before === undefined || lease === undefined) return lostTo(lease);
      if (!lease.released) await this.#lease.release(before, lease, writing.write);
      return { is: "released" };
    });
  }

  changed(key: Key, atMost: Millis, signal: AbortSignal, since?: number): Promise<number> {
    this.#refuseOthers(key);
    return this.#news.changed(atMost, signal, since);
  }

  /** The lease, and what to write it over if it is the fence's own; that it is not rests on what is there now. */
  async #own(
    fence: Fence,
    holds: (lease: Lease) => boolean,
  ): Promise<{ readonly lease: Lease | undefined; readonly before?: Seen }> {
    for (const look of [() => this.#lease.known, () => this.#lease.read()]) {
      const before = await look();
      const lease = before?.held?.lease;
      if (before !== undefined && lease?.fence === fence && holds(lease)) return { lease, before };
    }
    return { lease: this.#lease.known?.held?.lease };
  }

  async #latestHead() {
    return (await this.#news.head()) ? this.#head.known : this.#head.read();
  }

  #read<T>(key: Key, act: () => Promise<T>): Promise<T | Unavailable> {
    this.#refuseOthers(key);
    return attempt(this.#clock, act);
  }

  async #write<T>(key: Key, act: (writing: Writing) => Promise<T>): Promise<T | Unavailable> {
    this.#refuseOthers(key);
    const write = `${this.#name}-${(this.#writes += 1)}`;
    const writing = { write, at: this.#clock.now(), sent: false };
    const answer = await attempt(this.#clock, () => act(writing));
    this.#news.wake();
    return answer;
  }

  #refuseOthers({ service }: Key): void {
    if (service !== this.#service) throw new Error(`the store of ${this.#service} was asked for ${service}`);
  }
}

function mayTake({ released, fence, beat }: Lease, seen: Pick<Lease, "fence" | "beat"> | "free"): boolean {
  return released || (seen !== "free" && seen.fence === fence && seen.beat === beat);
}

/** The highest fence that the lease knows of: taken, or claimed where somebody removed who took it. */
function highest(seen: SeenLease | undefined): number {
  return Math.max(seen?.held?.lease.fence ?? 0, seen?.epoch ?? 0);
}

function lostTo(lease: Lease | undefined): { readonly is: "lost"; readonly by: Fence } {
  return { is: "lost", by: lease?.fence ?? toFence(0) };
}
