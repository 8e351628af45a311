import { describe, expect, test } from "vitest";
import { fence, intentId } from "../../../core/units.ts";
import type { Labels, Service } from "../api/objects.ts";
import { operationsFor } from "./guarded.ts";

const BY = { fence: fence(7), intent: intentId("d1.4") };
const service = (selector: Labels, annotations?: Labels): Service => ({
  metadata: { name: "shop", ...(annotations === undefined ? {} : { annotations }) },
  spec: { selector },
});
/** From blue to another selector, or to the same. */
const change = (to: string) => ({
  field: "/spec/selector",
  before: { slot: "blue" },
  ...(to === "blue" ? {} : { after: { slot: to } }),
});
const EPOCH = "/metadata/annotations/teal.dev~1epoch";
const INTENT = "/metadata/annotations/teal.dev~1intent";

describe("the patch", () => {
  test("tests epoch and selector and replaces both as a whole", () => {
    expect(operationsFor(service({ slot: "blue" }, { "teal.dev/epoch": "6" }), change("green"), BY)).toEqual([
      { op: "test", path: EPOCH, value: "6" },
      { op: "test", path: "/spec/selector", value: { slot: "blue" } },
      { op: "add", path: EPOCH, value: "7" },
      { op: "add", path: INTENT, value: "d1.4" },
      { op: "add", path: "/spec/selector", value: { slot: "green" } },
    ]);
  });

  test("tests that there is no epoch yet", () => {
    const [first] = operationsFor(service({ slot: "blue" }, { other: "x" }), change("green"), BY);
    expect(first).toEqual({ op: "test", path: EPOCH, value: null });
  });

  test("makes the annotations of a Service that has none", () => {
    expect(operationsFor(service({ slot: "blue" }), change("green"), BY).slice(0, 2)).toEqual([
      { op: "test", path: "/metadata/annotations", value: null },
      { op: "add", path: "/metadata/annotations", value: {} },
    ]);
  });

  test("that changes no selector changes only the epoch", () => {
    expect(operationsFor(service({ slot: "blue" }, { "teal.dev/epoch": "7" }), change("blue"), BY)).toEqual([
      { op: "test", path: EPOCH, value: "7" },
      { op: "test", path: "/spec/selector", value: { slot: "blue" } },
      { op: "add", path: EPOCH, value: "7" },
    ]);
  });
});
