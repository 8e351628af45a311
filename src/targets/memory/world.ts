import { type Weights, allTo } from "../../core/routing.ts";
import { type Fence, type Revision, SLOTS, type Slot } from "../../core/units.ts";
import { Crowd } from "./crowd.ts";
import { Fleet } from "./fleet.ts";
import { crashLife } from "./life.ts";
import { Ledgers } from "./ledgers.ts";
import { type MemoryOptions, draw } from "./options.ts";
import { Routes } from "./routes.ts";
import { Stage } from "./stage.ts";

/**
 * Ground truth: what runs, where traffic goes, and a log of everything that really happened. The ports are windows
 * onto it, more or less clear.
 */
export class World extends Stage {
  readonly fleet: Fleet;
  readonly routes: Routes;
  readonly crowd: Crowd;
  readonly ledgers: Ledgers;

  constructor(options: MemoryOptions) {
    super(options);
    this.fleet = new Fleet(this);
    this.routes = new Routes(this);
    this.ledgers = new Ledgers(this);
    this.crowd = new Crowd(this, this.fleet, this.routes);
    this.#churn();
    this.#autoscale();
  }

  protected override passing(t: number): void {
    this.crowd.accrue(t);
  }

  protected override changed(): void {
    this.crowd.look();
  }

  /** Somebody else's status writes: versions change, nothing else does. */
  #churn(): void {
    const { churn } = this.tuning;
    if (churn === undefined) return;
    this.after(draw(this.random, churn), () => {
      const pick = Math.floor(this.random() * 3);
      if (pick === 2) this.routes.touch();
      else this.fleet.touch(SLOTS[pick]!);
      this.#churn();
    });
  }

  /** Sizes one slot that has traffic up or down, unless somebody holds its size. */
  #autoscale(): void {
    const { autoscaler } = this.options;
    if (autoscaler === undefined) return;
    this.after(draw(this.random, autoscaler.every), () => {
      const slot = SLOTS[Math.floor(this.random() * 2)]!;
      const { wanted: before } = this.fleet.truth(slot).state;
      const step = this.random() < 0.5 ? -1 : 1;
      const wanted = Math.min(autoscaler.max, Math.max(autoscaler.min, before + step));
      const busy = this.crowd.shares[slot] > 0 && before > 0;
      if (busy && !this.fleet.pinned(slot) && wanted !== before) this.fleet.size(slot, wanted, "autoscaler");
      this.#autoscale();
    });
  }
}

/** What people do behind a deployment's back, and what breaks: for tests, through the world, not through a port. */
export interface ForeignHand {
  shift(to: Weights): void;
  /** Tells a slot to have so many replicas. */
  size(slot: Slot, replicas: number): void;
  /** Makes a slot run something else at once, as somebody with `kubectl set image` would. */
  rewrite(slot: Slot, revision: Revision): void;
  /** Kills one replica (all of them when `which` is absent); the provider restarts it. */
  crash(slot: Slot, which?: number): void;
  /** Starts a revision and gives it all traffic, as found before Teal came. */
  install(slot: Slot, revision: Revision, replicas: number): void;
  /** Something both slots need (their database) is down, or up again: replicas stay ready, deep checks fail, users get 5xx. */
  outage(on: boolean): void;
  /** Forces a higher fence, as another Teal would that nobody here knows. */
  fence(fence: Fence): void;
}

export function foreignHand(world: World): ForeignHand {
  const { fleet, routes } = world;
  return {
    shift: (to) => world.act(() => routes.set(to, "foreign")),
    size: (slot, replicas) => world.act(() => fleet.size(slot, replicas, "foreign")),
    rewrite: (slot, revision) => world.act(() => fleet.rewrite(slot, revision)),
    crash: (slot, which) =>
      world.act(() => {
        const lives = fleet.lives(slot).filter((life) => life.phase === "ready" || life.phase === "unready");
        for (const life of which === undefined ? lives : lives.slice(which, which + 1)) crashLife(life);
      }),
    install: (slot, revision, replicas) =>
      world.act(() => {
        fleet.install(slot, revision, replicas);
        routes.set(allTo(slot), "foreign");
      }),
    outage: (on) => world.act(() => (world.crowd.outage = on)),
    fence: (fence) =>
      world.act(() => {
        fleet.fence = fence;
        routes.fence = fence;
        for (const slot of SLOTS) fleet.touch(slot);
        routes.touch();
      }),
  };
}
