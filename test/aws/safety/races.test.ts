import { expect, test } from "vitest";
import { raceAll } from "./race-count.ts";

test("exactly one of two runners opens, holds the lease and shifts; an expired holder changes nothing for good", async () => {
  const { refused = 0, before = 0, after = 0, repaired } = await raceAll(60);
  expect(refused + before + after).toBe(20);
  expect(after).toBeGreaterThan(0);
  expect(repaired).toBe(after);
});
