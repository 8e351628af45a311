import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { allTo, NOBODY, shareOf } from "../../../core/routing.ts";
import { Route } from "./route.ts";

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "teal-route-"));
  file = join(folder, "route.json");
});
afterEach(() => rmSync(folder, { recursive: true }));

test("without a record nobody serves", () => {
  expect(new Route(file).weights).toEqual(NOBODY);
});

test("a shift is on disk when it is answered, and a restart reads it", () => {
  const route = new Route(file);
  expect(route.shift(allTo("green"), route.version, 3, "a")).toMatchObject({ is: "applied", version: "1" });
  expect(JSON.parse(readFileSync(file, "utf8"))).toEqual({
    weights: allTo("green"),
    fence: 3,
    version: 1,
    intent: "a",
  });
  const restarted = new Route(file);
  expect(restarted.weights).toEqual(allTo("green"));
  expect(restarted.shift(allTo("blue"), "any", 2, "b")).toEqual({ is: "fenced", by: 3 });
  expect(restarted.claim(2)).toEqual({ is: "fenced", by: 3 });
});

test("a claim refuses lower fences and changes no version", () => {
  const route = new Route(file);
  expect(route.claim(5)).toMatchObject({ is: "applied", seen: 5, version: "0" });
  expect(route.claim(5)).toMatchObject({ is: "unchanged" });
  expect(route.shift(allTo("blue"), "any", 4, "a")).toEqual({ is: "fenced", by: 5 });
  expect(route.shift(allTo("blue"), "0", 5, "a")).toMatchObject({ is: "applied" });
});

test("a shift decided on another version conflicts, a repeated one is unchanged", () => {
  const route = new Route(file);
  route.shift(allTo("blue"), "any", 1, "a");
  expect(route.shift(allTo("green"), "0", 1, "b")).toMatchObject({
    is: "conflict",
    version: "1",
    seen: { weights: allTo("blue") },
  });
  expect(route.shift(allTo("blue"), "0", 1, "a")).toMatchObject({ is: "unchanged", version: "1" });
  expect(route.shift(allTo("green"), "any", 1, "c")).toMatchObject({ is: "applied", version: "2" });
});

test("what it cannot route is rejected and changes nothing", () => {
  const route = new Route(file);
  expect(route.shift("pool", "any", 9, "a")).toMatchObject({ is: "rejected", code: "TEAL-E110" });
  for (const weights of [
    { blue: 60, green: 60 },
    { blue: -1, green: 101 },
    { blue: NaN, green: 0 },
  ]) {
    expect(route.shift(weights, "any", 9, "a")).toMatchObject({ is: "rejected" });
  }
  expect(route.fence).toBe(0);
  expect(route.shift(shareOf("green", 12.5), "any", 9, "a")).toMatchObject({ is: "applied" });
});

test.each([
  "",
  "{",
  "null",
  "[]",
  '{"weights":{"blue":100,"green":100},"fence":0,"version":1}',
  '{"weights":{"blue":100,"green":0}}',
])("a corrupt record %j is not guessed from", (content) => {
  writeFileSync(file, content);
  expect(() => new Route(file)).toThrow(/TEAL-E102 .*route\.json/);
  expect(readFileSync(file, "utf8")).toBe(content);
});

test("a record that cannot be written is neither followed nor answered", () => {
  const route = new Route(join(folder, "gone", "route.json"));
  expect(() => route.shift(allTo("blue"), "any", 1, "a")).toThrow();
  expect(route.weights).toEqual(NOBODY);
});

test("another process's record is followed when it changed", () => {
  const [mine, theirs] = [new Route(file), new Route(file)];
  theirs.shift(allTo("blue"), "any", 1, "a");
  expect(mine.weights).toEqual(NOBODY);
  mine.follow();
  expect(mine.weights).toEqual(allTo("blue"));
});
