import { expect, it } from "vitest";
import { compareVersions } from "./resource-version.ts";

it.each([
  ["9", "10", "older"],
  ["10", "9", "newer"],
  ["42", "42", "equal"],
  ["99999999999999999999998", "99999999999999999999999", "older"],
  ["0", "1", "unknown"],
  ["01", "1", "unknown"],
  ["a7", "a8", "unknown"],
  ["", "1", "unknown"],
  [undefined, "1", "unknown"],
])("%s and %s: %s", (one, other, expected) => {
  const order = compareVersions(one, other);
  const said = order === undefined ? "unknown" : order < 0 ? "older" : order > 0 ? "newer" : "equal";
  expect(said).toBe(expected);
});
