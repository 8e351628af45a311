import type { Routing } from "../../core/observed.ts";
import type { Weights } from "../../core/routing.ts";
import { NOBODY, sameWeights } from "../../core/routing.ts";
import type { Fence, Version } from "../../core/units.ts";
import { fence, version } from "../../core/units.ts";
import { Past } from "./past.ts";
import type { Writer } from "./records.ts";
import type { Stage } from "./stage.ts";

export interface RoutesView {
  readonly routing: Routing;
  readonly version: Version;
  readonly fence: Fence;
}

/** The router's record, and what each of its nodes does so far. */
export class Routes {
  /** What each node follows. */
  readonly nodes: Weights[];
  fence: Fence = fence(0);
  readonly #stage: Stage;
  readonly #past: Past<RoutesView>;
  #weights: Weights = NOBODY;
  #spec = 0;
  #status = 0;

  constructor(stage: Stage) {
    this.#stage = stage;
    this.nodes = Array.from({ length: stage.tuning.nodes }, () => NOBODY);
    this.#past = new Past(stage.tuning.staleness, stage.t, this.#view());
  }

  get weights(): Weights {
    return this.#weights;
  }

  /** What a read shows: the truth, or what was true up to `staleness` ago. */
  view(): RoutesView {
    const { staleness } = this.#stage.tuning;
    return staleness === 0
      ? this.#past.latest
      : this.#past.at(this.#stage.t - this.#stage.random() * staleness);
  }

  get truth(): RoutesView {
    return this.#past.latest;
  }

  /** Changes the record; nodes follow, each after its own delay. */
  set(weights: Weights, by: Writer | "foreign"): void {
    const stage = this.#stage;
    stage.record({ is: "routed", weights, before: this.#weights, by });
    this.#weights = weights;
    this.#spec++;
    this.#keep();
    this.nodes.forEach((_, node) => {
      if (stage.tuning.propagation === 0) this.#follow(node);
      else stage.after(stage.random() * stage.tuning.propagation, () => this.#follow(node));
    });
  }

  /** Registers a fence. */
  claim(by: Fence): void {
    this.fence = by;
    this.#stage.record({ is: "claimed", port: "router", fence: by });
    this.#keep();
  }

  /** A foreign status write: the version changes, nothing else. */
  touch(): void {
    this.#status++;
    this.#keep();
  }

  /** A node that looks finds the record as it is by now: what was overtaken in between it never follows. */
  #follow(node: number): void {
    const weights = this.#weights;
    if (sameWeights(this.nodes[node]!, weights)) return;
    this.nodes[node] = weights;
    this.#stage.record({ is: "node", node, weights });
  }

  #keep(): void {
    this.#past.push(this.#stage.t, this.#view());
  }

  #view(): RoutesView {
    const weights = this.#weights;
    return {
      routing: { weights, rules: [{ id: "main", weights, raw: JSON.stringify(weights) }] },
      version: version(`${this.#spec}.${this.#status}`),
      fence: this.fence,
    };
  }
}
