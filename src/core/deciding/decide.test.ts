import { describe, expect, it } from "vitest";
import type { Happening } from "../journal.ts";
import { revertPlan } from "../planning/revert.ts";
import { instant, intentId, millis, type Millis } from "../units.ts";
import { decide } from "./decide.ts";
import { OPERATOR_WAIT } from "./moves.ts";
import {
  NOBODY,
  NOW,
  UNREADABLE,
  V2,
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
  seen,
  short,
  slot,
  turned,
} from "./test-support.ts";

const PLAN = planOf();
const TO_GREEN = { call: "shift", to: allTo("green") } as const;
const late = (ms: number): Millis => millis(ms);
const facts = (over: Parameters<typeof factsOf>[0] = {}) =>
  factsOf({ observed: both(allTo("blue")), ...over });
const hold = (
  reason: "gate" | "drift" | "outage" | "unreadable" | "operator",
  otherwise: "proceed" | "revert" | "stop",
  of: string,
  more: object = {},
): Happening => ({
  kind: "verdict",
  dir: "forward",
  of,
  result: "inconclusive",
  then: "hold",
  facts: { summary: "test" },
  hold: { for: reason, until: instant(NOW + 1_000), otherwise },
  ...more,
});

describe("a write whose end nobody saw", () => {
  const begun = atStep(PLAN, "shift-green-100", intent("shift-green-100", TO_GREEN));
  const passedNow = atStep(PLAN, "shift-green-100", intent("shift-green-100", TO_GREEN), claimed(2));

  it("is found applied when the target looks as wanted", () => {
    const move = decide(begun, facts({ observed: both(allTo("green")) }));
    expect(move).toMatchObject({
      move: "journal",
      event: { kind: "outcome", result: "applied", found: true },
    });
  });

  it("is shut out by the next fence first, and performed again under its name once that is in force", () => {
    expect(short(decide(begun, facts()))).toBe("reclaim");
    expect(decide(passedNow, facts())).toMatchObject({ move: "perform", intent: "i-shift-green-100" });
  });

  it("is not taken to be shut out before the target took the fence", () => {
    expect(short(decide(passedNow, facts({ claimed: false })))).toBe("look");
  });

  it("is waited for where fences do not bind, as long as it can take effect", () => {
    const checked = { fencing: "checked" as const, settle: late(5_000) };
    const known = (ms: number) => new Map([[intentId("i-shift-green-100"), millis(ms)]]);
    expect(short(decide(begun, facts({ ...checked, known: known(4_999) })))).toBe("look");
    expect(short(decide(begun, facts({ ...checked, known: known(5_000) })))).toBe("perform");
  });

  it("is not performed when it would not be decided again: the check it relied on is too old", () => {
    const later = facts({ now: instant(NOW + 60_000) });
    expect(decide(passedNow, later)).toMatchObject({
      event: { kind: "outcome", result: "rejected", found: true },
    });
  });

  it("does not keep the deployment for ever: forward it turns back at the step's deadline, back a person is asked", () => {
    const end = late(60_000 + 5_000 + 5_000);
    expect(short(decide(begun, facts({ elapsed: late(end - 1) })))).toBe("reclaim");
    expect(short(decide(begun, facts({ elapsed: end })))).toBe("fail back");
    const steps = revertPlan({ plan: PLAN, observed: both(allTo("green")) });
    const back = goingBack(
      PLAN,
      "bake-green",
      steps,
      intent("back-shift-blue", { call: "shift", to: allTo("blue") }, { dir: "back" }),
    );
    expect(short(decide(back, facts({ observed: both(allTo("green")), elapsed: late(end - 1) })))).toBe(
      "perform",
    );
    expect(short(decide(back, facts({ observed: both(allTo("green")), elapsed: end })))).toBe(
      "inconclusive hold",
    );
  });
});

describe("a target that never takes the fence", () => {
  const ensuring = after(PLAN, claimed());

  it("keeps writes forward waiting, until the step's deadline sends the deployment back", () => {
    expect(short(decide(ensuring, factsOf({ claimed: false })))).toBe("look");
    expect(short(decide(ensuring, factsOf({ claimed: false, elapsed: late(125_000) })))).toBe("fail back");
    expect(short(decide(ensuring, factsOf()))).toBe("call ensure");
  });

  it("does not keep the way back waiting", () => {
    const back = goingBack(PLAN, "bake-green", revertPlan({ plan: PLAN, observed: both(allTo("green")) }));
    expect(short(decide(back, facts({ observed: both(allTo("green")), claimed: false })))).toBe("call shift");
  });
});

describe("a definite refusal", () => {
  const refused = { cause: { code: "TEAL-L1", message: "no room" } };
  const wanted = {
    call: "ensure",
    slot: "green",
    want: { revision: V2, replicas: 2, checks: PLAN.request.checks },
  } as const;

  it("ends the step at once with the target's own words, a transient one is tried again", () => {
    const definite = after(
      PLAN,
      claimed(),
      intent("ensure-green", wanted),
      outcome("ensure-green", "rejected", refused),
    );
    expect(codeOf(decide(definite, factsOf()))).toBe("TEAL-L1");
    expect(short(decide(definite, factsOf()))).toBe("fail back");
    const busy = after(
      PLAN,
      claimed(),
      intent("ensure-green", wanted),
      outcome("ensure-green", "rejected", { ...refused, transient: true }),
    );
    expect(short(decide(busy, factsOf()))).toBe("call ensure");
    expect(short(decide(busy, factsOf({ elapsed: late(125_000) })))).toBe("fail back");
  });
});

describe("beyond the point of no return", () => {
  const plan = planOf("blueGreen", {
    migrations: { expand: false, contract: true, destructive: false },
    keepWarm: millis(0),
  });
  const begun = {
    observed: both(allTo("green"), slot("green", V2, 2), slot("blue")),
    migration: seen({ applied: [], rehearsal: "clean" as const }),
  };
  const contracting = atStep(
    plan,
    "migrate-contract",
    intent("migrate-contract", { call: "migrate", phase: "contract" }),
    outcome("migrate-contract", "rejected", { cause: { code: "TEAL-M1", message: "locks" } }),
  );

  it("a failure waits for a person instead of going back, again and again", () => {
    expect(contracting.course.pastNoReturn).toBe(true);
    const recreate = planOf("recreate", { migrations: { expand: true, contract: false, destructive: true } });
    const starting = both(NOBODY, slot("green", V2, 2, "starting"), slot("blue"));
    const ensure = {
      call: "ensure",
      slot: "green",
      want: { revision: V2, replicas: 2, checks: recreate.request.checks },
    } as const;
    const told = atStep(recreate, "ensure-green", intent("ensure-green", ensure), outcome("ensure-green"));
    const move = decide(told, factsOf({ observed: starting, elapsed: late(600_000) }));
    expect(short(move)).toBe("fail hold");
    expect(move).toMatchObject({ event: { hold: { for: "operator", otherwise: "stop" } } });
  });

  it("a refused contract asks a person too", () => {
    expect(short(decide(contracting, factsOf(begun)))).toBe("inconclusive hold");
  });
});

describe("waiting", () => {
  const approval = { gates: [{ gate: "approval", timeout: millis(1_000), otherwise: "revert" }] as const };
  const plan = planOf("blueGreen", approval);
  const gate = "gate-1-approval";

  it("at a gate begins with its deadline and default answer", () => {
    const move = decide(atStep(plan, gate), facts());
    expect(move).toMatchObject({
      event: { then: "hold", hold: { for: "gate", until: NOW + 1_000, otherwise: "revert" } },
    });
  });

  it("rests until the deadline, then takes the default answer", () => {
    for (const [otherwise, answer] of [
      ["proceed", "inconclusive next"],
      ["revert", "inconclusive back"],
      ["stop", "end undecided"],
    ] as const) {
      const waits = atStep(plan, gate, hold("gate", otherwise, gate));
      expect(decide(waits, facts())).toEqual({ move: "rest", until: NOW + 1_000 });
      expect(short(decide(waits, facts({ now: instant(NOW + 1_000) })))).toBe(answer);
    }
  });

  it("for the target ends when everything can be read again", () => {
    const waits = atStep(PLAN, "shift-green-100", hold("unreadable", "revert", "shift-green-100"));
    expect(short(decide(waits, facts()))).toBe("pass again");
    expect(short(decide(waits, facts({ observed: { ...both(allTo("blue")), routing: UNREADABLE } })))).toBe(
      "look",
    );
  });

  it("for an outage ends when the checks pass again, not before", () => {
    const waits = atStep(PLAN, "bake-green", hold("outage", "stop", "bake-green"));
    expect(short(decide(waits, facts({ steady: judgement("pass") })))).toBe("pass again");
    expect(short(decide(waits, facts()))).toBe("look");
  });

  it("on drift and on a refusal only a person ends it", () => {
    const drift = atStep(PLAN, "bake-green", {
      kind: "drift",
      expected: "a",
      observed: "b",
      hold: { for: "drift", until: instant(NOW + 1_000), otherwise: "stop" },
    });
    expect(short(decide(drift, facts()))).toBe("rest");
    const refused = atStep(
      PLAN,
      "retire-blue",
      hold("operator", "stop", "retire-blue", { cause: { code: "TEAL-L1", message: "no" } }),
    );
    expect(short(decide(refused, facts({ observed: both(allTo("green")) })))).toBe("rest");
    expect(codeOf(decide(refused, facts({ now: instant(NOW + 1_000) })))).toBe("TEAL-L1");
  });

  it("on an obstacle that was only seen ends when it is gone", () => {
    const cause = { code: "TEAL-D101", message: "traffic" };
    const waits = atStep(PLAN, "retire-blue", hold("operator", "stop", "retire-blue", { cause }));
    expect(short(decide(waits, facts({ observed: both(allTo("blue")) })))).toBe("look");
    expect(short(decide(waits, facts({ observed: both(allTo("green")) })))).toBe("pass again");
  });

  it("accepts drift as the expected state, and does not look at an unreadable router for ever", () => {
    const accepted = atStep(
      PLAN,
      "probe-green",
      {
        kind: "drift",
        expected: "a",
        observed: "b",
        hold: { for: "drift", until: instant(NOW + 1_000), otherwise: "stop" },
      },
      { kind: "asked", ask: "acceptDrift", by: "ann" },
    );
    const move = decide(accepted, facts({ observed: both({ blue: 60, green: 40 }) }));
    expect(move).toMatchObject({
      event: { kind: "replanned", dir: "forward", from: 1, seen: { weights: { blue: 60, green: 40 } } },
    });
    const blind = facts({ observed: { ...both(allTo("blue")), routing: UNREADABLE } });
    expect(short(decide(accepted, blind))).toBe("look");
    expect(short(decide(accepted, { ...blind, elapsed: late(5_000) }))).toBe("inconclusive hold");
  });
});

describe("warm", () => {
  const warm = atStep(PLAN, "warm-blue", {
    kind: "verdict",
    dir: "forward",
    of: "warm-blue",
    result: "pass",
    then: "hold",
    facts: { summary: "" },
    hold: { for: "operator", until: instant(NOW + 1_000), otherwise: "proceed" },
  });

  it("rests until its time is over, then the previous slot goes", () => {
    expect(decide(warm, facts())).toEqual({ move: "rest", until: NOW + 1_000 });
    expect(short(decide(warm, facts({ now: instant(NOW + 1_000) })))).toBe("pass next");
  });
});

describe("endings", () => {
  const borrowed: Happening = {
    kind: "borrowed",
    items: [{ slot: "blue", what: "autoscaler", original: "on" }],
  };
  const last = PLAN.steps.at(-1)?.id ?? "";
  const done = facts({ observed: both(allTo("green"), slot("green", V2, 2), slot("blue")) });
  const steps = revertPlan({ plan: PLAN, observed: blueServes(2) });
  const through = steps.map((step) => next(step.id, "back"));

  it("done after the last step", () => {
    expect(short(decide(atStep(PLAN, last, next(last)), done))).toBe("end done");
  });

  it("put back what was borrowed, for as long as a write may take, and say so when they could not", () => {
    const holding = atStep(PLAN, last, borrowed, next(last));
    expect(short(decide(holding, done))).toBe("call restore");
    expect(codeOf(decide(holding, { ...done, elapsed: late(60_000) }))).toBe("TEAL-D104");
    const waits = atStep(PLAN, "bake-green", borrowed, hold("drift", "stop", "bake-green"));
    const resumed = facts({ observed: both(allTo("green")), now: instant(NOW + 7_200_000) });
    expect(short(decide(waits, resumed))).toBe("call restore");
    expect(short(decide(waits, { ...resumed, now: instant(NOW + 1_001), elapsed: OPERATOR_WAIT }))).toBe(
      "call restore",
    );
  });

  it("reverted once the way back is walked", () => {
    expect(short(decide(goingBack(PLAN, "probe-green", steps, ...through), facts()))).toBe("end reverted");
  });

  it("not reverted while the router cannot be read: undecided, after a while", () => {
    const ended = goingBack(PLAN, "probe-green", steps, ...through);
    const blind = facts({ observed: { ...blueServes(2), routing: UNREADABLE } });
    expect(short(decide(ended, blind))).toBe("look");
    expect(decide(ended, { ...blind, elapsed: late(60_000) })).toMatchObject({
      move: "end",
      outcome: "undecided",
      cause: { code: "TEAL-B303" },
    });
  });

  it("undecided when the candidate of a first deployment keeps the traffic", () => {
    const first = planOf("blueGreen", {}, { ...blueServes(0) });
    expect(first.baseline.serving).toBe("nobody");
    const back = after(first, claimed(), turned, {
      kind: "replanned",
      dir: "back",
      steps: [],
      from: 0,
      because: "",
    });
    expect(short(decide(back, facts({ observed: both(allTo(first.candidate.slot)) })))).toBe("end undecided");
  });
});

describe("the way back", () => {
  it("is planned from what is observed, once", () => {
    const back = atStep(PLAN, "bake-green", turned);
    expect(decide(back, facts({ observed: both(allTo("green")) }))).toMatchObject({
      event: { kind: "replanned", dir: "back", because: "errors" },
    });
  });

  it("moves traffic beside a write that may still be in transit, and settles that before it takes anything away", () => {
    const steps = revertPlan({ plan: PLAN, observed: both(allTo("green")) });
    const lingering = atStep(PLAN, "shift-green-100", intent("shift-green-100", TO_GREEN), turned, {
      kind: "replanned",
      dir: "back",
      steps,
      from: 0,
      because: "",
    });
    expect(short(decide(lingering, facts({ observed: both(allTo("green")) })))).toBe("call shift");
    const drains = after(PLAN, claimed(), intent("x", TO_GREEN), turned, {
      kind: "replanned",
      dir: "back",
      steps: steps.slice(2),
      from: 0,
      because: "",
    });
    expect(short(decide(drains, facts()))).toBe("reclaim");
  });
});
