import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Observed } from "../observed.ts";
import type { Step, StrategyKind } from "../plan.ts";
import { allTo, mayReceive, sameWeights } from "../routing.ts";
import { millis } from "../units.ts";
import { modelOf, toObserved, walk, type Model } from "./model.ts";
import { plan } from "./plan.ts";
import { revertPlan } from "./revert.ts";
import { ALL_MODES, anyInput, observed, planned, request, slot, UNREADABLE, V1, V2, V3 } from "./testing.ts";

const ids = (steps: readonly Step[]): readonly string[] => steps.map((step) => step.id);
const second = (): ReturnType<typeof millis> => millis(1000);

/** What the target looks like after the first `count` steps went well. */
function after(kind: StrategyKind, last: string): { given: ReturnType<typeof planned>; now: Observed } {
  const given = planned(request(kind));
  const count = given.steps.findIndex((step) => step.id === last) + 1;
  if (count === 0) throw new Error(`no step ${last} in ${ids(given.steps).join(", ")}`);
  const { after: model } = walk(modelOf(given.baseline), given.steps.slice(0, count), given.baseline, second);
  return { given, now: toObserved(model) };
}

describe("revertPlan", () => {
  it.each<[StrategyKind, string, readonly string[]]>([
    ["blueGreen", "probe-green", ["back-confirm-blue", "back-drain-green", "back-retire-green", "restore"]],
    [
      "blueGreen",
      "shift-green-100",
      ["back-shift-blue", "back-confirm-blue", "back-drain-green", "back-retire-green", "restore"],
    ],
    [
      "blueGreen",
      "warm-blue",
      ["back-shift-blue", "back-confirm-blue", "back-drain-green", "back-retire-green", "restore"],
    ],
    [
      "blueGreen",
      "retire-blue",
      [
        "back-ensure-blue",
        "back-shift-blue",
        "back-confirm-blue",
        "back-drain-green",
        "back-retire-green",
        "restore",
      ],
    ],
    [
      "canary",
      "confirm-green-10",
      ["back-shift-blue", "back-confirm-blue", "back-drain-green", "back-retire-green", "restore"],
    ],
    [
      "rolling",
      "retire-blue-3of5",
      [
        "back-ensure-blue",
        "back-shift-blue",
        "back-confirm-blue",
        "back-drain-green",
        "back-retire-green",
        "restore",
      ],
    ],
    ["recreate", "retire-blue", ["back-ensure-blue", "back-shift-blue", "back-confirm-blue", "restore"]],
    [
      "recreate",
      "bake-green",
      [
        "back-ensure-blue",
        "back-shift-blue",
        "back-confirm-blue",
        "back-drain-green",
        "back-retire-green",
        "restore",
      ],
    ],
  ])("%s after %s", (kind, last, expected) => {
    const { given, now } = after(kind, last);
    expect(ids(revertPlan({ plan: given, observed: now }))).toEqual(expected);
  });

  it("shifts first when neither router nor slots can be read", () => {
    const given = planned(request("blueGreen"));
    const nothing = { routing: UNREADABLE, slots: { blue: UNREADABLE, green: UNREADABLE } };
    const back = ["back-shift-blue", "back-confirm-blue", "back-drain-green", "back-retire-green", "restore"];
    expect(ids(revertPlan({ plan: given, observed: nothing }))).toEqual(back);
    expect(ids(revertPlan({ plan: given, observed: nothing, touched: ["green"] }))).toEqual(back);
    // Where this deployment has retired blue already, nothing may be sent there before it was told to grow.
    const steps = revertPlan({ plan: given, observed: nothing, touched: ["green", "blue"] });
    expect(ids(steps)).toEqual([
      "back-ensure-blue",
      "back-shift-blue",
      "back-confirm-blue",
      "back-drain-green",
      "back-retire-green",
      "restore",
    ]);
    expect(steps[0]).toMatchObject({
      do: "ensure",
      wait: false,
      size: { rule: "fixed", replicas: 5 },
      revision: V1,
    });
    expect(steps[1]).toMatchObject({ do: "shift", to: { blue: 100, green: 0 }, rule: "readyShare" });
  });

  it("starts with the shift when the router cannot be read and the slot to go back to is whole", () => {
    const given = planned(request("blueGreen"));
    const { slots } = observed(
      { blue: 100, green: 0 },
      slot("blue", V1, 5),
      slot("green", V2, 5, "crashLoop"),
    );
    expect(ids(revertPlan({ plan: given, observed: { routing: UNREADABLE, slots } }))[0]).toBe(
      "back-shift-blue",
    );
  });

  it("does not shrink a slot that someone has scaled up meanwhile", () => {
    const given = planned(request("blueGreen"));
    const now = observed({ blue: 0, green: 100 }, slot("blue", V1, 9), slot("green", V2, 9));
    expect(ids(revertPlan({ plan: given, observed: now }))[0]).toBe("back-shift-blue");
  });

  it("leaves a leftover alone that it never came to clear", () => {
    const before = observed({ blue: 100, green: 0 }, slot("blue", V1, 5), slot("green", V3, 2));
    const given = planned(request("blueGreen"), before);
    expect(ids(revertPlan({ plan: given, observed: before }))).toEqual(["back-confirm-blue", "restore"]);
  });

  describe("where nobody served before", () => {
    const first = planned(request("blueGreen"), observed({ blue: 0, green: 0 }));
    it("stops a candidate without traffic", () => {
      const now = observed({ blue: 0, green: 0 }, slot("blue", V2, 2, "unready"));
      expect(ids(revertPlan({ plan: first, observed: now }))).toEqual([
        "back-drain-blue",
        "back-retire-blue",
        "restore",
      ]);
    });
    it.each(["ready", "crashLoop"] as const)("leaves traffic on a candidate that is %s", (phase) => {
      const now = observed({ blue: 100, green: 0 }, slot("blue", V2, 2, phase));
      expect(ids(revertPlan({ plan: first, observed: now }))).toEqual(["restore"]);
    });
    it("touches nothing when the router cannot be read", () => {
      const now = { ...observed("pool", slot("blue", V2, 2)), routing: UNREADABLE };
      expect(ids(revertPlan({ plan: first, observed: now }))).toEqual(["restore"]);
    });
  });

  it("from any moment of any plan: traffic is back, the candidate gone, nothing waited for before the shift", () => {
    let looked = 0;
    fc.assert(
      fc.property(anyInput, fc.nat(), fc.boolean(), (input, at, blind) => {
        const answer = plan({ ...input, router: ALL_MODES });
        if (answer.is !== "plan") return;
        const given = answer.plan;
        const { serving } = given.baseline;
        if (serving === "nobody" || serving === given.candidate.slot) return;
        looked += 1;
        const { after: model } = walk(
          modelOf(given.baseline),
          given.steps.slice(0, at % (given.steps.length + 1)),
          given.baseline,
          second,
        );
        const now = toObserved(model);
        const steps = revertPlan({ plan: given, observed: blind ? { ...now, routing: UNREADABLE } : now });
        expectSafe(steps, model);
        const { after: end } = walk(model, steps, given.baseline, second);
        if (blind || !sameWeights(model.weights, allTo(serving)))
          expect(ids(steps)).toContain(`back-shift-${serving}`);
        expect(end.weights).toEqual(allTo(serving));
        const known = given.baseline.slots[serving].revision !== undefined;
        if (known)
          expect(end.slots[serving].wanted).toBeGreaterThanOrEqual(given.baseline.slots[serving].wanted);
        const { slot: candidate, revision } = given.candidate;
        if (end.slots[candidate].revision === revision) expect(end.slots[candidate].wanted).toBe(0);
      }),
      { numRuns: 3000 },
    );
    expect(looked).toBeGreaterThan(150);
  });

  it("needs of the plan only its baseline, candidate and request", () => {
    const { given, now } = after("rolling", "shift-green-40");
    const bare = { ...given, digest: "", guards: [] };
    expect(revertPlan({ plan: bare, observed: now })).toEqual(revertPlan({ plan: given, observed: now }));
  });

  it("keeps whatever serves: the other slot is only emptied once it has no traffic", () => {
    const { given, now } = after("blueGreen", "bake-green");
    const steps = revertPlan({ plan: given, observed: now });
    expect(steps.findIndex((step) => step.do === "confirm")).toBeLessThan(
      steps.findIndex((step) => step.do === "drain"),
    );
    expect(steps.find((step) => step.do === "confirm")?.otherwise).toBe("stop");
  });
});

function expectSafe(steps: readonly Step[], model: Model): void {
  let { weights } = model;
  let shifted = !steps.some((step) => step.do === "shift");
  let confirmed = false;
  for (const step of steps) {
    expect(step.otherwise).not.toBe("revert");
    if (!shifted) expect(step.do === "shift" || (step.do === "ensure" && step.wait === false)).toBe(true);
    if (step.do === "shift") {
      weights = step.to;
      shifted = true;
    }
    if (step.do === "confirm") confirmed = true;
    if (step.do === "retire") expect(confirmed && !mayReceive(weights, step.slot)).toBe(true);
  }
  expect(new Set(ids(steps)).size).toBe(steps.length);
  expect(steps.at(-1)?.do).toBe("restore");
}
