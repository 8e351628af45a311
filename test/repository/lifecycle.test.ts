import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { initial } from "../../src/core/transition.ts";
import { arrows, PAGE, withDiagrams } from "../../tools/lifecycle.ts";
import { nodeOf } from "../../tools/lifecycle/explore.ts";

test("docs/lifecycle.md is what node tools/lifecycle.ts writes", () => {
  const page = readFileSync(PAGE, "utf8");
  expect(page === withDiagrams(page), "run node tools/lifecycle.ts").toBe(true);
});

test("a page without its markers is refused by name", () => {
  expect(() => withDiagrams("# The life of a deployment\n")).toThrow("generated:states");
});

describe("the diagram", () => {
  const all = arrows();
  const from = (node: string) => all.filter((arrow) => arrow.from === node);

  test("begins where a deployment begins", () => {
    expect(nodeOf(initial().state)).toBe("forward");
    expect(from("forward").map(({ to }) => to)).toEqual(["waiting", "warm", "back", "finished"]);
  });

  test("has an end that nothing leaves and that everything can reach", () => {
    expect(from("finished")).toEqual([]);
    const starts = [...new Set(all.map((arrow) => arrow.from))];
    expect(starts.filter((node) => !from(node).some(({ to }) => to === "finished"))).toEqual([]);
  });

  test("leads from nowhere on the way back to anywhere forward", () => {
    expect(all.filter((arrow) => /back/i.test(arrow.from) && !/back|finished/i.test(arrow.to))).toEqual([]);
  });

  test("marks everything that turns back, and nothing else, as gone after the point of no return", () => {
    const marked = all.filter(({ labels }) => labels.some((label) => label.endsWith("†")));
    expect(marked.map((arrow) => [arrow.from, arrow.to])).toEqual([
      ["forward", "back"],
      ["waiting", "back"],
      ["warm", "back"],
    ]);
    expect(marked.every(({ labels }) => labels.every((label) => label.endsWith("†")))).toBe(true);
  });
});
