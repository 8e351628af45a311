import type { JournalEvent } from "../../src/core/journal.ts";
import { type Fence, millis } from "../../src/core/units.ts";
import type { StateStore, Unavailable } from "../../src/ports/store.ts";
import { memoryStore } from "../../src/state/memory.ts";
import type { SimClock } from "./clock.ts";
import { between } from "./random.ts";
import type { Kept, LeaseChange } from "./recording.ts";

const DOWN: Unavailable = {
  is: "unavailable",
  cause: { code: "TEAL-S101", message: "the simulated store is down" },
};

export interface SimStore {
  readonly store: StateStore;
  /** The same store without a wire: what it really holds. */
  readonly inner: StateStore;
  readonly kept: Kept[];
  readonly lease: LeaseChange[];
}

/** How the store answers at the moment. */
export type Mood = "ok" | "unavailable" | "lostAnswer";

/** The store in memory behind a wire that can be cut, with a record of what it really did. */
export function simStore(clock: SimClock, random: () => number, mood: () => Mood): SimStore {
  const inner = memoryStore({ clock });
  const kept: Kept[] = [];
  const lease: LeaseChange[] = [];
  const t = () => clock.monotonic();

  const over = async <T>(
    call: () => Promise<T>,
    done: (answer: T) => unknown = () => undefined,
  ): Promise<T | Unavailable> => {
    await clock.sleep(millis(between(random, 1, 8)));
    if (mood() === "unavailable") return DOWN;
    const answer = await call();
    done(answer);
    const lost = mood() === "lostAnswer" && random() < 0.5;
    await clock.sleep(millis(between(random, 1, 8)));
    return lost ? DOWN : answer;
  };
  const keep = (deployment: string, event: JournalEvent) => kept.push({ t: t(), deployment, event });
  const isClosed = (id: string) =>
    kept.some(({ deployment, event }) => deployment === id && event.kind === "closed");
  const leased = (is: LeaseChange["is"], fence: Fence, sent: number) =>
    lease.push({ t: t(), sent, is, fence });

  const store: StateStore = {
    open: (key, id, first) =>
      over(
        () => inner.open(key, id, first),
        (real) => real.is === "opened" && keep(id, { ...first, seq: 1, at: clock.now() }),
      ),
    current: (key, after) => over(() => inner.current(key, after)),
    append: (key, id, expected, events, fence) =>
      over(
        () => inner.append(key, id, expected, events, fence),
        (real) => real.is === "appended" && real.events.forEach((event) => keep(id, event)),
      ),
    close: (key, id, expected, event, row, fence) =>
      over(
        () => inner.close(key, id, expected, event, row, fence),
        (real) =>
          real.is === "closed" && !isClosed(id) && keep(id, { ...event, seq: expected + 1, at: clock.now() }),
      ),
    history: (key, limit) => over(() => inner.history(key, limit)),
    events: (key, id) => over(() => inner.events(key, id)),
    lease: (key) => over(() => inner.lease(key)),
    take: (key, holder, seen) => {
      const sent = t();
      return over(
        () => inner.take(key, holder, seen),
        (real) => real.is === "taken" && leased("taken", real.fence, sent),
      );
    },
    beat: (key, fence) => {
      const sent = t();
      return over(
        () => inner.beat(key, fence),
        (real) => real.is === "held" && leased("beat", fence, sent),
      );
    },
    release: (key, fence) => {
      const sent = t();
      return over(
        () => inner.release(key, fence),
        (real) => real.is === "released" && leased("released", fence, sent),
      );
    },
    changed: (key, atMost, signal, since) => inner.changed(key, atMost, signal, since),
  };
  return { store, inner, kept, lease };
}
