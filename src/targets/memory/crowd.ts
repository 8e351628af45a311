import type { Traffic } from "../../core/observed.ts";
import type { Shares, Weights } from "../../core/routing.ts";
import type { Slot } from "../../core/units.ts";
import { SLOTS, millis } from "../../core/units.ts";
import { giveTraffic, inFlight, loseTraffic } from "./life.ts";
import type { SlotMap } from "./options.ts";
import type { TrafficMoment } from "./records.ts";
import type { Fleet } from "./fleet.ts";
import type { Routes } from "./routes.ts";
import type { Stage } from "./stage.ts";

/** Mean time a request takes, in seconds: with the rate it gives the number in flight. */
const REQUEST_SECONDS = 0.05;
/** Share of requests that a sick replica answers with 5xx. */
const SICK = 0.4;

interface Count {
  requests: number;
  errors: number;
  lost: number;
}

/** The users: a steady stream of requests, divided as the router's nodes divide it, counted as a rate over time. */
export class Crowd {
  /** Every moment at which the division or the number of ready replicas changed. */
  readonly moments: TrafficMoment[] = [];
  /** What both slots need is down: every replica answers like a sick one. */
  outage = false;
  /** Requests nobody could answer, whole run. */
  lost = 0;
  readonly #stage: Stage;
  readonly #fleet: Fleet;
  readonly #routes: Routes;
  readonly #counts: SlotMap<Count> = { blue: zero(), green: zero() };
  #epoch = 1;
  #t: number;
  #shares: Shares = { blue: 0, green: 0 };
  #lost = 100;

  constructor(stage: Stage, fleet: Fleet, routes: Routes) {
    this.#stage = stage;
    this.#fleet = fleet;
    this.#routes = routes;
    this.#t = stage.t;
    this.look();
  }

  /** What share of the requests comes to each slot now, whether it can answer or not. */
  get shares(): Shares {
    return this.#shares;
  }

  /** Counts what came since the last time. Called before anything changes. */
  accrue(t: number): void {
    const requests = ((t - this.#t) / 1_000) * this.#stage.shape.rate;
    this.#t = t;
    if (requests <= 0) return;
    this.lost += (requests * this.#lost) / 100;
    for (const slot of SLOTS) {
      const ready = this.#fleet.ready(slot);
      const count = this.#counts[slot];
      const came = (requests * this.#shares[slot]) / 100;
      count.requests += came;
      if (ready.length === 0) count.lost += came;
      else
        count.errors +=
          (came * SICK * ready.filter((life) => life.sick || this.outage).length) / ready.length;
    }
  }

  /** Looks anew who gets what. Called after anything changed. */
  look(): void {
    const fleet = this.#fleet;
    const { shape } = this.#stage;
    const ready = { blue: fleet.ready("blue").length, green: fleet.ready("green").length };
    const parts = this.#routes.nodes.map((weights) => divide(weights, ready));
    const mean = (slot: Slot) => parts.reduce((sum, part) => sum + part[slot], 0) / parts.length;
    this.#shares = { blue: mean("blue"), green: mean("green") };
    this.#lost = 100 - SLOTS.reduce((sum, slot) => sum + (ready[slot] > 0 ? this.#shares[slot] : 0), 0);
    for (const slot of SLOTS) {
      const load = (shape.rate * REQUEST_SECONDS * this.#shares[slot]) / 100 / Math.max(1, ready[slot]);
      for (const life of fleet.lives(slot)) {
        if (life.phase === "ready" && this.#shares[slot] > 0) giveTraffic(life, load);
        else loseTraffic(life);
      }
    }
    this.#remember(ready);
  }

  /** Requests the slot still works on. */
  inFlight(slot: Slot): number {
    const { t } = this.#stage;
    return this.#fleet.lives(slot).reduce((sum, life) => sum + inFlight(life, t), 0);
  }

  newRequests(slot: Slot): number {
    return Math.floor(this.#counts[slot].requests);
  }

  traffic(slot: Slot): Traffic {
    const { requests, errors, lost } = this.#counts[slot];
    const seen = { requests: Math.floor(requests), errors: Math.floor(errors), lost: Math.floor(lost) };
    const examples = seen.errors > 0 ? { examples: ["GET /checkout 500: simulated failure"] } : {};
    return { epoch: String(this.#epoch), ...seen, latency: [], ...examples };
  }

  /** The source of the counters restarts: they begin at zero in a new epoch. */
  restartCounters(): void {
    this.#epoch++;
    for (const slot of SLOTS) this.#counts[slot] = zero();
  }

  #remember(ready: Readonly<SlotMap<number>>): void {
    const last = this.moments.at(-1);
    const shares = this.#shares;
    const same =
      last !== undefined &&
      last.lost === this.#lost &&
      SLOTS.every((slot) => last.shares[slot] === shares[slot] && last.ready[slot] === ready[slot]);
    if (!same) this.moments.push({ t: millis(this.#stage.t), shares, ready, lost: this.#lost });
  }
}

function divide(weights: Weights, ready: Readonly<SlotMap<number>>): Shares {
  if (weights !== "pool") return weights;
  const all = ready.blue + ready.green;
  return all === 0
    ? { blue: 0, green: 0 }
    : { blue: (100 * ready.blue) / all, green: (100 * ready.green) / all };
}

function zero(): Count {
  return { requests: 0, errors: 0, lost: 0 };
}
