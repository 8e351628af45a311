import { describe, expect, it } from "vitest";
import { NOW, atStep, planOf } from "../core/deciding/test-support.ts";
import { millis } from "../core/units.ts";
import { allowedActions, overdueOf } from "./status.ts";

const KEEP = { keepWarm: millis(1_000) };
const PLAN = planOf("blueGreen", {
  ...KEEP,
  gates: [{ gate: "approval", timeout: millis(1_000), otherwise: "revert" }],
});
const hold = (of: string, reason: "gate" | "operator", otherwise: "proceed" | "revert") =>
  ({
    kind: "verdict",
    dir: "forward",
    of,
    result: "inconclusive",
    then: "hold",
    facts: { summary: "" },
    hold: { for: reason, until: (NOW + 1_000) as typeof NOW, otherwise },
  }) as const;
const STARTING = atStep(PLAN, "ensure-green");
const AT_GATE = atStep(PLAN, "gate-1-approval", hold("gate-1-approval", "gate", "revert"));
const WARM = atStep(PLAN, "warm-blue", hold("warm-blue", "operator", "proceed"));

describe("what is overdue", () => {
  it("is a wait beyond its deadline, with what happens then", () => {
    expect(overdueOf(AT_GATE, NOW + 999, false)).toBeUndefined();
    expect(overdueOf(AT_GATE, NOW + 1_000, false)).toBe("the wait for gate is over: revert");
    expect(overdueOf(WARM, NOW + 1_000, false)).toBe("the previous slot was to be retired");
  });

  it("is a step that nobody advances, or that takes longer than its deadline and a call", () => {
    expect(overdueOf(STARTING, NOW, false)).toBe("nobody advances step ensure-green");
    expect(overdueOf(STARTING, NOW + 125_000, true)).toBeUndefined();
    expect(overdueOf(STARTING, NOW + 130_000, true)).toBe(
      "step ensure-green was to be over 10 s ago: v2 to start on green",
    );
  });
});

describe("what is allowed", () => {
  it("depends on the state, on who advances it and on whether there is a way back", () => {
    expect(allowedActions(STARTING, true)).toEqual(["abort", "rollback"]);
    expect(allowedActions(STARTING, false)).toEqual(["abort", "rollback", "resume"]);
    expect(allowedActions(AT_GATE, false)).toEqual(["promote", "abort", "rollback", "resume"]);
    expect(allowedActions(WARM, false)).toEqual(["promote", "rollback"]);
    const beyond = { ...STARTING, course: { ...STARTING.course, pastNoReturn: true } };
    expect(allowedActions(beyond, false)).toEqual(["resume"]);
  });
});
