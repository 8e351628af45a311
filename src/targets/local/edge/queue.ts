/** Something that waits for a replica: tried again whenever members or weights change. */
export interface Waiting {
  /** True when it needs to wait no longer. */
  retry(): boolean;
  /** Nothing came in time. */
  expired(): void;
}

/** Requests without a replica to go to. Bounded in number and time. */
export class Queue {
  readonly #limit: number;
  readonly #timeout: number;
  readonly #waiting = new Map<Waiting, NodeJS.Timeout>();

  constructor(limit: number, timeout: number) {
    this.#limit = limit;
    this.#timeout = timeout;
  }

  /** @returns false when the queue is full. */
  add(waiting: Waiting): boolean {
    if (this.#waiting.size >= this.#limit) return false;
    const timer = setTimeout(() => {
      this.#waiting.delete(waiting);
      waiting.expired();
    }, this.#timeout);
    this.#waiting.set(waiting, timer);
    return true;
  }

  remove(waiting: Waiting): void {
    clearTimeout(this.#waiting.get(waiting));
    this.#waiting.delete(waiting);
  }

  /** In the order of arrival. */
  wake(): void {
    // Of those that wait now: one that is tried in vain may be added again.
    const present = Array.from(this.#waiting.keys());
    for (const waiting of present) {
      if (waiting.retry()) this.remove(waiting);
    }
  }
}
