import { isIPv6 } from "node:net";
import { Pool } from "undici";
import type { Slot } from "../../../core/units.ts";
import type { Member } from "../protocol.ts";

/**
 * An idle connection to a replica is closed after so long, well before common servers do (2 s and more): a request
 * that meets a closing connection may be lost, and one that cannot be repeated is then lost for good. Servers that
 * announce a `Keep-Alive: timeout` are believed, less a second.
 */
const IDLE_MS = 1_000;
const IDLE_MARGIN_MS = 1_000;
const IDLE_MAX_MS = 60_000;

/** After a refused connection the replica is asked again only when no other one can answer. */
const SUSPECT_MS = 250;

/** A replica as the edge uses it: its connections and what is going on over them. */
export class Upstream {
  readonly slot: Slot;
  readonly member: Member;
  readonly pool: Pool;
  /** Requests and connections it works on, from the public and the preview address. */
  inFlight = 0;
  /** Public requests it was given since this edge knows it. */
  started = 0;
  #suspectUntil = 0;
  #leaving = false;

  constructor(slot: Slot, member: Member, connectTimeout: number) {
    this.slot = slot;
    this.member = member;
    const host = isIPv6(member.host) ? `[${member.host}]` : member.host;
    this.pool = new Pool(`http://${host}:${member.port}`, {
      pipelining: 1,
      keepAliveTimeout: IDLE_MS,
      keepAliveTimeoutThreshold: IDLE_MARGIN_MS,
      keepAliveMaxTimeout: IDLE_MAX_MS,
      // The edge has timers of its own: undici's are coarse below a second, and streams may be silent for long.
      headersTimeout: 0,
      bodyTimeout: 0,
      maxHeaderSize: 64 * 1024,
      connect: { timeout: connectTimeout, allowHalfOpen: true },
    });
  }

  same(member: Member): boolean {
    const mine = this.member;
    return (
      mine.replica === member.replica &&
      mine.incarnation === member.incarnation &&
      mine.host === member.host &&
      mine.port === member.port
    );
  }

  begin(): void {
    this.inFlight++;
  }

  end(): void {
    this.inFlight--;
    if (this.#leaving && this.inFlight === 0) this.#close();
  }

  get leaving(): boolean {
    return this.#leaving;
  }

  /** No new requests come; its connections close once the last request is through. */
  leave(): void {
    this.#leaving = true;
    if (this.inFlight === 0) this.#close();
  }

  refused(now: number): void {
    this.#suspectUntil = now + SUSPECT_MS;
  }

  suspect(now: number): boolean {
    return now < this.#suspectUntil;
  }

  #close(): void {
    this.pool.close().catch(() => undefined);
  }
}

/**
 * The one with the fewest requests in flight; one that just refused a connection only if there is no other.
 * @param turn counts up, so that equals take turns.
 */
export function leastLoaded(upstreams: readonly Upstream[], now: number, turn: number): Upstream | undefined {
  let best: Upstream | undefined;
  let bestSuspect = false;
  for (let index = 0; index < upstreams.length; index++) {
    const upstream = upstreams[(index + turn) % upstreams.length] as Upstream;
    const suspect = upstream.suspect(now);
    if (
      best === undefined ||
      (bestSuspect && !suspect) ||
      (bestSuspect === suspect && upstream.inFlight < best.inFlight)
    ) {
      best = upstream;
      bestSuspect = suspect;
    }
  }
  return best;
}
