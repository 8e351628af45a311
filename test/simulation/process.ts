import type { SimClock } from "./clock.ts";
import type { Clock } from "../../src/ports/clock.ts";

/** Where a process may die: at the `n`-th write of the whole run. */
export type Death = "before" | "inTransit" | "after";

/** Counts the writes of all processes and knows at which of them one dies. */
export class Fate {
  readonly #deaths: ReadonlyMap<number, Death>;
  #writes = 0;
  #over = false;

  constructor(deaths: ReadonlyMap<number, Death>) {
    this.#deaths = deaths;
  }

  next(): Death | undefined {
    return this.#over ? undefined : this.#deaths.get(++this.#writes);
  }

  /** Writes so far. */
  get writes(): number {
    return this.#writes;
  }

  /** Nobody dies any more. */
  end(): void {
    this.#over = true;
  }
}

const NEVER = new Promise<never>(() => undefined);

/**
 * One process of an operator. Everything it does goes through here, so that it can die (what it waits for never
 * comes) and stand still (what comes, comes when it goes on, and it notices nothing but the time).
 */
export class SimProcess {
  readonly pid: number;
  readonly #clock: SimClock;
  readonly #fate: Fate;
  readonly #died: () => void;
  #dead = false;
  #paused: Promise<void> | undefined;

  constructor(pid: number, clock: SimClock, fate: Fate, died: () => void) {
    this.pid = pid;
    this.#clock = clock;
    this.#fate = fate;
    this.#died = died;
  }

  get dead(): boolean {
    return this.#dead;
  }

  kill(): void {
    if (this.#dead) return;
    this.#dead = true;
    this.#died();
  }

  /** Stands still until the promise resolves. */
  pause(until: Promise<void>): void {
    this.#paused = until;
  }

  /** A call that changes nothing outside. */
  async read<T>(call: () => Promise<T>): Promise<T> {
    await this.#pass();
    return this.#back(await call());
  }

  /** A call that changes something: the process may die before, meanwhile or afterwards. */
  async write<T>(call: () => Promise<T>): Promise<T> {
    await this.#pass();
    const death = this.#fate.next();
    if (death === "before") this.kill();
    await this.#pass();
    const answer = call();
    if (death === "inTransit") this.kill();
    const heard = await answer;
    if (death === "after") this.kill();
    return this.#back(heard);
  }

  clock(): Clock {
    const clock = this.#clock;
    return {
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      sleep: (ms, signal) => this.read(() => clock.sleep(ms, signal)),
    };
  }

  async #back<T>(answer: T): Promise<T> {
    await this.#pass();
    return answer;
  }

  async #pass(): Promise<void> {
    if (this.#dead) await NEVER;
    while (this.#paused !== undefined) {
      const paused = this.#paused;
      await paused;
      if (this.#paused === paused) this.#paused = undefined;
    }
    if (this.#dead) await NEVER;
  }
}
