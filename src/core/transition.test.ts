import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Happening, JournalEvent } from "./journal.ts";
import type { Step } from "./plan.ts";
import { allTo } from "./routing.ts";
import type { State } from "./state.ts";
import { initial, stepAt, transition, type Course } from "./transition.ts";
import { fence, instant, intentId, millis, version } from "./units.ts";

const common = { deadline: millis(1000), reason: "test", otherwise: "revert" } as const;
const STEPS: readonly Step[] = [
  {
    ...common,
    id: "gate",
    do: "gate",
    gate: { gate: "approval", timeout: millis(1000), otherwise: "revert" },
  },
  { ...common, id: "shift", do: "shift", to: allTo("green"), rule: "exact" },
  { ...common, id: "warm", do: "warm", slot: "blue", for: millis(1000) },
  { ...common, id: "retire", do: "retire", slot: "blue", keep: { rule: "fixed", replicas: 0 } },
];
const COURSE: Course = { forward: STEPS, back: undefined, pastNoReturn: false };

const facts = { summary: "test" };
const hold = (reason: "gate" | "drift" | "operator", otherwise: "proceed" | "revert" | "stop" = "revert") =>
  ({ for: reason, until: instant(10), otherwise }) as const;
const event = (happening: Happening): JournalEvent => ({ ...happening, seq: 1, at: instant(0) });
const verdict = (
  of: string,
  then: "next" | "back" | "hold" | "again" | "note",
  dir: "forward" | "back" = "forward",
  more = {},
) => event({ kind: "verdict", dir, of, result: "pass", then, facts, ...more });
const abort = event({ kind: "asked", ask: "abort", by: "me" });
const promote = event({ kind: "asked", ask: "promote", by: "me" });
const at = (step: number, more: Partial<Extract<State, { is: "running" }>> = {}): State => ({
  is: "running",
  dir: "forward",
  step,
  ...more,
});
const intent = (id: string, dir: "forward" | "back" = "forward") =>
  event({
    kind: "intent",
    intent: intentId(id),
    step: "shift",
    dir,
    call: { call: "shift", to: allTo("green") },
    expect: version("1"),
    fence: fence(1),
    bound: millis(5000),
  });
const outcome = (id: string, result: "applied" | "unknown") =>
  event({ kind: "outcome", intent: intentId(id), result });

describe("transition", () => {
  it("begins at the first step", () => {
    expect(initial().state).toEqual(at(0));
  });

  it("goes on only by a verdict about the step it stands at", () => {
    expect(transition(at(1), verdict("shift", "next"), COURSE).state).toEqual(at(2));
    expect(transition(at(1), verdict("gate", "next"), COURSE).state).toEqual(at(1));
  });

  it("performs an intent and waits for its outcome alone", () => {
    const begun = transition(at(1), intent("a"), COURSE);
    expect(begun.state).toEqual(at(1, { inFlight: intentId("a") }));
    expect(begun.effects).toEqual([
      { effect: "perform", intent: "a", call: { call: "shift", to: allTo("green") } },
    ]);
    expect(transition(begun.state, outcome("b", "applied"), COURSE).state).toEqual(begun.state);
    expect(transition(begun.state, outcome("a", "unknown"), COURSE).state).toEqual(begun.state);
    expect(transition(begun.state, outcome("a", "applied"), COURSE).state).toEqual(at(1));
  });

  it("has one write in flight going forward; going back may begin another", () => {
    const busy = at(1, { inFlight: intentId("a") });
    expect(transition(busy, intent("b"), COURSE)).toEqual({ state: busy, effects: [] });
    const back: State = { is: "running", dir: "back", step: 0, inFlight: intentId("a") };
    expect(transition(back, intent("b", "back"), COURSE).effects).toHaveLength(1);
  });

  it("ignores a forward intent once it goes back", () => {
    const back: State = { is: "running", dir: "back", step: 0 };
    expect(transition(back, intent("a"), COURSE)).toEqual({ state: back, effects: [] });
  });

  it("releases the lease in warm and at gates", () => {
    const warm = transition(
      at(2),
      verdict("warm", "hold", "forward", { hold: hold("operator", "proceed") }),
      COURSE,
    );
    expect(warm).toEqual({
      state: { is: "warm", step: 2, until: 10 },
      effects: [{ effect: "releaseLease" }],
    });
    const gate = transition(at(0), verdict("gate", "hold", "forward", { hold: hold("gate") }), COURSE);
    expect(gate.effects).toEqual([{ effect: "releaseLease" }]);
    expect(transition(gate.state, promote, COURSE).state).toEqual(at(1));
    expect(transition(warm.state, promote, COURSE).state).toEqual(at(3));
  });

  it("turns back on abort from running, waiting and warm, and only once", () => {
    const back: State = { is: "running", dir: "back", step: 0 };
    const states: State[] = [
      at(1),
      { is: "waiting", dir: "forward", step: 0, ...hold("gate") },
      { is: "warm", step: 2, until: instant(10) },
    ];
    for (const state of states) expect(transition(state, abort, COURSE).state).toEqual(back);
    const further: State = { is: "running", dir: "back", step: 1 };
    expect(transition(further, abort, { ...COURSE, back: STEPS }).state).toEqual(further);
    expect(transition({ is: "finished", outcome: "done" }, abort, COURSE).state).toEqual({
      is: "finished",
      outcome: "done",
    });
  });

  it("does not turn back beyond the point of no return", () => {
    expect(transition(at(3), abort, { ...COURSE, pastNoReturn: true }).state).toEqual(at(3));
    expect(transition(at(3), verdict("guard", "back"), { ...COURSE, pastNoReturn: true }).state).toEqual(
      at(3),
    );
  });

  it("has nothing to revert to when a wait on the way back ends", () => {
    const back: State = { is: "running", dir: "back", step: 0 };
    const held = transition(back, verdict("gate", "hold", "back", { hold: hold("operator", "revert") }), {
      ...COURSE,
      back: STEPS,
    });
    expect(held.state).toMatchObject({ is: "waiting", dir: "back", otherwise: "stop" });
  });

  it("is warm only going forward", () => {
    const back: State = { is: "running", dir: "back", step: 2 };
    const held = transition(back, verdict("warm", "hold", "back", { hold: hold("operator") }), {
      ...COURSE,
      back: STEPS,
    });
    expect(held.state).toMatchObject({ is: "waiting", dir: "back" });
  });

  it("stops at drift forward and overwrites it going back", () => {
    const drift = event({ kind: "drift", expected: "a", observed: "b", hold: hold("drift", "stop") });
    expect(transition(at(1), drift, COURSE).state).toMatchObject({ is: "waiting", for: "drift" });
    const back: State = { is: "running", dir: "back", step: 0 };
    expect(transition(back, drift, COURSE).state).toEqual(back);
  });
});

const anyEvent: fc.Arbitrary<JournalEvent> = fc.oneof(
  fc.constantFrom(abort, promote, event({ kind: "asked", ask: "acceptDrift", by: "me" })),
  fc
    .tuple(
      fc.constantFrom("gate", "shift", "warm", "retire", "guard"),
      fc.constantFrom("next", "back", "hold", "again", "note"),
      fc.constantFrom("forward", "back"),
      fc.constantFrom("gate", "drift", "operator"),
      fc.constantFrom("proceed", "revert", "stop"),
    )
    .map(([of, then, dir, why, otherwise]) =>
      verdict(of, then as "next", dir as "forward", { hold: hold(why as "gate", otherwise as "stop") }),
    ),
  fc
    .tuple(fc.constantFrom("a", "b"), fc.constantFrom("forward", "back"))
    .map(([id, dir]) => intent(id, dir as "forward")),
  fc
    .tuple(fc.constantFrom("a", "b"), fc.constantFrom("applied", "unknown"))
    .map(([id, result]) => outcome(id, result as "applied")),
  fc.constant(event({ kind: "drift", expected: "a", observed: "b", hold: hold("drift", "stop") })),
  fc
    .tuple(fc.constantFrom("forward", "back"), fc.integer({ min: 0, max: 3 }))
    .map(([dir, from]) =>
      event({ kind: "replanned", dir: dir as "back", steps: STEPS, from, because: "test" }),
    ),
  fc.constant(event({ kind: "closed", outcome: "done", serves: { slot: "blue" } })),
);

describe("transition, for any events in any order", () => {
  it("is total, never leaves finished, and never turns forward again once it goes back", () => {
    fc.assert(
      fc.property(fc.array(anyEvent, { maxLength: 40 }), fc.boolean(), (events, pastNoReturn) => {
        let state = initial().state;
        for (const each of events) {
          const course: Course = { forward: STEPS, back: STEPS, pastNoReturn };
          const next = transition(state, each, course).state;
          if (state.is === "finished") expect(next).toEqual(state);
          if (dirOf(state) === "back" && next.is !== "finished") expect(dirOf(next)).toBe("back");
          if (pastNoReturn) expect(dirOf(next)).not.toBe("back");
          if (next.is === "waiting" && next.dir === "back") expect(next.otherwise).not.toBe("revert");
          if (next.is === "running") expect(next.step).toBeLessThanOrEqual(STEPS.length);
          stepAt(next, course);
          state = next;
        }
      }),
      { numRuns: 2000 },
    );
  });

  it("asks to perform only what it then holds in flight", () => {
    fc.assert(
      fc.property(fc.array(anyEvent, { maxLength: 40 }), (events) => {
        let state = initial().state;
        for (const each of events) {
          const { state: next, effects } = transition(state, each, { ...COURSE, back: STEPS });
          for (const effect of effects) {
            if (effect.effect === "perform")
              expect(next).toMatchObject({ is: "running", inFlight: effect.intent });
          }
          state = next;
        }
      }),
      { numRuns: 1000 },
    );
  });
});

function dirOf(state: State): "forward" | "back" | "none" {
  return state.is === "running" || state.is === "waiting" ? state.dir : "none";
}
