import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Side } from "./choice.ts";
import { Frames } from "./frames.ts";
import type { Stream } from "./streams.ts";
import type { Upstream } from "./upstream.ts";

/** Close, 1001 "going away": browsers and libraries connect again. */
const GOING_AWAY = Buffer.from([0x88, 0x02, 0x03, 0xe9]);
/** Both ends may take so long for the closing handshake. */
const CLOSING_MS = 2_000;

/** An open WebSocket between a client and a replica; each direction ends by itself (half-close). */
export class Tunnel implements Stream {
  readonly upstream: Upstream;
  readonly side: Side;
  readonly #client: Duplex;
  readonly #slot: Duplex;
  readonly #frames = new Frames();
  #closing = false;
  #said = false;

  /** @param closed called once, when both ends are gone. */
  constructor(upstream: Upstream, side: Side, client: Duplex, slot: Duplex, closed: () => void) {
    this.upstream = upstream;
    this.side = side;
    this.#client = client;
    this.#slot = slot;
    let open = 2;
    const gone = (other: Duplex) => (hadError: boolean) => {
      if (hadError) other.destroy();
      else (other as Socket).destroySoon();
      if (--open === 0) closed();
    };
    // Errors show as `close` with `hadError`; without a listener they would end the process.
    client.on("error", () => undefined).on("close", gone(slot));
    slot.on("error", () => undefined).on("close", gone(client));
    client.pipe(slot);
    slot.on("data", (chunk: Buffer) => this.#fromSlot(chunk));
    slot.on("end", () => client.end());
    client.on("drain", () => slot.resume());
  }

  end(): void {
    if (this.#closing) return;
    this.#closing = true;
    const timer = setTimeout(() => {
      this.#client.destroy();
      this.#slot.destroy();
    }, CLOSING_MS);
    this.#slot.on("close", () => clearTimeout(timer));
    if (this.#frames.atBoundary) this.#sayGoingAway();
  }

  #fromSlot(chunk: Buffer): void {
    // The client was told to go: its answer to that still goes to the slot, nothing comes back any more.
    if (this.#said) return;
    const passed = this.#frames.pass(chunk, this.#closing);
    if (!this.#client.write(passed === chunk.length ? chunk : chunk.subarray(0, passed))) this.#slot.pause();
    if (this.#closing && this.#frames.atBoundary) this.#sayGoingAway();
  }

  #sayGoingAway(): void {
    this.#said = true;
    this.#slot.resume();
    if (this.#client.writable) this.#client.write(GOING_AWAY);
  }
}
