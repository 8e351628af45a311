/** A value as it was from `t` on. */
interface Moment<T> {
  readonly t: number;
  readonly value: T;
}

/** Remembers what a value was for as long as a stale read may show it. */
export class Past<T> {
  readonly #span: number;
  readonly #moments: Moment<T>[] = [];

  constructor(span: number, t: number, value: T) {
    this.#span = span;
    this.#moments.push({ t, value });
  }

  push(t: number, value: T): void {
    const last = this.#moments.at(-1)!;
    if (last.t === t) this.#moments.pop();
    this.#moments.push({ t, value });
    while (this.#moments.length > 1 && this.#moments[1]!.t < t - this.#span) this.#moments.shift();
  }

  /** The value as of `t`. */
  at(t: number): T {
    for (let i = this.#moments.length - 1; i > 0; i--) {
      const moment = this.#moments[i]!;
      if (moment.t <= t) return moment.value;
    }
    return this.#moments[0]!.value;
  }

  get latest(): T {
    return this.#moments.at(-1)!.value;
  }
}
