import { type Millis, instant, millis } from "../../core/units.ts";
import type { Clock } from "../../ports/clock.ts";
import { type MemoryOptions, SHAPE, type ServiceShape, TUNING, type Tuning } from "./options.ts";
import type { Happened, Recorded } from "./records.ts";

interface Due {
  readonly t: number;
  readonly order: number;
  readonly run: () => void;
}

/**
 * Where everything happens: time, chance, and the log of what really happened. Time passes lazily: whoever looks first
 * lets everything due happen, each at its own moment, so nothing here needs a timer and it works with a real clock as
 * with a simulated one.
 */
export class Stage {
  readonly options: MemoryOptions;
  readonly clock: Clock;
  readonly random: () => number;
  readonly tuning: Tuning;
  readonly shape: ServiceShape;
  readonly log: Recorded[] = [];
  /** The moment the stage is at; between `advance` and the clock nothing has happened yet. */
  t: number;
  readonly #due: Due[] = [];
  #order = 0;

  constructor(options: MemoryOptions) {
    this.options = options;
    this.clock = options.clock;
    this.random = options.random;
    this.tuning = { ...TUNING[options.profile], ...options.tuning };
    this.shape = { ...SHAPE, ...options.shape };
    this.t = options.clock.monotonic();
  }

  monotonic(): Millis {
    return this.clock.monotonic();
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return this.clock.sleep(millis(ms), signal);
  }

  /** Lets `run` happen `ms` from now. */
  later(ms: number, run: () => void): void {
    this.#insert({ t: Math.max(this.t, this.monotonic()) + ms, order: this.#order++, run });
  }

  /** As `later`, counted from the moment the stage is at: for what follows from an event being processed. */
  after(ms: number, run: () => void): void {
    this.#insert({ t: this.t + ms, order: this.#order++, run });
  }

  /** Lets everything happen that is due by now. */
  advance(): void {
    const now = this.monotonic();
    for (let next = this.#due[0]; next !== undefined && next.t <= now; next = this.#due[0]) {
      this.#due.shift();
      this.#happen(next.t, next.run);
    }
    this.#pass(now);
  }

  /** Something from outside happens now: a foreign hand, a crash. */
  act(run: () => void): void {
    this.advance();
    this.#happen(this.t, run);
  }

  /** The wall clock's time of the moment the stage is at. */
  at() {
    return instant(this.clock.now() - (this.monotonic() - this.t));
  }

  record(happened: Happened): void {
    this.log.push({ ...happened, t: millis(this.t), at: this.at() });
  }

  /** Time is about to pass until `t`, with everything as it is. */
  protected passing(_t: number): void {}

  /** Something has changed. */
  protected changed(): void {}

  #happen(t: number, run: () => void): void {
    this.#pass(t);
    run();
    this.changed();
  }

  #pass(t: number): void {
    this.passing(t);
    this.t = t;
  }

  #insert(due: Due): void {
    const queue = this.#due;
    let at = queue.length;
    while (at > 0) {
      const before = queue[at - 1]!;
      if (before.t < due.t || (before.t === due.t && before.order < due.order)) break;
      at--;
    }
    queue.splice(at, 0, due);
  }
}
