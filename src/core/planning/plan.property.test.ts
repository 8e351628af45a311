import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { totalShare, type Observed, type SlotState } from "../observed.ts";
import type { Plan, Planned, Step } from "../plan.ts";
import { allTo, mayReceive, sameWeights, type Mode, type Weights } from "../routing.ts";
import { otherSlot, sameRevision, type Revision, type Slot } from "../units.ts";
import { isOccupied, serves } from "./baseline.ts";
import { canonicalJson } from "./canonical.ts";
import { modelOf, replicas, walk } from "./model.ts";
import { isIntact, plan } from "./plan.ts";
import {
  ALL_MODES,
  anyInput,
  blueServes,
  digest,
  observed,
  planned,
  request,
  slot,
  V1,
  V2,
  V3,
} from "./testing.ts";

const RUNS = { numRuns: 3000 };

describe("plans of random requests over random observations", () => {
  it("keep every promise", () => {
    const seenKinds = new Map<string, number>();
    fc.assert(
      fc.property(anyInput, (input) => {
        const answer = plan(input);
        count(seenKinds, answer, input.request.strategy.kind);
        if (answer.is === "plan")
          expect(violations(answer.plan, input.observed, input.router.modes)).toEqual([]);
        if (answer.is === "refused") {
          expect(answer.cause.code).toMatch(/^TEAL-P1\d\d$/);
          expect(answer.cause.message).not.toBe("");
          expect(answer.next).not.toBe("");
        }
        if (answer.is === "unchanged") expectServed(input.observed, answer.slot, input.request.revision);
      }),
      RUNS,
    );
    // The generator reaches every answer of every strategy; otherwise the property above proves little.
    for (const kind of ["blueGreen", "canary", "rolling", "recreate"]) {
      expect(seenKinds.get(`plan ${kind}`) ?? 0).toBeGreaterThan(20);
      expect(seenKinds.get(`refused ${kind}`) ?? 0).toBeGreaterThan(20);
    }
    const unchanged = [...seenKinds].filter(([key]) => key.startsWith("unchanged"));
    expect(unchanged.reduce((sum, [, times]) => sum + times, 0)).toBeGreaterThan(20);
  });

  it("are the same for the same input, and their digest follows the content and nothing else", () => {
    fc.assert(
      fc.property(anyInput, (input) => {
        const first = plan(input);
        if (first.is !== "plan") return;
        const again = plan({ ...input, observed: shuffled(input.observed) });
        expect(again).toEqual(first);
        expect(isIntact(shuffled(first.plan), digest)).toBe(true);
        const [step, ...rest] = first.plan.steps;
        if (step === undefined) throw new Error("a plan without steps");
        expect(isIntact({ ...first.plan, steps: rest }, digest)).toBe(false);
        expect(
          isIntact(
            { ...first.plan, steps: [{ ...step, deadline: (step.deadline + 1) as never }, ...rest] },
            digest,
          ),
        ).toBe(false);
      }),
      { numRuns: 300 },
    );
  });

  it("never have more than a batch on top of the baseline when rolling", () => {
    let looked = 0;
    fc.assert(
      fc.property(anyInput, (input) => {
        const answer = plan({
          ...input,
          request: { ...input.request, strategy: { ...input.request.strategy, kind: "rolling" } },
          router: ALL_MODES,
        });
        if (answer.is !== "plan") return;
        const { baseline, candidate, steps } = answer.plan;
        const other = otherSlot(candidate.slot);
        if (
          baseline.serving !== other ||
          baseline.slots[candidate.slot].wanted > 0 ||
          baseline.slots[other].wanted === 0
        )
          return;
        looked += 1;
        const { segments } = walk(modelOf(baseline), steps, baseline, () => 1 as never);
        const peak = Math.max(...segments.map(({ during }) => replicas(during)));
        expect(peak).toBeLessThanOrEqual(baseline.slots[other].wanted + input.request.strategy.batch);
      }),
      RUNS,
    );
    expect(looked).toBeGreaterThan(20);
  });
});

describe("the promises have teeth", () => {
  const base = planned(request("blueGreen"));
  const rolling = planned(request("rolling"));
  const contracting = planned(
    request("blueGreen", {}, { migrations: { expand: true, contract: true, destructive: false } }),
  );
  const without = (from: Plan, id: string): Plan => ({
    ...from,
    steps: from.steps.filter((step) => step.id !== id),
  });
  const early = (from: Plan, id: string, before: string): Plan => {
    const moved = from.steps.filter((step) => step.id === id);
    const steps = without(from, id).steps.flatMap((step) => (step.id === before ? [...moved, step] : [step]));
    return { ...from, steps };
  };
  it.each([
    [
      "no probe",
      without(base, "probe-green"),
      "shift-green-100 raises green before it was ensured and probed",
    ],
    [
      "no ensure",
      without(base, "ensure-green"),
      "shift-green-100 raises green before it was ensured and probed",
    ],
    ["no confirm", without(base, "confirm-green-100"), "shift-green-100 is not confirmed"],
    ["no drain", without(base, "drain-blue"), "retire-blue has no drain before it"],
    [
      "retire before the shift",
      early(base, "retire-blue", "shift-green-100"),
      "retire-blue empties a slot with traffic",
    ],
    ["retire before the bake", early(base, "retire-blue", "bake-green"), "retire-blue comes before the bake"],
    ["no retire", without(base, "retire-blue"), "blue is not empty at the end"],
    ["no shift", without(base, "shift-green-100"), "green has not everything at the end"],
    ["contract first", early(contracting, "migrate-contract", "retire-blue"), "contract before blue is gone"],
    ["no restore", without(base, "restore"), "restore is not planned once after the bake"],
    ["twice the same id", { ...base, steps: [...base.steps, ...base.steps.slice(-1)] }, "ids are not unique"],
    [
      "a partial retire elsewhere",
      { ...rolling, request: base.request },
      "retire-blue-3of5 keeps a part outside of rolling",
    ],
  ])("%s is found", (_name, broken, expected) => {
    expect(violations(broken, blueServes(), ALL_MODES.modes)).toContain(expected);
  });
  it("another revision over a leftover is found", () => {
    const leftover = observed({ blue: 100, green: 0 }, slot("blue", V1, 5), slot("green", V3, 2));
    expect(violations(base, leftover, ALL_MODES.modes)).toContain(
      "ensure-green changes the revision of a slot that is not empty",
    );
  });
  it("shares that the router cannot do are found", () => {
    expect(violations(planned(request("canary")), blueServes(), ["switch"])).toContain(
      "shift-green-10 needs a mode the router lacks",
    );
  });
});

/** What of the promises in docs/strategies.md a plan breaks, told by a walk of its own over what was observed. */
function violations(given: Plan, of: Observed, modes: readonly Mode[]): readonly string[] {
  const broken: string[] = [];
  const check = (holds: boolean, text: string): void => void (holds || broken.push(text));
  const { candidate, steps, baseline, request: asked } = given;
  const other = otherSlot(candidate.slot);
  const slots = { blue: stateOf(of, "blue"), green: stateOf(of, "green") };
  const ensured = new Set<Slot>();
  const probed = new Set<Slot>();
  let weights: Weights = of.routing.is === "seen" ? of.routing.value.weights : "pool";
  let baked = false;
  steps.forEach((step, index) => {
    const next = steps[index + 1];
    if (step.do === "ensure") {
      const now = slots[step.slot];
      check(
        !now.occupied || sameRevision(now.revision, step.revision),
        `${step.id} changes the revision of a slot that is not empty`,
      );
      slots[step.slot] = { occupied: true, revision: step.revision };
      ensured.add(step.slot);
    }
    if (step.do === "probe") probed.add(step.slot);
    if (step.do === "bake") baked = true;
    if (step.do === "shift") {
      for (const raised of ["blue", "green"] as const) {
        if (shareIn(step.to, raised) <= shareIn(weights, raised)) continue;
        const ready = probed.has(raised) && (ensured.has(raised) || baseline.serving === raised);
        check(ready, `${step.id} raises ${raised} before it was ensured and probed`);
      }
      check(canDo(step.to, modes), `${step.id} needs a mode the router lacks`);
      check(
        step.to === "pool" ||
          totalShare(step.to) === 100 ||
          (totalShare(step.to) === 0 && asked.strategy.kind === "recreate"),
        `${step.id} has odd shares`,
      );
      check(next?.do === "confirm" && sameWeights(next.to, step.to), `${step.id} is not confirmed`);
      weights = step.to;
    }
    if (step.do === "retire" && step.keep.rule === "fixed") {
      const before = steps[index - 1];
      check(before?.do === "drain" && before.slot === step.slot, `${step.id} has no drain before it`);
      check(!mayReceive(weights, step.slot), `${step.id} empties a slot with traffic`);
      check(
        step.slot !== baseline.serving || baked || asked.strategy.kind === "recreate",
        `${step.id} comes before the bake`,
      );
      slots[step.slot] = { occupied: false, revision: undefined };
    }
    if (step.do === "retire" && step.keep.rule !== "fixed") {
      check(
        asked.strategy.kind === "rolling" && step.slot === other,
        `${step.id} keeps a part outside of rolling`,
      );
    }
    if (step.do === "migrate" && step.phase === "contract")
      check(!slots[other].occupied, `contract before ${other} is gone`);
    check(
      step.reason !== "" && step.deadline >= 0 && Number.isFinite(step.deadline),
      `${step.id} has no end or no reason`,
    );
  });
  check(sameWeights(weights, allTo(candidate.slot)), `${candidate.slot} has not everything at the end`);
  check(!slots[other].occupied, `${other} is not empty at the end`);
  check(new Set(steps.map((step) => step.id)).size === steps.length, "ids are not unique");
  const bake = steps.findIndex((step) => step.do === "bake");
  const restores = steps.flatMap((step, index) => (step.do === "restore" ? [index] : []));
  check(
    restores.length === 1 && restores.every((index) => index > bake),
    "restore is not planned once after the bake",
  );
  checkGuards(given, check);
  return broken;
}

function checkGuards(given: Plan, check: (holds: boolean, text: string) => void): void {
  const at = (id: string | undefined): number => given.steps.findIndex((step) => step.id === id);
  const raise = given.steps.findIndex(
    (step) => step.do === "shift" && shareIn(step.to, given.candidate.slot) > 0,
  );
  const bake = given.steps.findIndex((step) => step.do === "bake");
  for (const guard of given.guards) {
    check(
      guard.slot === given.candidate.slot && at(guard.from) >= 0 && at(guard.from) <= raise,
      `${guard.id} starts too late`,
    );
    check(at(guard.to) === bake, `${guard.id} does not last until the end of the bake`);
  }
  const limit = given.pointOfNoReturn;
  check(
    (limit === undefined) === !given.steps.some((step) => isPointOfNoReturn(given, step)),
    "the point of no return is wrong",
  );
  check(limit === undefined || at(limit) >= 0, "the point of no return is no step");
}

function isPointOfNoReturn(given: Plan, step: Step): boolean {
  if (step.do !== "migrate") return false;
  const liveStops = given.baseline.serving !== "nobody" && given.baseline.serving !== given.candidate.slot;
  return step.phase === "contract" || (given.request.strategy.migrations.destructive && liveStops);
}

/** In a pool both slots may receive; 50 orders it between nothing and everything. */
function shareIn(weights: Weights, of: Slot): number {
  return weights === "pool" ? 50 : weights[of];
}

function canDo(to: Weights, modes: readonly Mode[]): boolean {
  if (to === "pool") return modes.includes("pool");
  const divided = to.blue > 0 && to.green > 0;
  return modes.includes("weights") || (!divided && (modes.includes("switch") || modes.includes("none")));
}

function stateOf(of: Observed, name: Slot): { occupied: boolean; revision: Revision | undefined } {
  const read = of.slots[name];
  if (read.is === "unreadable") throw new Error("planned over an unreadable slot");
  return { occupied: isOccupied(read.value), revision: wholeRevision(read.value) };
}

/** None where a replica runs something else than its slot says. */
function wholeRevision(state: SlotState): Revision | undefined {
  const same = state.replicas.every(
    (each) =>
      each.phase === "exited" || each.revision === undefined || sameRevision(each.revision, state.revision),
  );
  return same ? state.revision : undefined;
}

function expectServed(of: Observed, name: Slot, revision: Revision): void {
  const { routing, slots } = of;
  const read = slots[name];
  if (routing.is === "unreadable" || read.is === "unreadable")
    throw new Error("unchanged, yet nothing was seen");
  expect(serves(routing.value.weights, read.value)).toBe(true);
  expect(sameRevision(wholeRevision(read.value), revision)).toBe(true);
}

function count(into: Map<string, number>, answer: Planned, kind: string): void {
  const key = `${answer.is} ${kind}`;
  into.set(key, (into.get(key) ?? 0) + 1);
}

/** The same value with the keys of every object in another order. */
function shuffled<T>(value: T): T {
  if (Array.isArray(value)) return value.map(shuffled) as T;
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([key, field]) => [key, shuffled(field)]),
  ) as T;
}

describe("canonicalJson", () => {
  it("sorts keys at every depth, keeps arrays, leaves undefined out", () => {
    expect(canonicalJson({ b: [2, 1, { d: null, c: "é\n" }], a: undefined, A: true })).toBe(
      `{"A":true,"b":[2,1,{"c":"é\\n","d":null}]}`,
    );
  });
  it("refuses what JSON has no word for", () => {
    expect(() => canonicalJson({ a: Infinity })).toThrow("no canonical JSON");
    expect(() => canonicalJson([undefined])).toThrow("no canonical JSON");
  });
  it("reads back as the same plan", () => {
    const given = planned(request("rolling", { revision: V2 }));
    expect(JSON.parse(canonicalJson(given))).toEqual(given);
  });
});
