import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { distance, nearest } from "./nearest.ts";
import { worthHiding } from "./secrets.ts";
import { readDuration, readLatency, readShare, readSize, readStatusRange, readTimeOfDay } from "./units.ts";

describe("units", () => {
  test.each([
    [readDuration, "300ms", 300],
    [readDuration, "1.5m", 90_000],
    [readDuration, "2h", 7_200_000],
    [readDuration, "0s", 0],
    [readDuration, "597h", undefined],
    [readDuration, "5", undefined],
    [readDuration, "-5s", undefined],
    [readDuration, " 5s", undefined],
    [readSize, "512kB", 512_000],
    [readSize, "1.5MB", 1_500_000],
    [readSize, "10", undefined],
    [readShare, "1%", 0.01],
    [readShare, "1.1%", 0.011],
    [readShare, "100%", 1],
    [readShare, "101%", undefined],
    [readLatency, "< 300ms", 300],
    [readLatency, "<1s", 1_000],
    [readLatency, "> 1s", undefined],
    [readTimeOfDay, "08:30", 510],
    [readTimeOfDay, "24:00", undefined],
  ] as const)("%o of %s", (read, text, expected) => {
    expect(read(text)).toBe(expected);
  });

  test("status ranges", () => {
    expect(readStatusRange("204")).toEqual([204, 204]);
    expect(readStatusRange("200-299")).toEqual([200, 299]);
    expect(readStatusRange("299-200")).toBeUndefined();
    expect(readStatusRange("600")).toBeUndefined();
  });
});

describe("the nearest key", () => {
  test.each([
    ["comand", "command"],
    ["Command", "command"],
    ["relpicas", "replicas"],
    ["raedy", "ready"],
    ["x", undefined],
    ["colour", undefined],
  ])("of %s is %s", (word, expected) => {
    expect(nearest(word, ["command", "replicas", "ready", "health"])).toBe(expected);
  });

  test("distance is zero for itself only, the same both ways, and never more than the longer word", () => {
    const word = fc.string({ maxLength: 12 });
    fc.assert(
      fc.property(word, word, (a, b) => {
        expect(distance(a, b) === 0).toBe(a === b);
        expect(distance(a, b)).toBe(distance(b, a));
        expect(distance(a, b)).toBeLessThanOrEqual(Math.max(a.length, b.length));
      }),
    );
  });
});

test("what is worth hiding", () => {
  expect(worthHiding(["", "abc", "Production", "hunter2", "hunter2", "line one\nline two\n"])).toEqual([
    "hunter2",
    "line one\nline two",
  ]);
});
