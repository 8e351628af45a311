import { expect, test } from "vitest";
import { worldClock } from "../clock.ts";
import { Timeline, type WorldClock } from "../kernel.ts";
import { pageByKey } from "../pagination.ts";
import { claimAddresses } from "./addresses.ts";
import { seededChance } from "./chance.ts";

test("the clock runs as fast as it is told; timers come in order, never early, and not after they were cancelled", async () => {
  const clock = worldClock(1_000);
  const began = clock.now();
  const order: string[] = [];
  const early: number[] = [];
  const note = (name: string, due: number) => () => {
    order.push(name);
    if (clock.now() < began + due) early.push(due);
  };
  clock.after(20_000, note("second", 20_000));
  clock.after(10_000, note("first", 10_000));
  clock.after(15_000, note("never", 15_000)).cancel();
  await clock.sleep(40_000);
  expect(order).toEqual(["first", "second"]);
  expect(early).toEqual([]);
  expect(clock.now() - began).toBeGreaterThanOrEqual(40_000);
  clock.stop();
});

test("a clock that stops runs nothing more and wakes whoever sleeps", async () => {
  const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;
  // The test runner has timers too; they come and go.
  const before = timers();
  const clock = worldClock();
  let ran = false;
  clock.after(1, () => (ran = true));
  const slept = clock.sleep(3_600_000);
  clock.stop();
  await slept;
  await clock.sleep(3_600_000);
  clock.after(0, () => (ran = true));
  await new Promise((resolve) => setTimeout(resolve, 5));
  await new Promise((resolve) => setImmediate(resolve));
  expect(ran).toBe(false);
  expect(timers()).toBeLessThanOrEqual(before);
  expect(() => worldClock(0)).toThrow("greater than 0");
});

test("chances repeat, do not depend on who else asks, and are spread evenly", () => {
  const draw = (of: { next(): number }, n = 5) => Array.from({ length: n }, () => of.next());
  const one = seededChance(1);
  const branch = draw(one.fork("a"));
  draw(one, 3);
  expect(draw(seededChance(1).fork("a"))).toEqual(branch);
  expect(draw(seededChance(1).fork("b"))).not.toEqual(branch);
  expect(draw(seededChance(2).fork("a"))).not.toEqual(branch);
  const tenths = Array.from({ length: 10 }, () => 0);
  for (const x of draw(seededChance(3), 10_000)) tenths[Math.floor(x * 10)]! += 1;
  expect(Math.min(...tenths)).toBeGreaterThan(850);
  expect(Math.max(...tenths)).toBeLessThan(1_150);
});

test("worlds have addresses of their own, each given once, and give their blocks back", async () => {
  const all = await Promise.all([claimAddresses(), claimAddresses(), claimAddresses()]);
  const given = all.flatMap((addresses) => Array.from({ length: 600 }, () => addresses.next()));
  expect(new Set(given).size).toBe(1_800);
  expect(
    given.filter((address) => !/^127\.\d+\.\d+\.([1-9]|\d\d|1\d\d|2[0-4]\d|25[0-4])$/.test(address)),
  ).toEqual([]);
  const blocks = new Set(given.map((address) => address.split(".")[1]));
  expect(blocks.size).toBe(3);
  await Promise.all(all.map((addresses) => addresses.release()));
  // A claim that found its place taken is closed a turn later.
  await new Promise((resolve) => setImmediate(resolve));
  expect(process.getActiveResourcesInfo()).not.toContain("TCPServerWrap");
});

test("a timeline answers what was true at an instant", () => {
  let now = 0;
  const clock = { now: () => now } as WorldClock;
  const line = new Timeline(clock, "a");
  now = 1_000;
  line.set("b");
  now = 2_000;
  line.set("c");
  expect([-5, 999, 1_000, 1_999, 2_000, 9_999].map((at) => line.seen(at))).toEqual([
    "a",
    "a",
    "b",
    "b",
    "c",
    "c",
  ]);
  expect(line.now).toBe("c");
  now = 3_600_000;
  line.set("d");
  expect(line.seen(3_599_999)).toBe("c");
});

test("pages neither repeat nor hide what others did not touch", () => {
  const keys = ["d", "a", "c", "e", "b"];
  const page = (items: readonly string[], token?: string) =>
    pageByKey(items, { key: (item) => item, token, size: 2, invalid: "InvalidToken" });
  const first = page(keys);
  expect(first.items).toEqual(["a", "b"]);
  // The last one of the first page goes away, another comes before it.
  const second = page(["aa", "a", "c", "d", "e"], first.next);
  expect(second.items).toEqual(["c", "d"]);
  const third = page(keys, second.next);
  expect(third).toEqual({ items: ["e"], next: undefined });
  expect(() => page(keys, "made-up")).toThrow("The token is invalid.");
});
