import { Flatness } from "./flatness.ts";

/**
 * Measures for how long what a router was told has been accepted in one and the same state. Nobody says when the last
 * node or gateway follows: the configured time stands for that, and the evidence says so.
 */
export class DeclaredBound {
  /** `node`, `gateway`: who is declared to follow. */
  readonly #follower: string;
  /** In ms. */
  readonly #propagation: number;
  #since: { readonly state: string; readonly at: number; readonly flat: Flatness } | undefined;

  constructor(follower: string, propagation: number) {
    this.#follower = follower;
    this.#propagation = propagation;
  }

  /** What was accepted is not what is wanted, or no longer: the time begins anew. */
  reset(): void {
    this.#since = undefined;
  }

  /** The time runs for this state; a counter is flat only within one state, too. */
  since(state: string): { readonly flat: Flatness } {
    if (this.#since?.state !== state) this.#since = { state, at: performance.now(), flat: new Flatness() };
    return this.#since;
  }

  /** Whether the time is over, in words behind `detail`. */
  passed(detail: string): { readonly moved: boolean; readonly detail: string } {
    const moved = performance.now() - (this.#since?.at ?? Infinity) >= this.#propagation;
    const declared = `every ${this.#follower} follows within ${this.#propagation} ms (declared)`;
    return { moved, detail: moved ? `${detail}; ${declared}` : `${detail}; waiting: ${declared}` };
  }
}
