import type { Holder } from "../../core/journal.ts";
import { fence as toFence } from "../../core/units.ts";
import type { Fence } from "../../core/units.ts";
import type { Lease } from "../../ports/store.ts";
import { Known } from "../remote/known.ts";
import { isLater } from "../remote/leases.ts";
import type { Leases, SeenLease } from "../remote/parts.ts";
import { Fault } from "../remote/tries.ts";
import type { Bucket, Tag } from "./bucket.ts";
import { damaged } from "./causes.ts";
import { LEASE } from "./keys.ts";
import { overwrite } from "./overwrite.ts";

interface SeenObject extends SeenLease {
  readonly tag: Tag;
  readonly held: { readonly lease: Lease; readonly write: string };
}

/** The lease of one service: an object that nobody removes; a released one stays as it is until it is taken. */
export class LeaseObject implements Leases<SeenObject> {
  readonly #bucket: Bucket;
  readonly #claimed: () => Promise<number>;
  readonly #known = new Known<SeenObject>((latest, seen) => isLater(latest.held.lease, seen.held.lease));

  /** @param claimed answers the highest fence that the slots know of. */
  constructor(bucket: Bucket, claimed: () => Promise<number>) {
    this.#bucket = bucket;
    this.#claimed = claimed;
  }

  get known(): SeenObject | undefined {
    return this.#known.value;
  }

  /** Changes with every taker and with a release, not with heartbeats. */
  get mark(): string {
    const lease = this.#known.latest?.held.lease;
    return `${lease?.fence} ${lease?.released}`;
  }

  async read(signal?: AbortSignal): Promise<SeenObject | undefined> {
    const { latest } = this.#known;
    const answer = await this.#bucket.get(LEASE, latest?.tag, signal);
    switch (answer.is) {
      case "absent":
        return this.#known.answered(undefined);
      case "unchanged":
        return this.#known.answered(latest);
      case "object":
        return this.#known.answered(this.#parse(answer.text, answer.tag));
      default:
        return answer satisfies never;
    }
  }

  claimed(): Promise<number> {
    return this.#claimed();
  }

  take(before: SeenObject | undefined, fence: Fence, holder: Holder, write: string): Promise<void> {
    return this.#write(before, { fence, beat: 0, released: false, holder }, write);
  }

  beat(before: SeenObject, lease: Lease, write: string): Promise<void> {
    return this.#write(before, { ...lease, beat: lease.beat + 1 }, write);
  }

  release(before: SeenObject, lease: Lease, write: string): Promise<void> {
    return this.#write(before, { ...lease, released: true }, write);
  }

  async #write(before: SeenObject | undefined, lease: Lease, write: string): Promise<void> {
    const tag = await overwrite(this.#bucket, this.#known, LEASE, { ...lease, write }, before?.tag);
    this.#known.answered(seenLease(lease, write, tag));
  }

  #parse(text: string, tag: Tag): SeenObject {
    try {
      const { write, ...lease } = JSON.parse(text) as Lease & { readonly write: string };
      return seenLease({ ...lease, fence: toFence(lease.fence) }, write, tag);
    } catch {
      throw new Fault(damaged(this.#bucket.place, LEASE, "it is no JSON"), "never");
    }
  }
}

function seenLease(lease: Lease, write: string, tag: Tag): SeenObject {
  return { tag, epoch: lease.fence, held: { lease, write } };
}
