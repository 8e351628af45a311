import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { fence, instant, millis } from "../core/units.ts";
import type { Millis } from "../core/units.ts";
import type { Clock } from "../ports/clock.ts";
import type { Key, StateStore } from "../ports/store.ts";
import { KEY, holder } from "../../test/contract/store.ts";
import { memoryStore } from "../state/memory.ts";
import type { StoreFault } from "../state/memory.ts";
import { HEARTBEAT, TTL, acquire, judge, watched } from "./lease.ts";
import type { Acquired, AcquireInput, HeldLease } from "./lease.ts";

/** Time moves only when a test says so; the wall clock can jump by itself. */
class HandClock implements Clock {
  wall = 1_000_000;
  #time = 0;
  readonly #sleepers = new Set<{ readonly until: number; readonly wake: () => void }>();

  now() {
    return instant(this.wall + this.#time);
  }
  monotonic() {
    return millis(this.#time);
  }
  async sleep(ms: Millis, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const sleeper = { until: this.#time + ms, wake: resolve };
    this.#sleepers.add(sleeper);
    signal?.addEventListener("abort", () => resolve());
    await promise;
    this.#sleepers.delete(sleeper);
  }
  /** Moves from one waking to the next, and lets everything that follows from it happen. */
  async pass(ms: number): Promise<void> {
    const end = this.#time + ms;
    for (;;) {
      await settle();
      const next = Math.min(...[...this.#sleepers].map((sleeper) => sleeper.until));
      if (next > end) break;
      this.#time = Math.max(this.#time, next);
      for (const sleeper of this.#sleepers) if (sleeper.until <= this.#time) sleeper.wake();
    }
    this.#time = end;
    await settle();
  }
  get sleeping(): number {
    return this.#sleepers.size;
  }
}

/** Every promise that can go on without time has gone on. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

let clock: HandClock;
let faults: (operation: string) => StoreFault;
let store: StateStore;
let stop: AbortController;
const held: HeldLease[] = [];

beforeEach(() => {
  clock = new HandClock();
  faults = () => "ok";
  store = memoryStore({ clock, faults: (operation) => faults(operation) });
  stop = new AbortController();
});
afterEach(async () => {
  faults = () => "ok";
  for (const lease of held.splice(0)) await lease.release();
  await settle();
  // A heartbeat that goes on after its lease would keep a process from ending.
  expect(clock.sleeping).toBe(0);
});

function wanted(name: string, input: Partial<AcquireInput> = {}): AcquireInput {
  return {
    store,
    key: KEY,
    holder: holder(name),
    clock,
    isGone: () => "unknown",
    waitAtMost: millis(0),
    signal: stop.signal,
    ...input,
  };
}

async function hold(name: string, input: Partial<AcquireInput> = {}): Promise<HeldLease> {
  return keep(await acquire(wanted(name, input)));
}

function keep(answer: Acquired): HeldLease {
  if (answer.is !== "held") throw new Error(JSON.stringify(answer));
  held.push(answer.lease);
  return answer.lease;
}

async function leaseOf(key: Key) {
  const answer = await store.lease(key);
  if (answer.is !== "lease") throw new Error(answer.is);
  return answer.lease;
}

describe("judging", () => {
  const lease = { fence: fence(1), beat: 3, released: false, holder: holder("a") };
  const watch = { fence: fence(1), beat: 3, since: millis(1_000) };

  test("waits until the heartbeat stayed away for the whole TTL", () => {
    expect(judge(lease, watch, millis(1_000), "unknown")).toBe(TTL);
    expect(judge(lease, watch, millis(1_000 + TTL - 1), "alive")).toBe(1);
    expect(judge(lease, watch, millis(1_000 + TTL), "alive")).toBe(0);
  });
  test("takes at once what was released or whose holder is gone", () => {
    expect(judge({ ...lease, released: true }, watch, millis(1_000), "alive")).toBe(0);
    expect(judge(lease, watch, millis(1_000), "gone")).toBe(0);
  });
  test("watches anew after every heartbeat and every take-over", () => {
    expect(watched(watch, lease, millis(9_000))).toBe(watch);
    expect(watched(watch, { ...lease, beat: 4 }, millis(9_000)).since).toBe(9_000);
    expect(watched(watch, { ...lease, fence: fence(2) }, millis(9_000)).since).toBe(9_000);
  });
});

describe("acquiring", () => {
  test("takes a free lease, and a released one, with growing fences", async () => {
    const first = await hold("a");
    expect(first.fence).toBe(1);
    expect(await first.release()).toEqual({ is: "released" });
    expect((await hold("b")).fence).toBe(2);
  });

  test("answers busy at once when it may not wait", async () => {
    await hold("a");
    expect(await acquire(wanted("b", { isGone: () => "alive" }))).toMatchObject({
      is: "busy",
      lease: { fence: 1, holder: { name: "a" } },
    });
  });

  test("takes at once from a holder that is proven gone", async () => {
    await store.take(KEY, holder("dead"), "free");
    expect((await hold("b", { isGone: ({ name }) => (name === "dead" ? "gone" : "alive") })).fence).toBe(2);
  });

  test("takes from a silent holder after the TTL, not before", async () => {
    await store.take(KEY, holder("silent"), "free");
    const waiting = acquire(wanted("b", { waitAtMost: millis(60_000) }));
    await clock.pass(TTL - 1);
    expect((await leaseOf(KEY)).fence).toBe(1);
    await clock.pass(1);
    expect(keep(await waiting).fence).toBe(2);
  });

  test("never takes from a holder whose heart beats, and gives up when its time is over", async () => {
    await hold("a");
    const waiting = acquire(wanted("b", { waitAtMost: millis(120_000) }));
    await clock.pass(120_000);
    expect(await waiting).toMatchObject({ is: "busy", lease: { fence: 1 } });
    expect(clock.monotonic()).toBe(120_000);
  });

  test("takes as soon as the holder releases", async () => {
    const first = await hold("a");
    const waiting = acquire(wanted("b", { waitAtMost: millis(60_000) }));
    await clock.pass(2_500);
    await first.release();
    await settle();
    expect(keep(await waiting).fence).toBe(2);
    expect(clock.monotonic()).toBe(2_500);
  });

  test("gives a silent holder's lease to one of many that wait", async () => {
    await store.take(KEY, holder("silent"), "free");
    const waiting = ["b", "c", "d"].map((name) => acquire(wanted(name, { waitAtMost: millis(20_000) })));
    await clock.pass(20_000);
    const answers = await Promise.all(waiting);
    expect(answers.map((answer) => answer.is).sort()).toEqual(["busy", "busy", "held"]);
    answers.filter((answer) => answer.is === "held").forEach(keep);
  });

  test("takes again what it took without hearing the answer", async () => {
    let losses = 1;
    faults = (operation) => (operation === "take" && losses-- > 0 ? "lostAnswer" : "ok");
    const waiting = acquire(wanted("a", { waitAtMost: millis(10_000), isGone: () => "alive" }));
    await clock.pass(1_000);
    expect(keep(await waiting).fence).toBe(2);
  });

  test("waits for a store that is away, and answers why when it stays away", async () => {
    faults = () => "unavailable";
    expect(await acquire(wanted("a"))).toMatchObject({ is: "unavailable" });
    const waiting = acquire(wanted("a", { waitAtMost: millis(10_000) }));
    await clock.pass(4_000);
    faults = () => "ok";
    await clock.pass(1_000);
    expect(keep(await waiting).fence).toBe(1);
  });

  test("ends at once when it is interrupted", async () => {
    await hold("a");
    const waiting = acquire(wanted("b", { waitAtMost: millis(60_000) }));
    await clock.pass(2_000);
    stop.abort();
    expect((await waiting).is).toBe("busy");
    expect(clock.monotonic()).toBe(2_000);
    await held[0]?.release();
    const interrupted = { is: "unavailable", cause: { code: "TEAL-S120" } };
    expect(await acquire(wanted("b", { signal: AbortSignal.abort() }))).toMatchObject(interrupted);
    expect((await leaseOf(KEY)).fence).toBe(1);
  });
});

describe("holding", () => {
  test("lasts as long as its heart beats", async () => {
    const lease = await hold("a");
    await clock.pass(10 * HEARTBEAT);
    expect((await leaseOf(KEY)).beat).toBe(10);
    expect(lease.outlasts(millis(TTL - 1))).toBe(true);
    expect(lease.outlasts(TTL)).toBe(false);
    await clock.pass(HEARTBEAT - 1);
    expect(lease.outlasts(millis(TTL - HEARTBEAT))).toBe(true);
    expect(lease.outlasts(millis(TTL - HEARTBEAT + 1))).toBe(false);
  });

  test("survives an outage of the store shorter than the TTL", async () => {
    const lease = await hold("a");
    faults = () => "unavailable";
    await clock.pass(TTL - 1_000);
    expect(lease.outlasts(millis(999))).toBe(true);
    expect(lease.outlasts(millis(1_000))).toBe(false);
    faults = () => "ok";
    await clock.pass(1_000);
    expect(lease.lost.aborted).toBe(false);
    expect(lease.outlasts(millis(TTL - 1_000))).toBe(true);
  });

  test("is lost when no heartbeat is acknowledged for the TTL, though it reached the store", async () => {
    const lease = await hold("a");
    faults = (operation) => (operation === "beat" ? "lostAnswer" : "ok");
    await clock.pass(TTL - 1);
    expect(lease.lost.aborted).toBe(false);
    await clock.pass(1);
    expect(lease.lost.aborted).toBe(true);
    expect(lease.outlasts(millis(0))).toBe(false);
  });

  test("is lost at the TTL although the store never answers", async () => {
    const never = new Promise<never>(() => undefined);
    const silent = Object.assign(Object.create(store) as StateStore, {
      take: () => Promise.resolve({ is: "taken", fence: fence(1) }),
      lease: () => Promise.resolve({ is: "none" }),
      beat: () => never,
      release: () => Promise.resolve({ is: "released" }),
    });
    const lease = await hold("a", { store: silent });
    await clock.pass(TTL - 1);
    expect(lease.lost.aborted).toBe(false);
    await clock.pass(1);
    expect(lease.lost.aborted).toBe(true);
  });

  test("learns with the next heartbeat that somebody took it", async () => {
    const lease = await hold("a");
    await store.take(KEY, holder("b"), { fence: fence(1), beat: 0 });
    await clock.pass(HEARTBEAT);
    expect(lease.lost.aborted).toBe(true);
    expect(String(lease.lost.reason)).toContain("fence 2");
    expect(await lease.release()).toEqual({ is: "lost", by: 2 });
    expect((await leaseOf(KEY)).released).toBe(false);
  });

  test("is not touched by jumps of the wall clock", async () => {
    const lease = await hold("a");
    const waiting = acquire(wanted("b", { waitAtMost: millis(30_000) }));
    for (const jump of [86_400_000, -172_800_000, 3_600_000]) {
      clock.wall += jump;
      await clock.pass(10_000);
      expect(lease.outlasts(HEARTBEAT)).toBe(true);
    }
    expect((await waiting).is).toBe("busy");
  });

  test("beats no more after its release", async () => {
    const lease = await hold("a");
    await clock.pass(HEARTBEAT);
    await lease.release();
    expect(lease.outlasts(millis(0))).toBe(false);
    await clock.pass(5 * HEARTBEAT);
    expect(await leaseOf(KEY)).toMatchObject({ beat: 1, released: true });
    expect(lease.lost.aborted).toBe(false);
  });

  test("holder and taker never both believe to hold it, whatever the store does", async () => {
    // The store hears the holder or not, in every arrangement of six spans of 5 s.
    let takeOvers = 0;
    for (let pattern = 0; pattern < 64; pattern += 1) {
      const time = (clock = new HandClock());
      const away = () => (pattern >> Math.floor(time.monotonic() / 5_000)) % 2 === 1;
      store = memoryStore({
        clock,
        faults: (operation) => (operation === "beat" && away() ? "unavailable" : "ok"),
      });
      const first = await hold("a");
      const waiting = acquire(wanted("b", { waitAtMost: millis(60_000) }));
      let taken: Acquired | undefined;
      void waiting.then((answer) => (taken = answer));
      for (let passed = 0; passed < 60_000; passed += 500) {
        await clock.pass(500);
        expect(taken?.is === "held" && first.outlasts(millis(0)), `pattern ${pattern}`).toBe(false);
      }
      const answer = await waiting;
      if (answer.is === "held") takeOvers += 1;
      if (answer.is === "held") await answer.lease.release();
      await first.release();
      held.length = 0;
    }
    expect(takeOvers).toBeGreaterThan(0);
    expect(takeOvers).toBeLessThan(64);
  });
});
