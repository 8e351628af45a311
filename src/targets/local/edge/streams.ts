import type { Shares } from "../../../core/routing.ts";
import type { Slot } from "../../../core/units.ts";
import type { ServiceFile } from "../protocol.ts";
import type { Side } from "./choice.ts";
import type { Upstream } from "./upstream.ts";

/** A connection that may last for ever: server-sent events or a WebSocket. */
export interface Stream {
  readonly upstream: Upstream;
  readonly side: Side;
  /** Ends it so that the client connects again by itself. */
  end(): void;
}

type Policy = ServiceFile["edge"]["streams"];

/**
 * The open streams and when they are ended. Under `reconnect`, those of a slot that lost all its traffic, or of a
 * replica that leaves its slot, end after a while, spread out so that the clients do not come back all at once; `hold`
 * leaves them to themselves.
 */
export class Streams {
  readonly #policy: Policy;
  readonly #weights: () => Shares;
  readonly #open = new Map<Stream, NodeJS.Timeout | undefined>();
  #closing = false;

  constructor(policy: Policy, weights: () => Shares) {
    this.#policy = policy;
    this.#weights = weights;
  }

  add(stream: Stream): void {
    this.#open.set(stream, undefined);
    this.#look(stream);
  }

  remove(stream: Stream): void {
    clearTimeout(this.#open.get(stream));
    this.#open.delete(stream);
  }

  /** The weights or the members changed. */
  looked(): void {
    for (const stream of this.#open.keys()) this.#look(stream);
  }

  /** This edge drains: whatever their slot, the streams move to the successor by the same policy. */
  drain(): void {
    this.#closing = true;
    this.looked();
  }

  /** Ends the streams of one life of a replica now. */
  release(slot: Slot, replica: string, incarnation: string): void {
    for (const stream of this.#open.keys()) {
      const { slot: of, member } = stream.upstream;
      if (of === slot && member.replica === replica && member.incarnation === incarnation) stream.end();
    }
  }

  endAll(): void {
    for (const stream of this.#open.keys()) stream.end();
  }

  #look(stream: Stream): void {
    // People who look at the idle slot stay connected to it; only production traffic was taken away.
    const idle = stream.side === "public" && this.#weights()[stream.upstream.slot] === 0;
    const lost = this.#closing || stream.upstream.leaving || idle;
    const timer = this.#open.get(stream);
    if (!lost) {
      clearTimeout(timer);
      this.#open.set(stream, undefined);
    } else if (timer === undefined && this.#policy.policy === "reconnect") {
      const { after, over } = this.#policy;
      this.#open.set(
        stream,
        setTimeout(() => stream.end(), after + Math.random() * over),
      );
    }
  }
}
