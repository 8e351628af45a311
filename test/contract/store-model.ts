import fc from "fast-check";
import { expect } from "vitest";
import { EVENT_BOUND } from "../../src/core/bounds.ts";
import { deploymentId, fence, instant } from "../../src/core/units.ts";
import type { Clock } from "../../src/ports/clock.ts";
import type { Key, StateStore } from "../../src/ports/store.ts";
import { memoryStore } from "../../src/state/memory.ts";
import { systemClock } from "../../src/state/system-clock.ts";
import { note } from "./append-many.ts";
import { CLOSED, row } from "./history-fixture.ts";
import { holder } from "./store.ts";

/** An empty store that is compared with the one in memory, and the keys it is asked for. */
export interface ModelRig {
  readonly store: StateStore;
  readonly keys: readonly Key[];
  dispose(): Promise<void>;
}

/** One call of the port, carried out on both stores. */
class Call implements fc.AsyncCommand<object, Stores> {
  readonly #name: string;
  readonly #key: number;
  readonly #act: (store: StateStore, key: Key) => Promise<unknown>;
  constructor(name: string, key: number, act: (store: StateStore, key: Key) => Promise<unknown>) {
    this.#name = name;
    this.#key = key;
    this.#act = act;
  }
  check(): boolean {
    return true;
  }
  async run(_model: object, { memory, rig }: Stores): Promise<void> {
    const key = rig.keys[this.#key % rig.keys.length];
    if (key === undefined) throw new Error("a rig without keys");
    const expected = await this.#act(memory, key);
    expect(await this.#act(rig.store, key), this.#name).toEqual(expected);
  }
  toString(): string {
    return this.#name;
  }
}

interface Stores {
  readonly memory: StateStore;
  readonly rig: ModelRig;
}

const key = fc.nat({ max: 1 });
// Few of each, so that calls meet each other.
const id = fc.integer({ min: 1, max: 4 }).map((number) => deploymentId(`d${number}`));
const expected = fc.integer({ min: 0, max: 6 });
const someFence = fc.integer({ min: 0, max: 4 }).map(fence);
const event = fc.oneof(
  { weight: 9, arbitrary: fc.string({ maxLength: 20, unit: "binary" }).map(note) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(EVENT_BOUND / 2, EVENT_BOUND).map((size) => note("x".repeat(size))),
  },
);
const name = fc.constantFrom("a", "b");
const seen = fc.oneof(
  fc.constant("free" as const),
  fc.record({ fence: someFence, beat: fc.integer({ min: 0, max: 2 }) }),
);

const calls = [
  fc.tuple(key, id, event).map(([k, d, e]) => new Call(`open ${d}`, k, (store, at) => store.open(at, d, e))),
  fc
    .tuple(
      key,
      id,
      expected,
      fc.array(event, { minLength: 1, maxLength: 3 }),
      fc.oneof(someFence, fc.constant("ask" as const)),
    )
    .map(
      ([k, d, n, e, f]) =>
        new Call(`append ${d} at ${n} by ${f}`, k, (store, at) => store.append(at, d, n, e, f)),
    ),
  fc
    .tuple(key, id, expected, someFence)
    .map(
      ([k, d, n, f]) =>
        new Call(`close ${d} at ${n} by ${f}`, k, (store, at) => store.close(at, d, n, CLOSED, row(d, n), f)),
    ),
  fc
    .tuple(key, expected)
    .map(([k, n]) => new Call(`current after ${n}`, k, (store, at) => store.current(at, n))),
  fc.tuple(key, id).map(([k, d]) => new Call(`events ${d}`, k, (store, at) => store.events(at, d))),
  fc.tuple(key, expected).map(([k, n]) => new Call(`history ${n}`, k, (store, at) => store.history(at, n))),
  key.map((k) => new Call("lease", k, (store, at) => store.lease(at))),
  fc
    .tuple(key, name, seen)
    .map(
      ([k, h, s]) =>
        new Call(`take ${h} ${JSON.stringify(s)}`, k, (store, at) => store.take(at, holder(h), s)),
    ),
  fc.tuple(key, someFence).map(([k, f]) => new Call(`beat ${f}`, k, (store, at) => store.beat(at, f))),
  fc.tuple(key, someFence).map(([k, f]) => new Call(`release ${f}`, k, (store, at) => store.release(at, f))),
];

/** The store answers whatever the one in memory answers, in so many runs of up to 60 calls each. */
export async function answersAsMemory(
  make: (clock: Clock) => Promise<ModelRig>,
  runs: number,
): Promise<void> {
  await fc.assert(
    fc.asyncProperty(fc.commands(calls, { maxCommands: 60, size: "max" }), async (commands) => {
      const clock: Clock = { ...systemClock, now: () => instant(1_000) };
      const rig = await make(clock);
      try {
        await fc.asyncModelRun(
          () => ({ model: {}, real: { memory: memoryStore({ clock }), rig } }),
          commands,
        );
      } finally {
        await rig.dispose();
      }
    }),
    { numRuns: runs },
  );
}
