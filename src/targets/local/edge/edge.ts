import { randomUUID } from "node:crypto";
import { SLOTS, type Slot } from "../../../core/units.ts";
import type { ServiceFile } from "../protocol.ts";
import { previewSlot, publicSlot, type Side } from "./choice.ts";
import { Counters } from "./counters.ts";
import { Members } from "./members.ts";
import { Queue } from "./queue.ts";
import { Route } from "./route.ts";
import { Streams } from "./streams.ts";
import { type Peers, peers } from "./trust.ts";
import { leastLoaded, type Upstream } from "./upstream.ts";

/** Undici's own timer for a connection that is neither accepted nor refused. */
const CONNECT_MS = 5_000;

export interface Files {
  readonly routeFile: string;
  readonly membersFile: string;
}

/** Everything that the requests of one edge process share. */
export class Edge {
  readonly epoch = randomUUID();
  readonly policy: ServiceFile["edge"];
  readonly route: Route;
  readonly members: Members;
  readonly queue: Queue;
  readonly streams: Streams;
  readonly peers: Peers;
  readonly counters: Record<Slot, Counters> = { blue: new Counters(), green: new Counters() };
  /** What was asked and answered per slot since the last shift: the evidence that traffic moved. */
  readonly sinceShift: Record<Slot, Since> = { blue: new Since(), green: new Since() };
  /** Requests nobody could serve: no slot had a share, or none had a replica in time. */
  unserved = 0;
  /** A successor took over: connections end after their current request, and the files say what holds. */
  draining = false;
  #turn = 0;

  constructor(policy: ServiceFile["edge"], files: Files) {
    this.policy = policy;
    this.route = new Route(files.routeFile);
    this.queue = new Queue(policy.queue.limit, policy.queue.timeout);
    this.streams = new Streams(policy.streams, () => this.route.weights);
    this.peers = peers(policy.trustedProxies);
    this.members = new Members(files.membersFile, CONNECT_MS, () => {
      this.queue.wake();
      this.streams.looked();
    });
  }

  /** Where a request goes now: to a replica, or it waits for one, or nobody serves. */
  choose(side: Side, now: number): Upstream | "wait" | "nobody" {
    if (this.draining) this.follow();
    const ready = (slot: Slot) => this.members.of(slot).length > 0;
    const slot =
      side === "preview"
        ? previewSlot(this.route.weights, ready)
        : publicSlot(this.route.weights, ready, Math.random());
    if (slot === undefined) return "nobody";
    return leastLoaded(this.members.of(slot), now, this.#turn++) ?? "wait";
  }

  /** After every change of the weights. */
  shifted(): void {
    for (const slot of SLOTS) this.sinceShift[slot] = new Since();
    this.streams.looked();
    this.queue.wake();
  }

  follow(): void {
    this.route.follow();
    this.members.follow();
  }
}

export class Since {
  started = 0;
  answered = 0;
  readonly revisions = new Set<string>();
}
