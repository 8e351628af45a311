import { describe, expect, it } from "vitest";
import { revertPlan } from "../planning/revert.ts";
import { instant, millis, type Revision } from "../units.ts";
import { decide } from "./decide.ts";
import type { Facts } from "./moves.ts";
import {
  NOW,
  allTo,
  atStep,
  both,
  factsOf,
  goingBack,
  intent,
  next,
  planOf,
  replica,
  short,
  slotOf,
  turned,
} from "./test-support.ts";

/** What the simulation found: each of these let a promise be broken, in a run it can still repeat. */

const PLAN = planOf();
const V1: Revision = { id: "v1", config: "c1" };
const FOREIGN: Revision = { id: "somebody-elses", config: "c1" };
const facts = (over: Partial<Facts> = {}) => factsOf({ observed: both(allTo("blue")), ...over });
const steps = revertPlan({ plan: PLAN, observed: both(allTo("green")) });
const toRetire = steps
  .filter(({ do: what }) => what !== "retire" && what !== "restore")
  .map(({ id }) => next(id, "back"));

describe("going back", () => {
  const retire = intent("back-retire-green", { call: "retire", slot: "green", keep: 0 }, { dir: "back" });

  it("does not stop what somebody gave the traffic meanwhile, though that was journaled before", () => {
    const begun = goingBack(PLAN, "bake-green", steps, ...toRetire, retire);
    expect(decide(begun, facts())).toMatchObject({ move: "perform" });
    expect(decide(begun, facts({ observed: both(allTo("green")) }))).toMatchObject({
      event: { kind: "outcome", result: "rejected", found: true },
    });
  });

  it("takes the traffic back once more when somebody moved it after it was proven to be back", () => {
    const at = goingBack(PLAN, "bake-green", steps, ...toRetire);
    const move = decide(at, facts({ observed: both(allTo("green")) }));
    expect(move).toMatchObject({
      event: { kind: "replanned", dir: "back", from: steps.findIndex(({ do: what }) => what === "shift") },
    });
  });

  it("lets a person decide when that never ends", () => {
    const again = { kind: "replanned", dir: "back", steps, from: 0, because: "test" } as const;
    const often = goingBack(
      PLAN,
      "bake-green",
      steps,
      ...Array.from({ length: 5 }, () => again),
      ...toRetire,
    );
    expect(short(decide(often, facts({ observed: both(allTo("green")), elapsed: millis(30_000) })))).toBe(
      "inconclusive hold",
    );
  });

  it("takes no read for a change that may still show the past", () => {
    const at = goingBack(PLAN, "bake-green", steps, ...toRetire);
    const stale = { observed: both(allTo("green")), fencing: "checked", sinceWrite: millis(100) } as const;
    expect(short(decide(at, facts(stale)))).toBe("look");
  });

  it("asks no router to divide that cannot", () => {
    const half = slotOf("blue", V1, [replica("blue", 0), replica("blue", 1, { phase: "starting" })]);
    const observed = {
      ...both(allTo("green")),
      slots: {
        ...both(allTo("green")).slots,
        blue: { is: "seen", value: half, version: "1" as never, at: NOW } as const,
      },
    };
    const at = goingBack(PLAN, "bake-green", steps);
    expect(decide(at, facts({ observed }))).toMatchObject({
      call: { call: "shift", to: { blue: 50, green: 50 } },
    });
    expect(short(decide(at, facts({ observed, modes: ["switch"] })))).toBe("look");
  });
});

describe("going forward", () => {
  const shift = atStep(PLAN, "shift-green-100");

  it("asks the checks again when another process passed them, whatever the wall clock says", () => {
    expect(short(decide(shift, facts({ passedAgo: {} })))).toBe("checks green");
    expect(
      short(decide(shift, facts({ passedAgo: { green: millis(5_000) }, now: instant(NOW + 60_000) }))),
    ).toBe("call shift");
  });

  it("gives no traffic and no replicas to what somebody else put there", () => {
    const other = slotOf("green", FOREIGN, [replica("green", 0), replica("green", 1)]);
    // Reads may be old, so drift is not yet judged; nothing is done on them either.
    const stale = { fencing: "checked", sinceWrite: millis(100) } as const;
    expect(short(decide(shift, facts({ observed: both(allTo("blue"), other), ...stale })))).toBe("look");
    const smaller = slotOf("green", FOREIGN, [replica("green", 0)]);
    expect(short(decide(shift, facts({ observed: both(allTo("blue"), smaller), ...stale })))).toBe("look");
  });
});

describe("a wait that comes and goes", () => {
  it("lasts until its deadline in the end", () => {
    const hold = {
      kind: "verdict",
      dir: "forward",
      of: "bake-green",
      result: "inconclusive",
      then: "hold",
      facts: { summary: "alike" },
      hold: { for: "unreadable", until: instant(NOW + 600_000), otherwise: "stop" },
    } as const;
    const again = {
      kind: "verdict",
      dir: "forward",
      of: "bake-green",
      result: "pass",
      then: "again",
      facts: { summary: "goes on" },
    } as const;
    const fluttered = (times: number) =>
      atStep(PLAN, "bake-green", ...Array.from({ length: times }, () => [hold, again]).flat(), hold);
    const readable = facts({ observed: both(allTo("green")) });
    expect(short(decide(fluttered(9), readable))).toBe("pass again");
    expect(short(decide(fluttered(10), readable))).toBe("rest");
  });
});

it("turning back from it forgets the count: the way back has waits of its own", () => {
  const back = goingBack(PLAN, "bake-green", steps);
  expect(back.agains).toBe(0);
  expect(atStep(PLAN, "bake-green", turned).agains).toBe(0);
});
