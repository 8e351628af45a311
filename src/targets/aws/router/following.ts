import type { Shares } from "../../../core/routing.ts";
import { instant, type Instant, type Version } from "../../../core/units.ts";

/** For how long this process has seen the rules as they are: nobody else tells when they became so. */
export class Following {
  readonly #now: () => number;
  #since: { readonly version: Version; readonly at: Instant; readonly monotonic: number } | undefined;

  /** @param now wall clock, for what other machines count; lengths of time are measured by a clock that never jumps. */
  constructor(now: () => number) {
    this.#now = now;
  }

  since(version: Version): { readonly at: Instant; readonly ms: number; readonly now: Instant } {
    const monotonic = performance.now();
    if (this.#since?.version !== version) this.#since = { version, at: instant(this.#now()), monotonic };
    const { at } = this.#since;
    return { at, ms: monotonic - this.#since.monotonic, now: instant(this.#now()) };
  }

  /** The rules are not as they should be. */
  reset(): void {
    this.#since = undefined;
  }
}

/** Neither of two divisions gives the slot anything. */
export function getsNothing(shares: readonly Shares[], slot: keyof Shares): boolean {
  return shares.every((each) => each[slot] === 0);
}
