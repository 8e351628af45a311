import { describe, expect, it } from "vitest";
import { revertPlan } from "../planning/revert.ts";
import type { Weights } from "../routing.ts";
import { instant, millis } from "../units.ts";
import { isOpen } from "./bake.ts";
import { decide } from "./decide.ts";
import type { Facts } from "./moves.ts";
import {
  NOBODY,
  NOW,
  UNREADABLE,
  V1,
  V2,
  V3,
  after,
  allTo,
  atStep,
  blueServes,
  both,
  claimed,
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
  short,
  slot,
  slotOf,
} from "./test-support.ts";

const PLAN = planOf();
const facts = (over: Partial<Facts> = {}) => factsOf({ observed: both(allTo("blue")), ...over });
const START = after(PLAN, claimed());
const want = (replicas = 2) =>
  ({ call: "ensure", slot: "green", want: { revision: V2, replicas, checks: PLAN.request.checks } }) as const;
const told = after(PLAN, claimed(), intent("ensure-green", want()), outcome("ensure-green"));

describe("ensure", () => {
  it("tells the slot to run the candidate at live's size of this moment", () => {
    expect(decide(START, factsOf())).toMatchObject({
      move: "call",
      step: "ensure-green",
      expect: "1",
      call: want(2),
    });
    expect(
      decide(START, factsOf({ observed: both(allTo("blue"), slot("green"), slot("blue", V1, 4)) })),
    ).toMatchObject({ call: want(4) });
  });

  it("waits until all are ready and the provider is done, then goes on", () => {
    expect(
      short(decide(told, facts({ observed: both(allTo("blue"), slot("green", V2, 2, "starting")) }))),
    ).toBe("look");
    expect(
      short(
        decide(told, facts({ observed: both(allTo("blue"), { ...slot("green", V2, 2), settled: false }) })),
      ),
    ).toBe("look");
    expect(short(decide(told, facts()))).toBe("pass next");
  });

  it("counts no replica of another revision", () => {
    const mixed = slotOf("green", V2, [replica("green", 0), replica("green", 1, { revision: V1 })]);
    expect(short(decide(told, facts({ observed: both(allTo("blue"), mixed) })))).toBe("look");
  });

  it("gives replicas up that are not ready in time, and crashed ones at once", () => {
    const starting = both(allTo("blue"), slot("green", V2, 2, "starting"));
    const over = decide(told, facts({ observed: starting, elapsed: millis(120_000) }));
    expect([short(over), codeOf(over)]).toEqual(["fail back", "TEAL-H106"]);
    const dead = slotOf("green", V2, [
      replica("green", 0),
      replica("green", 1, { phase: "exited", exit: { code: 1, signal: null, at: NOW } }),
    ]);
    const crashed = decide(told, facts({ observed: both(allTo("blue"), dead) }));
    expect([short(crashed), codeOf(crashed)]).toEqual(["fail back", "TEAL-H103"]);
  });

  it("does not take back what grew by itself, whatever the rule of its size is", () => {
    expect(short(decide(told, facts({ observed: both(allTo("blue"), slot("green", V2, 4)) })))).toBe(
      "pass next",
    );
    const rolling = planOf("rolling", { batch: 1 });
    const begun = after(rolling, claimed(), intent("ensure-green", want(1)), outcome("ensure-green"));
    const grown = facts({ observed: both(allTo("blue"), slot("green", V2, 2)) });
    expect(short(decide(begun, grown))).toBe("pass next");
  });

  it("gives up at once what the provider is sure will not get ready by itself, with its cause and evidence", () => {
    const cause = { code: "TEAL-K204", message: "image x cannot be pulled", evidence: ["event Failed: x"] };
    const stuck = { ...slot("green", V2, 2, "starting"), stuck: { cause, sure: true } };
    const move = decide(told, facts({ observed: both(allTo("blue"), stuck) }));
    expect(short(move)).toBe("fail back");
    expect(move).toMatchObject({ event: { cause, facts: { summary: cause.message } } });
  });

  it("waits for what may still come, saying for what, and tells it when the deadline is there", () => {
    const cause = {
      code: "TEAL-K207",
      message: "no node takes green-1",
      evidence: ["event FailedScheduling: x"],
    };
    const stuck = { ...slot("green", V2, 2, "starting"), stuck: { cause, sure: false } };
    const observed = both(allTo("blue"), stuck);
    expect(decide(told, facts({ observed }))).toEqual({
      move: "look",
      reason: "green 0/2 replicas: no node takes green-1",
    });
    const over = decide(told, facts({ observed, elapsed: millis(120_000) }));
    expect([short(over), codeOf(over)]).toEqual(["fail back", "TEAL-H106"]);
    expect(over).toMatchObject({ event: { cause: { evidence: cause.evidence } } });
  });

  it("looks at no trouble of a slot that is ready", () => {
    const cause = { code: "TEAL-K240", message: "unready" };
    const ready = { ...slot("green", V2, 2), stuck: { cause, sure: false } };
    expect(short(decide(told, facts({ observed: both(allTo("blue"), ready) })))).toBe("pass next");
  });

  it("pins what is lent first, journaled before anything is changed", () => {
    const blue = {
      ...slot("blue", V1, 2),
      lends: [{ slot: "blue", what: "autoscaler", original: "{}" }],
    } as const;
    expect(short(decide(START, factsOf({ observed: both(allTo("blue"), slot("green"), blue) })))).toBe(
      "borrowed",
    );
  });

  it("waits for a slot that cannot be read, then lets the wait decide", () => {
    const blind = factsOf({
      observed: { ...both(allTo("blue")), slots: { ...both(allTo("blue")).slots, green: UNREADABLE } },
    });
    expect(short(decide(START, blind))).toBe("look");
    expect(decide(START, { ...blind, elapsed: millis(5_000) })).toMatchObject({
      event: { then: "hold", hold: { for: "unreadable", otherwise: "revert" } },
    });
  });

  it("sizes the parts of a rolling deployment by the baseline", () => {
    const rolling = planOf("rolling", { batch: 1 });
    const [first] = rolling.steps;
    expect(first).toMatchObject({ do: "ensure", size: { rule: "part", done: 1, of: 2 } });
    expect(decide(after(rolling, claimed()), factsOf())).toMatchObject({ call: { want: { replicas: 1 } } });
  });
});

describe("probe", () => {
  const at = atStep(PLAN, "probe-green");

  it("asks until the checks decide; who passed is journaled", () => {
    expect(short(decide(at, facts()))).toBe("checks green");
    expect(short(decide(at, facts({ health: judgement("undecided") })))).toBe("checks green");
    expect(decide(at, facts({ health: judgement("pass", ["0.1"]) }))).toMatchObject({
      event: { then: "next", passed: { slot: "green", incarnations: ["0.1"] } },
    });
    expect(short(decide(at, facts({ health: judgement("fail") })))).toBe("fail back");
    expect(decide(at, facts({ health: judgement("inconclusive") }))).toMatchObject({
      event: { then: "hold", hold: { for: "outage", otherwise: "revert" } },
    });
  });
});

describe("drain", () => {
  const at = atStep(PLAN, "drain-blue");
  const moved = facts({ observed: both(allTo("green")) });

  it("waits for what is in flight, at most for the cap", () => {
    expect(short(decide(at, { ...moved, residual: seen({ inFlight: 3 }) }))).toBe("look");
    expect(short(decide(at, { ...moved, residual: UNREADABLE }))).toBe("look");
    expect(short(decide(at, { ...moved, residual: seen({ inFlight: 0 }) }))).toBe("pass next");
    expect(decide(at, { ...moved, residual: seen({ inFlight: 3 }), elapsed: millis(30_000) })).toMatchObject({
      event: { facts: { summary: "blue: cap of 30 s passed, 3 in flight" } },
    });
  });
});

describe("retire", () => {
  const at = atStep(PLAN, "retire-blue");
  const moved = facts({ observed: both(allTo("green")) });

  it("stops a slot that gets no traffic and waits until its replicas are gone", () => {
    expect(decide(at, moved)).toMatchObject({
      move: "call",
      call: { call: "retire", slot: "blue", keep: 0 },
    });
    const going = slotOf("blue", V1, [replica("blue", 0, { phase: "stopping" })], { wanted: 0 });
    const stopping = facts({ observed: both(allTo("green"), slot("green", V2, 2), going) });
    expect(short(decide(at, stopping))).toBe("look");
    expect(codeOf(decide(at, { ...stopping, elapsed: millis(90_000) }))).toBe("TEAL-H104");
    const exited = slotOf("blue", V1, [replica("blue", 0, { phase: "exited" })], { wanted: 0 });
    expect(short(decide(at, facts({ observed: both(allTo("green"), slot("green", V2, 2), exited) })))).toBe(
      "pass next",
    );
  });

  it("stops nothing that still has traffic, or may have", () => {
    // Forward such a router is drift; going back it is looked at for as long as a write can take, then a person is.
    const steps = revertPlan({ plan: PLAN, observed: both(allTo("blue")) });
    const back = goingBack(
      PLAN,
      "probe-green",
      steps,
      next("back-confirm-blue", "back"),
      next("back-drain-green", "back"),
    );
    const routed = facts({ observed: both("pool", slot("green", V2, 2), slot("blue", V1, 2, "unready")) });
    expect(short(decide(back, routed))).toBe("look");
    expect(codeOf(decide(back, { ...routed, elapsed: millis(5_000) }))).toBe("TEAL-D101");
    const blind = facts({
      observed: { ...both(allTo("blue")), routing: UNREADABLE },
      elapsed: millis(5_000),
    });
    expect(decide(back, blind)).toMatchObject({ event: { hold: { for: "unreadable", otherwise: "stop" } } });
    expect(short(decide(back, facts()))).toBe("call retire");
  });

  it("never stops the last slot that is ready", () => {
    for (const green of [slot("green", V2, 2, "crashLoop"), slot("green", V2, 0)]) {
      const alone = facts({ observed: both(allTo("green"), green) });
      expect(short(decide(at, alone))).toBe("look");
      const asks = decide(at, { ...alone, elapsed: millis(5_000) });
      expect([short(asks), codeOf(asks)]).toEqual(["inconclusive hold", "TEAL-D108"]);
    }
  });

  it("except in the window that recreate declares, and where nobody was served before", () => {
    const recreate = planOf("recreate");
    expect(
      short(decide(atStep(recreate, "retire-blue"), facts({ observed: both(NOBODY, slot("green")) }))),
    ).toBe("call retire");
  });
});

describe("gates", () => {
  const minutes = (hours: number, minute = 0) => 60 * hours + minute;
  const window = (from: number, to: number, days: readonly number[]) =>
    ({ gate: "schedule", from, to, days, timeout: millis(1), otherwise: "revert" }) as const;
  // 2026-01-05 was a Monday.
  const monday = (hours: number, minute = 0) => instant(Date.UTC(2026, 0, 5, hours, minute));
  const tuesday = (hours: number, minute = 0) => instant(Date.UTC(2026, 0, 6, hours, minute));

  it("a time window is open from its first minute until before its last, on its days", () => {
    const office = window(minutes(9), minutes(17), [1]);
    expect(
      [monday(8, 59), monday(9), monday(16, 59), monday(17), tuesday(9)].map((at) => isOpen(office, at)),
    ).toEqual([false, true, true, false, false]);
  });

  it("a window past midnight belongs to the day it begins on", () => {
    const night = window(minutes(22), minutes(2), [1]);
    expect(
      [monday(1), monday(21, 59), monday(22), tuesday(1, 59), tuesday(2), tuesday(22)].map((at) =>
        isOpen(night, at),
      ),
    ).toEqual([false, false, true, true, false, false]);
    const sunday = window(minutes(22), minutes(2), [0]);
    expect(isOpen(sunday, monday(1))).toBe(true);
  });

  it("a schedule lets pass when it is open and waits otherwise, ending when it opens", () => {
    const open = planOf("blueGreen", { gates: [window(minutes(9), minutes(17), [1])] });
    const shut = planOf("blueGreen", { gates: [window(minutes(18), minutes(19), [1])] });
    expect(short(decide(atStep(open, "gate-1-schedule"), facts()))).toBe("pass next");
    const waiting = atStep(shut, "gate-1-schedule");
    expect(short(decide(waiting, facts()))).toBe("inconclusive hold");
    const held = after(shut, claimed(), next("ensure-green"), next("probe-green"), {
      kind: "verdict",
      dir: "forward",
      of: "gate-1-schedule",
      result: "inconclusive",
      then: "hold",
      facts: { summary: "" },
      hold: { for: "gate", until: monday(23), otherwise: "revert" },
    });
    expect(short(decide(held, facts()))).toBe("rest");
    expect(short(decide(held, facts({ now: monday(18) })))).toBe("pass next");
  });

  it("a watch counts the time this process watched, and needs the checks beside it to pass", () => {
    const canary = atStep(planOf("canary"), "gate-green-10");
    const watching = facts({ observed: both({ blue: 90, green: 10 }) });
    expect(short(decide(canary, { ...watching, elapsed: millis(59_999), steady: judgement("pass") }))).toBe(
      "look",
    );
    expect(short(decide(canary, { ...watching, elapsed: millis(60_000), steady: judgement("pass") }))).toBe(
      "pass next",
    );
    expect(short(decide(canary, { ...watching, elapsed: millis(60_000) }))).toBe("look");
    expect(short(decide(canary, { ...watching, elapsed: millis(120_000) }))).toBe("inconclusive hold");
  });
});

describe("migrate", () => {
  const plan = planOf("blueGreen", {
    migrations: { expand: true, contract: true, destructive: false },
    keepWarm: millis(0),
  });
  const ledger = (
    applied: readonly ("expand" | "contract")[],
    rehearsal: "clean" | "breaks" | "unproven" = "clean",
  ) => seen({ applied, rehearsal });
  const expand = after(plan, claimed());
  const contract = atStep(plan, "migrate-contract");
  const alone = both(allTo("green"), slot("green", V2, 2), slot("blue"));

  it("applies a phase that the ledger lacks, and only then", () => {
    expect(decide(expand, factsOf({ migration: ledger([]) }))).toMatchObject({
      call: { call: "migrate", phase: "expand" },
    });
    expect(short(decide(expand, factsOf({ migration: ledger(["expand"]) })))).toBe("pass next");
    expect(short(decide(expand, factsOf({ migration: UNREADABLE })))).toBe("look");
  });

  it("contracts once the other revisions are proven gone and what is live rehearses clean", () => {
    expect(decide(contract, facts({ observed: alone, migration: ledger(["expand"]) }))).toMatchObject({
      call: { phase: "contract" },
    });
  });

  it.each([
    ["an unreadable slot", { ...alone, slots: { ...alone.slots, blue: UNREADABLE } }, "clean", "TEAL-M901"],
    [
      "a replica that still stops",
      both(
        allTo("green"),
        slot("green", V2, 2),
        slotOf("blue", V1, [replica("blue", 0, { phase: "stopping" })], { wanted: 0 }),
      ),
      "clean",
      "TEAL-M902",
    ],
    [
      "a replica of another revision beside the candidate's",
      both(
        allTo("green"),
        slotOf("green", V2, [replica("green", 0), replica("green", 1, { revision: V3 })]),
        slot("blue"),
      ),
      "clean",
      "TEAL-M902",
    ],
    ["a rehearsal that breaks", alone, "breaks", "TEAL-M903"],
    ["a rehearsal that proves nothing", alone, "unproven", "TEAL-M903"],
  ] as const)("is kept from contracting by %s", (_name, observed, rehearsal, code) => {
    const seenNow = facts({ observed, migration: ledger(["expand"], rehearsal) });
    expect(short(decide(contract, seenNow))).toBe("look");
    const asks = decide(contract, { ...seenNow, elapsed: millis(5_000) });
    expect([short(asks), codeOf(asks)]).toEqual(["inconclusive hold", code]);
  });

  it("is beyond return from the intent on", () => {
    expect(
      atStep(plan, "migrate-contract", intent("migrate-contract", { call: "migrate", phase: "contract" }))
        .course.pastNoReturn,
    ).toBe(true);
  });
});

describe("restore", () => {
  it("gives back one thing after the other", () => {
    const items = [
      { slot: "blue", what: "autoscaler", original: "a" },
      { slot: "green", what: "autoscaler", original: "b" },
    ] as const;
    const moved = facts({ observed: both(allTo("green")) });
    const call = (index: 0 | 1) => ({ call: "restore", borrowed: items[index] }) as const;
    const holding = atStep(PLAN, "restore", { kind: "borrowed", items });
    expect(decide(holding, moved)).toMatchObject({ call: call(0) });
    const half = atStep(
      PLAN,
      "restore",
      { kind: "borrowed", items },
      intent("restore", call(0)),
      outcome("restore"),
    );
    expect(decide(half, moved)).toMatchObject({ call: call(1) });
    expect(short(decide(atStep(PLAN, "restore"), moved))).toBe("pass next");
  });
});

describe("drift", () => {
  const at = atStep(PLAN, "bake-green");
  const moved = both(allTo("green"));

  it("is a router or a revision other than what this deployment left, never a size", () => {
    expect(short(decide(at, facts({ observed: both({ blue: 50, green: 50 }) })))).toBe("drift");
    expect(short(decide(at, facts({ observed: both(allTo("green"), slot("green", V3, 2)) })))).toBe("drift");
    expect(short(decide(at, facts({ observed: both(allTo("green"), slot("green", V2, 7)) })))).toBe("look");
    expect(short(decide(at, facts({ observed: moved })))).toBe("look");
  });

  it("is also what somebody changed of a rule beside its weights, told line by line, until it is accepted", () => {
    const ruled = (weights: Weights, shape: readonly string[]) => {
      const { routing, ...world } = both(weights);
      if (routing.is === "unreadable") throw new Error("readable by both()");
      const rules = [{ id: "shop", weights, raw: "", shape }];
      return { ...world, routing: { ...routing, value: { ...routing.value, rules } } };
    };
    const before = ["actions[0].Order: 1", "conditions[0].Values[0]: shop.example"];
    const after = ["actions[0].Order: 1", "conditions[0].Values[0]: other.example"];
    const plan = planOf("blueGreen", {}, { ...blueServes(2), routing: ruled(allTo("blue"), before).routing });
    const baking = atStep(plan, "bake-green");
    expect(short(decide(baking, facts({ observed: ruled(allTo("green"), before) })))).toBe("look");
    const changed = facts({ observed: ruled(allTo("green"), after) });
    const move = decide(baking, changed);
    if (move.move !== "journal" || move.event.kind !== "drift") throw new Error(short(move));
    expect(move.event).toMatchObject({
      expected: "rule shop: conditions[0].Values[0]: shop.example",
      observed: "rule shop: conditions[0].Values[0]: other.example",
    });
    const asked = { kind: "asked", ask: "acceptDrift", by: "ann" } as const;
    const accepted = atStep(plan, "bake-green", move.event, asked);
    const replanned = decide(accepted, changed);
    if (replanned.move !== "journal") throw new Error(short(replanned));
    const going = atStep(plan, "bake-green", move.event, asked, replanned.event);
    expect(short(decide(going, changed))).toBe("look");
  });

  it("is not told from an own write that a stale read does not show yet", () => {
    const stale = facts({ observed: both(allTo("blue")), fencing: "checked", sinceWrite: millis(4_999) });
    expect(short(decide(at, stale))).toBe("look");
    expect(short(decide(at, { ...stale, sinceWrite: millis(5_000) }))).toBe("drift");
  });

  it("is overwritten going back, also after the proof, but not for ever", () => {
    const back = goingBack(PLAN, "bake-green", revertPlan({ plan: PLAN, observed: moved }));
    expect(short(decide(back, facts({ observed: both("pool") })))).toBe("call shift");
    const steps = back.course.back ?? [];
    const done = steps.slice(0, 2).map((step) => next(step.id, "back"));
    const again = { kind: "replanned", dir: "back", steps, from: 0, because: "moved" } as const;
    const moving = facts({ observed: both(allTo("green")) });
    expect(short(decide(goingBack(PLAN, "bake-green", steps, ...done), moving))).toBe("replanned");
    const often = Array.from({ length: 5 }, () => [again, ...done]).flat();
    expect(short(decide(goingBack(PLAN, "bake-green", steps, ...done, ...often), moving))).toBe("look");
  });
});

describe("guards", () => {
  const bake = atStep(PLAN, "bake-green");
  const moved = facts({ observed: both(allTo("green")) });
  const served = (failed: number, before = 0) => ({
    candidate: { requests: 500, failed },
    previous: { requests: 500, failed: before },
    examples: ["POST /checkout 500"],
  });

  it("send traffic back when the candidate's users get errors, its checks fail or it crashes", () => {
    expect(codeOf(decide(bake, { ...moved, traffic: served(31) }))).toBe("TEAL-B201");
    expect(short(decide(bake, { ...moved, traffic: served(5) }))).toBe("look");
    expect(
      codeOf(decide(bake, { ...moved, observed: both(allTo("green"), slot("green", V2, 2, "crashLoop")) })),
    ).toBe("TEAL-B202");
    const failing = { ...moved, steady: judgement("fail"), otherSteady: judgement("pass") };
    expect([short(decide(bake, failing)), codeOf(decide(bake, failing))]).toEqual(["fail back", "TEAL-B203"]);
  });

  it("hold when both slots fail alike, since going back would help nobody", () => {
    expect(short(decide(bake, { ...moved, steady: judgement("fail") }))).toBe("checks blue");
    for (const alike of [
      { steady: judgement("fail"), otherSteady: judgement("fail") },
      { traffic: served(31, 31) },
    ]) {
      const move = decide(bake, { ...moved, ...alike });
      expect([short(move), codeOf(move)]).toEqual(["inconclusive hold", "TEAL-B204"]);
    }
  });

  it("do not ask a slot that has nothing ready, or whose revision nobody knows", () => {
    const gone = {
      ...moved,
      observed: both(allTo("green"), slot("green", V2, 2), slot("blue")),
      steady: judgement("fail"),
    };
    expect(codeOf(decide(bake, gone))).toBe("TEAL-B203");
    const { revision: _none, ...unknown } = PLAN.baseline.slots.blue;
    const adopted = {
      ...PLAN,
      baseline: { ...PLAN.baseline, slots: { ...PLAN.baseline.slots, blue: unknown } },
    };
    expect(
      codeOf(
        decide(atStep(adopted, "bake-green"), {
          ...moved,
          observed: both(allTo("green"), slot("green", V2, 2), slot("blue", V1, 2)),
          steady: judgement("fail"),
        }),
      ),
    ).toBe("TEAL-B203");
  });

  it("overlook a crash that a replica came back from; the checks speak about it", () => {
    const one = slotOf("green", V2, [
      replica("green", 0),
      replica("green", 1, { phase: "exited", restarts: 1 }),
    ]);
    expect(short(decide(bake, { ...moved, observed: both(allTo("green"), one) }))).toBe("look");
  });

  it("come before everything else, also before a write whose end is open", () => {
    const open = atStep(PLAN, "confirm-green-100", intent("x", { call: "shift", to: allTo("green") }));
    expect(codeOf(decide(open, { ...moved, traffic: served(31) }))).toBe("TEAL-B201");
  });

  it("are quiet before and after their steps", () => {
    expect(short(decide(atStep(PLAN, "retire-blue"), { ...moved, traffic: served(500) }))).toBe(
      "call retire",
    );
  });
});

describe("bake", () => {
  const bake = atStep(PLAN, "bake-green");
  const moved = facts({
    observed: both(allTo("green")),
    traffic: {
      candidate: { requests: 5412, failed: 0, p95: millis(41) },
      previous: { requests: 10, failed: 0, p95: millis(43) },
      examples: [],
    },
  });

  it("passes after its time when the checks beside it pass, with what users got", () => {
    expect(short(decide(bake, { ...moved, elapsed: millis(29_999), steady: judgement("pass") }))).toBe(
      "look",
    );
    expect(decide(bake, { ...moved, elapsed: millis(30_000), steady: judgement("pass") })).toMatchObject({
      event: {
        then: "next",
        facts: {
          summary: "30 s: 5,412 requests, 0 errors, p95 41 ms (before: 43)",
          numbers: { requests: 5412, failed: 0 },
        },
      },
    });
  });

  it("does not pass unwatched", () => {
    expect(short(decide(bake, { ...moved, elapsed: millis(30_000) }))).toBe("look");
    expect(codeOf(decide(bake, { ...moved, elapsed: millis(90_000) }))).toBe("TEAL-B205");
  });
});
