import { expect, it } from "vitest";
import type { SlotState } from "../observed.ts";
import { revertPlan } from "../planning/revert.ts";
import { decide } from "./decide.ts";
import {
  allTo,
  both,
  factsOf,
  goingBack,
  intent,
  outcome,
  planOf,
  short,
  slot,
  V1,
  V2,
  V3,
} from "./test-support.ts";

/* Going back to a slot that was edited by hand: its target refuses to make it what it was, and it serves. */

const PLAN = planOf();
const CALL = {
  call: "ensure",
  slot: "blue",
  want: { revision: V1, replicas: 2, checks: PLAN.request.checks },
} as const;
const REFUSED = { cause: { code: "TEAL-L1", message: "it must be empty first" } };

/** After a refusal of the way back's first write, with blue as it is now. */
function refusedWith(blue: SlotState, more: object = {}): string {
  const observed = both(allTo("green"), slot("green", V2, 2), slot("blue", V3, 2));
  const at = goingBack(
    PLAN,
    "bake-green",
    revertPlan({ plan: PLAN, observed }),
    intent("back-ensure-blue", CALL, { dir: "back" }),
    outcome("back-ensure-blue", "rejected", { ...REFUSED, ...more }),
  );
  return short(decide(at, factsOf({ observed: both(allTo("green"), slot("green", V2, 2), blue) })));
}

it("goes on at once where something else is ready there: users wait for no deadline", () => {
  expect(refusedWith(slot("blue", V3, 2))).toBe("inconclusive next");
});

it("tries again where nobody could take the users, where the revision is the same, or the target is busy", () => {
  expect(refusedWith(slot("blue", V3, 2, "unready"))).toBe("call ensure");
  expect(refusedWith(slot("blue", V1, 1))).toBe("call ensure");
  expect(refusedWith(slot("blue", V3, 2), { transient: true })).toBe("call ensure");
});
