import { describe, expect, it } from "vitest";
import { revertPlan } from "../planning/revert.ts";
import { instant, millis } from "../units.ts";
import { decide } from "./decide.ts";
import type { Facts } from "./moves.ts";
import { raised } from "./shift.ts";
import {
  NOW,
  UNREADABLE,
  V1,
  V2,
  allTo,
  atStep,
  both,
  codeOf,
  factsOf,
  goingBack,
  intent,
  judgement,
  next,
  outcome,
  planOf,
  replica,
  seen,
  shareOf,
  short,
  slot,
  slotOf,
} from "./test-support.ts";

const PLAN = planOf();
const SHIFT = atStep(PLAN, "shift-green-100");
const facts = (over: Partial<Facts> = {}) => factsOf({ observed: both(allTo("blue")), ...over });

describe("forward", () => {
  it("raises a weight for replicas that passed a short while ago", () => {
    expect(decide(SHIFT, facts())).toMatchObject({
      move: "call",
      call: { call: "shift", to: allTo("green") },
      expect: "1",
    });
    expect(short(decide(SHIFT, facts({ now: instant(NOW + 5_000) })))).toBe("call shift");
  });

  it("writes on no weights that are neither its own nor proven another's: a read may be late", () => {
    const strange = facts({
      observed: both(shareOf("green", 10)),
      fencing: "checked",
      settle: millis(6_000),
    });
    expect(short(decide(SHIFT, { ...strange, sinceWrite: millis(5_999) }))).toBe("look");
    expect(short(decide(SHIFT, { ...strange, sinceWrite: millis(6_000) }))).toBe("drift");
  });

  it("asks again when that was too long ago, or the clock jumped back behind it", () => {
    expect(short(decide(SHIFT, facts({ now: instant(NOW + 5_001) })))).toBe("checks green");
    expect(short(decide(SHIFT, facts({ now: instant(NOW - 1) })))).toBe("checks green");
  });

  it("asks again when a replica lives another life than the one that passed", () => {
    const reborn = slotOf("green", V2, [replica("green", 0), replica("green", 1, { incarnation: "1.2" })]);
    expect(short(decide(SHIFT, facts({ observed: both(allTo("blue"), reborn) })))).toBe("checks green");
  });

  it("journals what it found when asked again: whose incarnations, or why not", () => {
    const aged = { now: instant(NOW + 60_000) };
    expect(decide(SHIFT, facts({ ...aged, health: judgement("pass", ["0.2"]) }))).toMatchObject({
      event: { then: "note", passed: { slot: "green", incarnations: ["0.2"] } },
    });
    expect(short(decide(SHIFT, facts({ ...aged, health: judgement("fail") })))).toBe("fail back");
    expect(short(decide(SHIFT, facts({ ...aged, health: judgement("inconclusive") })))).toBe(
      "inconclusive hold",
    );
    expect(short(decide(SHIFT, facts({ ...aged, health: judgement("undecided") })))).toBe("checks green");
  });

  it("does not ask for ever: replicas that never stay proven end the step", () => {
    const aged = { now: instant(NOW + 60_000), health: judgement("pass", ["0.2"]) };
    const end = 60_000 + PLAN.request.checks.window.deadline;
    expect(short(decide(SHIFT, facts({ ...aged, elapsed: millis(end - 1) })))).toBe("pass note");
    const over = decide(SHIFT, facts({ ...aged, elapsed: millis(end) }));
    expect([short(over), codeOf(over)]).toEqual(["fail back", "TEAL-H105"]);
  });

  it("is content with as many proven replicas as the checks ask for", () => {
    const lenient = {
      ...PLAN,
      request: { ...PLAN.request, checks: { ...PLAN.request.checks, minHealthy: 2 } },
    };
    const three = slotOf("green", V2, [replica("green", 0), replica("green", 1), replica("green", 2)]);
    expect(
      short(decide(atStep(lenient, "shift-green-100"), facts({ observed: both(allTo("blue"), three) }))),
    ).toBe("call shift");
    expect(short(decide(SHIFT, facts({ observed: both(allTo("blue"), three) })))).toBe("checks green");
  });

  it("grows the candidate first when live has grown behind a long gate", () => {
    const grown = slot("blue", V1, 5);
    expect(
      decide(SHIFT, facts({ observed: both(allTo("blue"), slot("green", V2, 2), grown) })),
    ).toMatchObject({
      call: { call: "ensure", slot: "green", want: { replicas: 5, revision: V2 } },
    });
    const growing = slotOf("green", V2, [replica("green", 0), replica("green", 1)], { wanted: 5 });
    const waits = facts({ observed: both(allTo("blue"), growing, grown) });
    expect(short(decide(SHIFT, waits))).toBe("look");
    expect(codeOf(decide(SHIFT, { ...waits, elapsed: millis(60_000) }))).toBe("TEAL-H105");
  });

  it("counts no replica of another revision as ready", () => {
    const mixed = slotOf("green", V2, [replica("green", 0), replica("green", 1, { revision: V1 })]);
    expect(short(decide(SHIFT, facts({ observed: both(allTo("blue"), mixed) })))).toBe("look");
  });

  it("needs of the candidate its share of what live carries", () => {
    const canary = planOf("canary");
    const one = slotOf("green", V2, [replica("green", 0)]);
    const at = atStep(canary, "shift-green-10");
    expect(short(decide(at, facts({ observed: both(allTo("blue"), one) })))).toBe("call shift");
    const more = atStep(canary, "shift-green-100");
    expect(short(decide(more, facts({ observed: both(shareOf("green", 50), one) })))).toBe("call ensure");
  });

  it("takes hold of what must be pinned before it writes", () => {
    const lends = [{ slot: "blue", what: "autoscaler", original: "on" }] as const;
    const green = { ...slot("green", V2, 2), lends };
    expect(short(decide(SHIFT, facts({ observed: both(allTo("blue"), green) })))).toBe("borrowed");
    const held = atStep(PLAN, "shift-green-100", { kind: "borrowed", items: lends });
    expect(short(decide(held, facts({ observed: both(allTo("blue"), green) })))).toBe("call shift");
  });

  it("waits for a router that cannot be read, with an end", () => {
    const blind = facts({ observed: { ...both(allTo("blue")), routing: UNREADABLE } });
    expect(short(decide(SHIFT, blind))).toBe("look");
    expect(decide(SHIFT, { ...blind, elapsed: millis(5_000) })).toMatchObject({
      event: { hold: { for: "unreadable", otherwise: "revert" } },
    });
  });

  it("knows whose share grows; a slot that leaves a pool may get more", () => {
    expect(raised(allTo("blue"), shareOf("green", 10))).toEqual(["green"]);
    expect(raised(shareOf("green", 50), allTo("blue"))).toEqual(["blue"]);
    expect(raised(allTo("blue"), "pool")).toEqual(["green"]);
    expect(raised("pool", allTo("green"))).toEqual(["green"]);
    expect(raised("pool", "pool")).toEqual([]);
  });
});

describe("back", () => {
  const failing = both(allTo("green"));
  const steps = revertPlan({ plan: PLAN, observed: failing });
  const back = goingBack(PLAN, "bake-green", steps);
  const grow = goingBack(
    PLAN,
    "retire-blue",
    revertPlan({ plan: PLAN, observed: both(allTo("green"), slot("green", V2, 2), slot("blue", V1, 1)) }),
  );
  const withBlue = (
    ready: number,
    green = slot("green", V2, 2),
    weights: Parameters<typeof both>[0] = allTo("green"),
  ) => facts({ observed: both(weights, green, { ...slot("blue", V1, ready), wanted: 2 }) });

  it("moves everything to a destination that carries it, without asking anybody", () => {
    expect(decide(back, withBlue(2))).toMatchObject({ move: "call", call: { to: allTo("blue") } });
  });

  it("does not need the failing slot: it may be unreadable", () => {
    expect(
      decide(back, facts({ observed: { ...failing, slots: { ...failing.slots, green: UNREADABLE } } })),
    ).toMatchObject({ call: { to: allTo("blue") } });
  });

  it("moves what a small destination carries, the rest as it grows", () => {
    expect(decide(back, withBlue(1))).toMatchObject({ call: { to: shareOf("blue", 50) } });
    expect(short(decide(back, withBlue(1, slot("green", V2, 2), shareOf("blue", 50))))).toBe("look");
    expect(decide(back, withBlue(2, slot("green", V2, 2), shareOf("blue", 50)))).toMatchObject({
      call: { to: allTo("blue") },
    });
  });

  it("waits with it all where the router cannot divide", () => {
    expect(short(decide(back, { ...withBlue(1), modes: ["switch"] }))).toBe("look");
    expect(decide(back, { ...withBlue(2), modes: ["switch"] })).toMatchObject({
      call: { to: allTo("blue") },
    });
  });

  it("moves everything to a small destination when the candidate has nothing ready", () => {
    expect(decide(back, withBlue(1, slot("green", V2, 2, "crashLoop")))).toMatchObject({
      call: { to: allTo("blue") },
    });
  });

  it("leaves traffic where it is while nothing is ready, and asks a person in the end", () => {
    const neither = withBlue(0, slot("green", V2, 2, "crashLoop"));
    expect(short(decide(back, neither))).toBe("look");
    const over = decide(back, { ...neither, elapsed: millis(60_000 + 120_000) });
    expect([short(over), codeOf(over)]).toEqual(["inconclusive hold", "TEAL-B301"]);
    expect(over).toMatchObject({ event: { hold: { otherwise: "stop" } } });
  });

  it("writes to a router that cannot be read, after one call's time", () => {
    const blind = facts({ observed: { ...failing, routing: UNREADABLE } });
    expect(short(decide(back, blind))).toBe("look");
    expect(decide(back, { ...blind, elapsed: millis(5_000) })).toMatchObject({
      move: "call",
      expect: "any",
      call: { to: allTo("blue") },
    });
  });

  it("trusts an unreadable destination that was left alone; one it had touched only when nothing else is ready", () => {
    const unseen = (green = slot("green", V2, 2)) => {
      const all = both(allTo("green"), green);
      return facts({ observed: { ...all, slots: { ...all.slots, blue: UNREADABLE } } });
    };
    expect(short(decide(back, unseen()))).toBe("call shift");
    const touched = goingBack(
      PLAN,
      "warm-blue",
      steps,
      intent("retire-blue", { call: "retire", slot: "blue", keep: 0 }, { dir: "back" }),
      outcome("retire-blue"),
    );
    expect(touched.touched).toContain("blue");
    expect(short(decide(touched, unseen()))).toBe("look");
    expect(short(decide(touched, unseen(slot("green", V2, 2, "crashLoop"))))).toBe("call shift");
  });

  it("lets the destination grow again where a late write stopped it, also after the shift", () => {
    const stopped = facts({ observed: both(allTo("green"), slot("green", V2, 2), slot("blue", V1, 0)) });
    expect(decide(back, stopped)).toMatchObject({
      call: { call: "ensure", slot: "blue", want: { replicas: 2 } },
    });
    const proving = goingBack(PLAN, "bake-green", steps, next("back-shift-blue", "back"));
    const shrunk = facts({ observed: both(allTo("blue"), slot("green", V2, 2), slot("blue", V1, 1)) });
    expect(decide(proving, shrunk)).toMatchObject({
      call: { call: "ensure", slot: "blue", want: { replicas: 2 } },
    });
  });

  it("takes hold of a size before it repairs it, and moves traffic back without", () => {
    const proving = goingBack(PLAN, "bake-green", steps, next("back-shift-blue", "back"));
    const lends = [{ slot: "blue", what: "autoscaler", original: "on" }] as const;
    const shrunk = { ...slot("blue", V1, 1), lends };
    expect(
      short(decide(proving, facts({ observed: both(allTo("blue"), slot("green", V2, 2), shrunk) }))),
    ).toBe("borrowed");
    const lending = { ...slot("blue", V1, 2), lends };
    expect(
      short(decide(back, facts({ observed: both(allTo("green"), slot("green", V2, 2), lending) }))),
    ).toBe("call shift");
  });

  it("shuts a stop of its destination out before it moves anything, where a claim does that", () => {
    const stopping = atStep(
      PLAN,
      "retire-blue",
      intent("retire-blue", { call: "retire", slot: "blue", keep: 0 }),
      { kind: "asked", ask: "abort", by: "ann" },
      { kind: "replanned", dir: "back", steps, from: 0, because: "" },
    );
    expect(short(decide(stopping, withBlue(2)))).toBe("reclaim");
    expect(short(decide(stopping, { ...withBlue(2), fencing: "checked" }))).toBe("call shift");
    expect(short(decide(stopping, { ...withBlue(2), elapsed: millis(5_000) }))).toBe("call shift");
  });

  it("believes no read of a destination it stopped a moment ago, where reads may show the past", () => {
    const gone = goingBack(
      PLAN,
      "warm-blue",
      steps,
      intent("retire-blue", { call: "retire", slot: "blue", keep: 0 }, { dir: "back" }),
      outcome("retire-blue"),
    );
    const checked = { ...withBlue(2), fencing: "checked" as const };
    expect(short(decide(gone, { ...checked, sinceWrite: millis(4_999) }))).toBe("look");
    expect(short(decide(gone, { ...checked, sinceWrite: millis(5_000) }))).toBe("call shift");
    expect(short(decide(back, { ...checked, sinceWrite: millis(0) }))).toBe("call shift");
  });

  it("tells a destination that has shrunk to grow first, blindly where it cannot be read, and does not wait for it", () => {
    expect(decide(grow, withBlue(1, slot("green", V2, 2), allTo("green")))).toMatchObject({
      event: { then: "next" },
    });
    const small = facts({ observed: both(allTo("green"), slot("green", V2, 2), slot("blue", V1, 1)) });
    expect(decide(grow, small)).toMatchObject({
      call: { call: "ensure", slot: "blue", want: { replicas: 2 } },
    });
    const unseen = {
      ...small,
      observed: { ...small.observed, slots: { ...small.observed.slots, blue: UNREADABLE } },
    };
    expect(short(decide(grow, unseen))).toBe("look");
    expect(decide(grow, { ...unseen, elapsed: millis(5_000) })).toMatchObject({
      move: "call",
      expect: "any",
    });
    expect(short(decide(grow, { ...unseen, elapsed: millis(6_000), sinceWrite: millis(500) }))).toBe(
      "pass next",
    );
  });
});

describe("confirm", () => {
  const forward = atStep(PLAN, "confirm-green-100");
  const evidence = { strength: "counters", moved: true, detail: "40 answers" } as const;
  const moved = seen(evidence);
  const there = facts({ observed: both(allTo("green")) });

  it("needs evidence, and says how strong it is", () => {
    expect(short(decide(forward, there))).toBe("look");
    expect(short(decide(forward, { ...there, evidence: seen({ ...evidence, moved: false }) }))).toBe("look");
    const proven = decide(forward, { ...there, evidence: seen({ ...evidence, missing: "no identity" }) });
    expect(proven).toMatchObject({
      event: {
        then: "next",
        facts: {
          summary: "green 100 %, confirmed by 40 answers",
          detail: "evidence: counters; no stronger one: no identity",
        },
      },
    });
  });

  it("without any goes back forward, and asks a person going back", () => {
    const step = PLAN.steps.find((each) => each.id === "confirm-green-100");
    expect(codeOf(decide(forward, { ...there, elapsed: step?.deadline ?? millis(0) }))).toBe("TEAL-R101");
    expect(short(decide(forward, { ...there, elapsed: step?.deadline ?? millis(0) }))).toBe("fail back");
    const back = goingBack(PLAN, "bake-green", revertPlan({ plan: PLAN, observed: both(allTo("blue")) }));
    expect(short(decide(back, facts({ elapsed: millis(180_000) })))).toBe("inconclusive hold");
  });

  it("going back repairs what a write in transit undid, and is not done before that has settled", () => {
    const steps = revertPlan({ plan: PLAN, observed: both(allTo("blue")) });
    const open = goingBack(
      PLAN,
      "bake-green",
      steps,
      intent("late", { call: "shift", to: allTo("green") }, { dir: "back" }),
    );
    expect(short(decide(open, facts({ evidence: moved, observed: both(allTo("green")) })))).toBe("outcome");
    const lingering = atStep(
      PLAN,
      "shift-green-100",
      intent("shift-green-100", { call: "shift", to: allTo("green") }),
      { kind: "asked", ask: "abort", by: "ann" },
      { kind: "replanned", dir: "back", steps, from: 0, because: "" },
    );
    expect(short(decide(lingering, facts({ observed: both(allTo("green")) })))).toBe("call shift");
    expect(short(decide(lingering, facts({ evidence: moved })))).toBe("reclaim");
    expect(
      short(decide(lingering, facts({ evidence: moved, claimed: false, elapsed: millis(185_000) }))),
    ).toBe("inconclusive hold");
  });
});
