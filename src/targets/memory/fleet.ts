import type { SlotSpec } from "../../core/calls.ts";
import type { Borrowed, Replica, SlotState } from "../../core/observed.ts";
import type { Fence, Revision, Slot, Version } from "../../core/units.ts";
import { SLOTS, fence, sameRevision, version } from "../../core/units.ts";
import { beginLife, dismissLife, inFlight, type Life } from "./life.ts";
import type { SlotMap } from "./options.ts";
import { Past } from "./past.ts";
import type { Writer } from "./records.ts";
import type { Stage } from "./stage.ts";

export interface SlotView {
  readonly state: SlotState;
  readonly version: Version;
  readonly fence: Fence;
}

interface Place {
  readonly slot: Slot;
  revision: Revision | undefined;
  checks: SlotSpec["checks"] | undefined;
  wanted: number;
  /** Somebody took hold of the size: the autoscaler leaves it alone. */
  pinned: boolean;
  lives: Life[];
  spec: number;
  status: number;
  named: number;
  readonly past: Past<SlotView>;
}

export type Teller = Writer | "foreign" | "autoscaler";

/** What runs in both slots. */
export class Fleet {
  fence: Fence = fence(0);
  readonly #stage: Stage;
  readonly #places: SlotMap<Place>;

  constructor(stage: Stage) {
    this.#stage = stage;
    this.#places = { blue: this.#empty("blue"), green: this.#empty("green") };
  }

  /**
   * What a read shows: the truth, or what was true up to `staleness` ago. What a slot lends is always true: whoever
   * pins something reads it where it is pinned.
   */
  view(slot: Slot): SlotView {
    const { past } = this.#places[slot];
    const { staleness } = this.#stage.tuning;
    if (staleness === 0) return past.latest;
    const view = past.at(this.#stage.t - this.#stage.random() * staleness);
    const { lends: _then, ...state } = view.state;
    const { lends } = past.latest.state;
    return { ...view, state: lends === undefined ? state : { ...state, lends } };
  }

  truth(slot: Slot): SlotView {
    return this.#places[slot].past.latest;
  }

  lives(slot: Slot): readonly Life[] {
    return this.#places[slot].lives;
  }

  ready(slot: Slot): readonly Life[] {
    return this.#places[slot].lives.filter((life) => life.phase === "ready");
  }

  find(incarnation: string): Life | undefined {
    for (const slot of SLOTS) {
      const found = this.#places[slot].lives.find((life) => life.incarnation === incarnation);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  pinned(slot: Slot): boolean {
    return this.#places[slot].pinned;
  }

  /** The slot already is what `want` says. */
  is(slot: Slot, want: SlotSpec): boolean {
    const place = this.#places[slot];
    return (
      sameRevision(place.revision, want.revision) &&
      place.wanted === want.replicas &&
      place.checks !== undefined
    );
  }

  /** A slot is told a revision and a size. The caller has seen to it that no other revision has replicas there. */
  tell(slot: Slot, want: SlotSpec, by: Writer): void {
    const place = this.#places[slot];
    this.#pin(place, by);
    place.revision = want.revision;
    place.checks = want.checks;
    this.size(slot, want.replicas, by);
  }

  /** A slot is told a size. */
  size(slot: Slot, replicas: number, by: Teller): void {
    const place = this.#places[slot];
    if (by !== "foreign" && by !== "autoscaler") this.#pin(place, by);
    const before = place.wanted;
    place.wanted = replicas;
    place.spec++;
    this.#stage.record({
      is: "told",
      slot,
      ...(place.revision === undefined ? {} : { revision: place.revision }),
      wanted: replicas,
      before,
      inFlight: place.lives.reduce((sum, life) => sum + inFlight(life, this.#stage.t), 0),
      by,
    });
    this.#resize(place);
    this.#keep(place);
  }

  /** Puts the borrowed size of the autoscaler back. Answers whether that changed anything. */
  restore(borrowed: Borrowed, by: Writer): boolean {
    const place = this.#places[borrowed.slot];
    if (!place.pinned) return false;
    place.pinned = false;
    place.spec++;
    this.#stage.record({ is: "restored", borrowed, by });
    this.#keep(place);
    return true;
  }

  install(slot: Slot, revision: Revision, replicas: number): void {
    const place = this.#places[slot];
    place.revision = revision;
    this.size(slot, replicas, "foreign");
  }

  rewrite(slot: Slot, revision: Revision): void {
    const place = this.#places[slot];
    const { wanted } = place;
    this.size(slot, 0, "foreign");
    place.revision = revision;
    this.size(slot, wanted, "foreign");
  }

  claim(by: Fence): void {
    this.fence = by;
    this.#stage.record({ is: "claimed", port: "slots", fence: by });
    for (const slot of SLOTS) this.#keep(this.#places[slot]);
  }

  /** A status write: the version changes. */
  touch(slot: Slot): void {
    this.#places[slot].status++;
    this.#keep(this.#places[slot]);
  }

  /** A replica changed its phase. */
  #changed(life: Life): void {
    const place = this.#places[life.slot];
    if (life.phase === "gone") place.lives = place.lives.filter((other) => other !== life);
    if (this.#stage.tuning.churn !== undefined) place.status++;
    this.#keep(place);
  }

  #pin(place: Place, by: Writer): void {
    const [lent] = this.#lends(place);
    if (lent === undefined) return;
    place.pinned = true;
    this.#stage.record({ is: "borrowed", borrowed: lent, by });
  }

  #lends(place: Place): readonly Borrowed[] {
    const { autoscaler } = this.#stage.options;
    if (autoscaler === undefined || place.pinned) return [];
    const { min, max } = autoscaler;
    return [{ slot: place.slot, what: "autoscaler", original: JSON.stringify({ min, max }) }];
  }

  /** Starts or dismisses replicas until there are as many as wanted, those that work least first. */
  #resize(place: Place): void {
    const staying = place.lives.filter((life) => life.phase !== "stopping");
    const order = ["crashLoop", "exited", "starting", "unready", "ready"];
    const leaving = staying
      .toSorted((a, b) => order.indexOf(a.phase) - order.indexOf(b.phase))
      .slice(0, Math.max(0, staying.length - place.wanted));
    for (const life of leaving) dismissLife(life);
    for (let missing = place.wanted - staying.length; missing > 0; missing--) {
      const { revision } = place;
      if (revision === undefined)
        throw new Error(`${place.slot} was told a size before it was told a revision`);
      const id = `${place.slot}-${++place.named}`;
      const changed = (life: Life) => this.#changed(life);
      place.lives.push(beginLife({ stage: this.#stage, changed, slot: place.slot, id, revision }));
    }
  }

  #empty(slot: Slot): Place {
    const state: SlotState = { slot, wanted: 0, settled: true, replicas: [] };
    const past = new Past<SlotView>(this.#stage.tuning.staleness, this.#stage.t, {
      state,
      version: version("0.0"),
      fence: this.fence,
    });
    const place: Place = {
      slot,
      revision: undefined,
      checks: undefined,
      wanted: 0,
      pinned: false,
      lives: [],
      spec: 0,
      status: 0,
      named: 0,
      past,
    };
    past.push(this.#stage.t, this.#view(place));
    return place;
  }

  #keep(place: Place): void {
    place.past.push(this.#stage.t, this.#view(place));
  }

  #view(place: Place): SlotView {
    const replicas = place.lives.map((life) => asReplica(life, place.revision));
    const moving = replicas.some((replica) => replica.phase === "starting" || replica.phase === "stopping");
    const lends = this.#lends(place);
    return {
      state: {
        slot: place.slot,
        ...(place.revision === undefined ? {} : { revision: place.revision }),
        wanted: place.wanted,
        settled: !moving && replicas.length === place.wanted,
        replicas,
        ...(lends.length === 0 ? {} : { lends }),
      },
      version: version(`${place.spec}.${place.status}`),
      fence: this.fence,
    };
  }
}

function asReplica(life: Life, revision: Revision | undefined): Replica {
  if (life.phase === "gone") throw new Error(`${life.incarnation} is gone and still listed`);
  return {
    id: life.id,
    incarnation: life.incarnation,
    phase: life.phase,
    restarts: life.restarts,
    ...(sameRevision(life.revision, revision) ? {} : { revision: life.revision }),
    ...(life.exit === undefined ? {} : { exit: life.exit }),
  };
}
