import type { Served, TrafficSeen } from "../core/deciding/moves.ts";
import type { Read, Traffic } from "../core/observed.ts";
import { millis, otherSlot, type Slot } from "../core/units.ts";

/** Counters only grow, so what users got in a stretch is a difference; a source that restarted begins a new stretch. */
interface Stretch {
  readonly from: Traffic;
  readonly now: Traffic;
}

/** Keeps the stretches of both slots that the errors guard compares. */
export class TrafficMeter {
  readonly #candidate: Slot;
  #stretches: Partial<Record<Slot, Stretch>> = {};
  /** The first look at the candidate. */
  #first: Traffic | undefined;
  /** Over both slots and every stretch; undefined until both were seen. */
  #lost: Partial<Record<Slot, number>> = {};

  constructor(candidate: Slot) {
    this.#candidate = candidate;
  }

  /** Takes a look in; unreadable ones teach nothing. */
  look(slot: Slot, read: Read<Traffic>): void {
    if (read.is === "unreadable") return;
    if (slot === this.#candidate) this.#first ??= read.value;
    const before = this.#stretches[slot];
    // A source that restarted counts from 0 again.
    const known =
      before === undefined ? read.value.lost : before.now.epoch === read.value.epoch ? before.now.lost : 0;
    this.#lost[slot] = (this.#lost[slot] ?? 0) + read.value.lost - known;
    const from = before === undefined || before.from.epoch !== read.value.epoch ? read.value : before.from;
    this.#stretches[slot] = { from, now: read.value };
  }

  /** The candidate's stretch begins anew: a watch that starts again counts from now. */
  restart(): void {
    const stretch = this.#stretches[this.#candidate];
    if (stretch !== undefined) this.#stretches[this.#candidate] = { from: stretch.now, now: stretch.now };
  }

  /** The candidate's requests since the first look; unknown when the source restarted meanwhile. */
  get all(): Served | undefined {
    const now = this.#stretches[this.#candidate]?.now;
    if (now === undefined || this.#first === undefined || now.epoch !== this.#first.epoch) return undefined;
    return served({ from: this.#first, now });
  }

  get seen(): TrafficSeen | undefined {
    const candidate = this.#stretches[this.#candidate];
    if (candidate === undefined) return undefined;
    const previous = this.#stretches[otherSlot(this.#candidate)];
    return {
      candidate: served(candidate),
      previous: previous === undefined ? { requests: 0, failed: 0 } : served(previous),
      examples: candidate.now.examples ?? [],
      ...(this.#lost.blue === undefined || this.#lost.green === undefined
        ? {}
        : { lost: this.#lost.blue + this.#lost.green }),
    };
  }
}

function served({ from, now }: Stretch): Served {
  const requests = now.requests - from.requests;
  const failed = now.errors + now.lost - from.errors - from.lost;
  const p95 = quantile(0.95, from, now);
  return { requests, failed, ...(p95 === undefined ? {} : { p95: millis(p95) }) };
}

/** Upper bound of the bucket that holds the quantile: a histogram knows no better. */
function quantile(share: number, from: Traffic, now: Traffic): number | undefined {
  const before = (le: number) => from.latency.find((each) => each.le === le)?.count ?? 0;
  const counts = now.latency.map(({ le, count }) => ({ le, count: count - before(le) }));
  const all = counts.at(-1)?.count ?? 0;
  if (all === 0) return undefined;
  const bucket = counts.find(({ count }) => count >= share * all);
  return bucket !== undefined && Number.isFinite(bucket.le) ? bucket.le : undefined;
}
