import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { CLOSED, row } from "../../test/contract/history-fixture.ts";
import { holder, note } from "../../test/contract/store.ts";
import { EVENT_BOUND } from "../core/bounds.ts";
import { deploymentId, fence, instant } from "../core/units.ts";
import type { Clock } from "../ports/clock.ts";
import type { Key, StateStore } from "../ports/store.ts";
import { memoryStore } from "./memory.ts";
import { openSqliteStore } from "./sqlite/store.ts";
import { systemClock } from "./system-clock.ts";

/** One call of the port, carried out on both stores. */
class Call implements fc.AsyncCommand<object, Stores> {
  readonly name: string;
  readonly #act: (store: StateStore) => Promise<unknown>;
  constructor(name: string, act: (store: StateStore) => Promise<unknown>) {
    this.name = name;
    this.#act = act;
  }
  check(): boolean {
    return true;
  }
  async run(_model: object, { memory, sqlite }: Stores): Promise<void> {
    const expected = await this.#act(memory);
    expect(await this.#act(sqlite), this.name).toEqual(expected);
  }
  toString(): string {
    return this.name;
  }
}

interface Stores {
  readonly memory: StateStore;
  readonly sqlite: StateStore;
}

const key = fc.constantFrom<Key>(
  { service: "shop", environment: "production" },
  { service: "shop", environment: "staging" },
);
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
  fc.tuple(key, id, event).map(([k, d, e]) => new Call(`open ${d}`, (store) => store.open(k, d, e))),
  fc
    .tuple(
      key,
      id,
      expected,
      fc.array(event, { minLength: 1, maxLength: 3 }),
      fc.oneof(someFence, fc.constant("ask" as const)),
    )
    .map(
      ([k, d, n, e, f]) => new Call(`append ${d} at ${n} by ${f}`, (store) => store.append(k, d, n, e, f)),
    ),
  fc
    .tuple(key, id, expected, someFence)
    .map(
      ([k, d, n, f]) =>
        new Call(`close ${d} at ${n} by ${f}`, (store) => store.close(k, d, n, CLOSED, row(d, n), f)),
    ),
  fc.tuple(key, expected).map(([k, n]) => new Call(`current after ${n}`, (store) => store.current(k, n))),
  fc.tuple(key, id).map(([k, d]) => new Call(`events ${d}`, (store) => store.events(k, d))),
  fc.tuple(key, expected).map(([k, n]) => new Call(`history ${n}`, (store) => store.history(k, n))),
  key.map((k) => new Call("lease", (store) => store.lease(k))),
  fc
    .tuple(key, name, seen)
    .map(([k, h, s]) => new Call(`take ${h} ${JSON.stringify(s)}`, (store) => store.take(k, holder(h), s))),
  fc.tuple(key, someFence).map(([k, f]) => new Call(`beat ${f}`, (store) => store.beat(k, f))),
  fc.tuple(key, someFence).map(([k, f]) => new Call(`release ${f}`, (store) => store.release(k, f))),
];

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "teal-model-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

test("the SQLite store answers whatever the one in memory answers", async () => {
  let files = 0;
  await fc.assert(
    fc.asyncProperty(fc.commands(calls, { maxCommands: 60, size: "max" }), async (commands) => {
      const clock: Clock = { ...systemClock, now: () => instant(1_000) };
      const sqlite = openSqliteStore(join(folder, `${(files += 1)}.db`), { clock });
      try {
        await fc.asyncModelRun(
          () => ({ model: {}, real: { memory: memoryStore({ clock }), sqlite } }),
          commands,
        );
      } finally {
        sqlite.dispose();
      }
    }),
    { numRuns: 150 },
  );
});
