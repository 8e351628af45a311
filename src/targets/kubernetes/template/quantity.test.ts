import { expect, test } from "vitest";
import { normalQuantity } from "./quantity.ts";

test.each([
  [["1", 1, "1000m", "1.0", "1e0", "+1", "1000000u", "0.001k"]],
  [["0.5", 0.5, ".5", "500m"]],
  [["1Gi", "1024Mi", "1048576Ki", "1073741824", 1_073_741_824, "1.0Gi"]],
  [["1G", "1e9", "1E9", "1000M", "1000000000"]],
  [["1.5Gi", "1536Mi"]],
  [["-1", "-1000m"]],
])("%j are one amount", (texts) => {
  expect(new Set(texts.map(normalQuantity)).size).toBe(1);
});

test("different amounts stay different", () => {
  const texts = ["1", "1m", "1Ki", "1k", "1M", "1Mi", "10", "1e1k", "1n", "0", "-1", "1E", "1Ei"];
  expect(new Set(texts.map(normalQuantity)).size).toBe(texts.length);
});

test.each([["much"], ["1Qi"], [""], ["."], [null], [true], ["1 Gi"], ["1e9999"]])(
  "%j is no amount and stays",
  (value) => {
    expect(normalQuantity(value)).toBe(value);
  },
);
