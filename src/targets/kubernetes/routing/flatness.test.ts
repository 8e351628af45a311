import { afterEach, expect, test, vi } from "vitest";
import { allTo } from "../../../core/routing.ts";
import { instant, version, type Slot } from "../../../core/units.ts";
import type { Requests, SlotWork } from "../pods/slot-work.ts";
import { Flatness } from "./flatness.ts";

afterEach(() => void vi.useRealTimers());

const NEVER = new AbortController().signal;

/** Looks at counters that the test sets, one second and more between two looks. */
function watching(counts = true) {
  vi.useFakeTimers({ toFake: ["performance"] });
  const now: Record<Slot, Record<string, number>> = { blue: { b1: 10 }, green: { g1: 0 } };
  const requests = (slot: Slot) => {
    const value: Requests = new Map(Object.entries(now[slot]));
    return Promise.resolve({ is: "seen", value, version: version(""), at: instant(0) } as const);
  };
  const work: SlotWork = { counts, requests, residual: () => Promise.reject(new Error("not asked for")) };
  const flat = new Flatness();
  return {
    now,
    look: async (after = 1_100) => {
      const seen = await flat.look(allTo("green"), work, NEVER);
      vi.advanceTimersByTime(after);
      return seen;
    },
  };
}

test("is shown when the previous slot begins nothing while the candidate does", async () => {
  const { now, look } = watching();
  expect((await look()).is).toBe("not shown");
  now.green = { g1: 37 };
  expect(await look()).toEqual({ is: "flat", detail: "blue began no request while green began 37" });
});

test("is not shown by silence on both sides", async () => {
  const { look } = watching();
  await look();
  expect(await look()).toMatchObject({ missing: expect.stringContaining("nothing was asked of green") });
});

test("starts anew with every request that the previous slot begins", async () => {
  const { now, look } = watching();
  await look();
  now.green = { g1: 5 };
  now.blue = { b1: 12 };
  expect(await look()).toMatchObject({ missing: expect.stringContaining("blue began 2 more") });
  now.green = { g1: 6 };
  expect((await look()).is).toBe("flat");
});

test("remembers what it saw while the previous slot is quiet for a moment", async () => {
  const { now, look } = watching();
  await look(50);
  now.blue = { b1: 12 };
  await look(50);
  expect(await look(50)).toMatchObject({ missing: expect.stringContaining("blue began 2 more") });
});

test("counts a pod of the previous slot that started again from nothing", async () => {
  const { now, look } = watching();
  await look();
  now.green = { g1: 5 };
  now.blue = { b1: 10, "b1.1": 3 };
  expect(await look()).toMatchObject({ missing: expect.stringContaining("blue began 3 more") });
});

test("needs a counter", async () => {
  expect(await watching(false).look()).toMatchObject({ missing: expect.stringContaining("not declared") });
});
