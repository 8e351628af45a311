import type { Weights } from "../../../core/routing.ts";
import { soleSlot } from "../../../core/routing.ts";
import { otherSlot, type Slot } from "../../../core/units.ts";
import type { Requests, SlotWork } from "../pods/slot-work.ts";

/** Counts that stay the same for so long (ms) while the other slot's grow are no accident of the moment. */
const FLAT_MS = 1_000;

export type Flat =
  | { readonly is: "flat"; readonly detail: string }
  /** What stands in the way of this, the stronger evidence. */
  | { readonly is: "not shown"; readonly missing: string };

/**
 * Whether the slot that is to get nothing more begins no more requests, while the one that is to get everything does.
 * Established connections stay where they are, so a previous slot whose clients keep theirs is never flat.
 */
export class Flatness {
  #from: { readonly at: number; readonly idle: Requests; readonly busy: Requests } | undefined;
  /** Requests that the slot began since the first look. */
  #strays = 0;

  async look(to: Weights, work: SlotWork, signal: AbortSignal): Promise<Flat> {
    const sole = soleSlot(to);
    if (sole === undefined)
      return notShown("counters tell two slots apart only where one of them gets everything");
    if (!work.counts)
      return notShown("metrics.requests is not declared, so nobody counts what the nodes still send");
    const [idle, busy] = await Promise.all([
      work.requests(otherSlot(sole), signal),
      work.requests(sole, signal),
    ]);
    if (idle.is === "unreadable") return notShown(idle.cause.message);
    if (busy.is === "unreadable") return notShown(busy.cause.message);
    const now = { at: performance.now(), idle: idle.value, busy: busy.value };
    const from = (this.#from ??= now);
    const strays = growth(from.idle, now.idle);
    if (strays > 0) {
      this.#strays += strays;
      this.#from = now;
    }
    const ms = Math.round(now.at - this.#from.at);
    if (ms < FLAT_MS)
      return notShown(this.#restless(otherSlot(sole)) ?? `counters were watched for ${ms} ms`);
    const gained = growth(from.busy, now.busy);
    if (gained === 0) return notShown(`nothing was asked of ${sole} meanwhile, so counters show nothing`);
    return { is: "flat", detail: `${otherSlot(sole)} began no request while ${sole} began ${gained}` };
  }

  #restless(idle: Slot): string | undefined {
    if (this.#strays === 0) return undefined;
    return `${idle} began ${this.#strays} more requests: connections that its clients keep, its own probes, or a node that lags`;
  }
}

function notShown(missing: string): Flat {
  return { is: "not shown", missing };
}

/** Over all lives that both looks have; a counter of a new life starts at 0. */
function growth(from: Requests, to: Requests): number {
  return [...to].reduce((sum, [life, count]) => sum + count - (from.get(life) ?? 0), 0);
}
