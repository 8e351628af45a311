import { describe, expect, it } from "vitest";
import type { HistoryRow } from "../core/journal.ts";
import type { Revision } from "../core/units.ts";
import { wasReverted } from "./planning.ts";

const V1: Revision = { id: "v1", config: "a" };
const V2: Revision = { id: "v2", config: "b" };

function row({ id, config }: Revision, outcome: HistoryRow["outcome"], more: Partial<HistoryRow> = {}) {
  return { revision: id, config, outcome, durations: { "shift-1-green": 5 }, ...more } as HistoryRow;
}

describe("a revision is not deployed again unasked", () => {
  const because = (code: string) => ({ cause: { code, message: "" } });

  it("after a verdict against it, once users had reached it", () => {
    expect(wasReverted([row(V2, "reverted", because("TEAL-B201"))], V2)).toBe(true);
    expect(wasReverted([row(V2, "reverted", { ...because("TEAL-H101"), durations: {} })], V2)).toBe(false);
    expect(wasReverted([row(V2, "reverted", because("TEAL-P999"))], V2)).toBe(false);
  });

  it("after somebody went back from it, while it was warm or later", () => {
    const warm = row(V2, "reverted", { leaves: V2 });
    const later = [row(V1, "done", { leaves: V2 }), row(V2, "done")];
    expect(wasReverted([warm], V2)).toBe(true);
    expect(wasReverted(later, V2)).toBe(true);
    expect(wasReverted(later, V1)).toBe(false);
    expect(wasReverted(later, { ...V2, config: "fixed" })).toBe(false);
  });

  it("is forgotten once it was deployed all the same", () => {
    expect(wasReverted([row(V2, "done"), row(V1, "done", { leaves: V2 })], V2)).toBe(false);
  });

  it("remembers nothing of an abort", () => {
    expect(wasReverted([row(V2, "reverted")], V2)).toBe(false);
  });
});
