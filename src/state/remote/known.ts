/** What this process knows of an object that others write too. Answers may arrive in another order than they were given. */
export class Known<T> {
  readonly #isLater: (latest: T, seen: T) => boolean;
  #latest: T | undefined;
  #inDoubt = false;

  /** @param isLater whether the latest was written after the one seen, as far as both are of the same object. */
  constructor(isLater: (latest: T, seen: T) => boolean) {
    this.#isLater = isLater;
  }

  get latest(): T | undefined {
    return this.#latest;
  }

  /** The latest, unless it may not be what is there. */
  get value(): T | undefined {
    return this.#inDoubt ? undefined : this.#latest;
  }

  /** A write of ours failed: nobody knows what is there. */
  doubt(): void {
    this.#inDoubt = true;
  }

  /** What the server itself answered; undefined when nothing is there. @returns the latest. */
  answered(seen: T | undefined): T | undefined {
    this.#inDoubt = false;
    if (seen === undefined || this.#latest === undefined || !this.#isLater(this.#latest, seen))
      this.#latest = seen;
    return this.#latest;
  }
}
