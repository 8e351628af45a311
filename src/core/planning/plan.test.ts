import { describe, expect, it } from "vitest";
import type { Observed } from "../observed.ts";
import type { Request, StrategyKind } from "../plan.ts";
import { NOBODY, type Weights } from "../routing.ts";
import { plan, type PlanInput } from "./plan.ts";
import {
  ALL_MODES,
  APPROVAL,
  blueServes,
  digest,
  observed,
  planned,
  request,
  router,
  slot,
  UNREADABLE,
  V1,
  V2,
  V3,
} from "./testing.ts";

const BLUE: Weights = { blue: 100, green: 0 };
const SPLIT: Weights = { blue: 70, green: 30 };
const KINDS = ["blueGreen", "canary", "rolling", "recreate"] as const;

const ids = (...of: Parameters<typeof planned>): string =>
  planned(...of)
    .steps.map((step) => step.id)
    .join(" ");

function answer(asked: Request, of: Observed, but: Partial<PlanInput> = {}): ReturnType<typeof plan> {
  return plan({ request: asked, observed: of, router: ALL_MODES, digest, ...but });
}

function refusalOf(...of: Parameters<typeof answer>): string {
  const given = answer(...of);
  return given.is === "refused" ? `${given.cause.code} ${given.cause.message}\n${given.next}` : given.is;
}

describe("the shapes", () => {
  it("blueGreen", () => {
    const migrations = { expand: true, contract: true, destructive: false };
    const given = planned(request("blueGreen", {}, { migrations, gates: [APPROVAL] }));
    expect(given.steps.map((step) => step.id).join(" ")).toBe(
      "migrate-expand ensure-green probe-green gate-1-approval shift-green-100 confirm-green-100 bake-green restore warm-blue drain-blue retire-blue migrate-contract",
    );
    expect(given.steps.find((step) => step.do === "ensure")).toMatchObject({
      size: { rule: "matchLive" },
      revision: V2,
    });
    expect(given.pointOfNoReturn).toBe("migrate-contract");
    expect(given.guards.map((guard) => `${guard.watch} ${guard.from} ${guard.to}`)).toEqual([
      "crashLoop ensure-green bake-green",
      "checks shift-green-100 bake-green",
      "errors shift-green-100 bake-green",
    ]);
  });
  it("canary", () => {
    expect(ids(request("canary"))).toBe(
      "ensure-green probe-green shift-green-10 confirm-green-10 gate-green-10 shift-green-50 confirm-green-50 gate-green-50 shift-green-100 confirm-green-100 bake-green restore warm-blue drain-blue retire-blue",
    );
  });
  it("rolling by weights", () => {
    expect(ids(request("rolling"))).toBe(
      "ensure-green-2of5 probe-green-2of5 shift-green-40 confirm-green-40 retire-blue-3of5 ensure-green-4of5 probe-green-4of5 shift-green-80 confirm-green-80 retire-blue-1of5 ensure-green-5of5 probe-green-5of5 shift-green-100 confirm-green-100 bake-green restore drain-blue retire-blue",
    );
  });
  it("rolling gives a batch no larger share than its replicas can carry", () => {
    for (let total = 1; total <= 100; total += 1) {
      const { steps } = planned(
        request("rolling", {}, { batch: 1 }),
        observed({ blue: 100, green: 0 }, slot("blue", V1, total)),
      );
      const shares = steps.flatMap((step) =>
        step.do === "shift" && step.to !== "pool" ? [step.to.green] : [],
      );
      expect(shares).toHaveLength(total);
      // So many the engine would start for the share: more than the batch has would be beyond what the plan may use.
      shares.forEach((share, batch) => expect(Math.ceil((total * share) / 100)).toBe(batch + 1));
    }
  });

  it("rolling in a pool joins it once, after the first batch passed its probe", () => {
    expect(ids(request("rolling", {}, { gates: [APPROVAL] }), blueServes(), router("switch", "pool"))).toBe(
      "ensure-green-2of5 probe-green-2of5 gate-1-approval shift-pool confirm-pool retire-blue-3of5 ensure-green-4of5 probe-green-4of5 retire-blue-1of5 ensure-green-5of5 probe-green-5of5 shift-green-100 confirm-green-100 bake-green restore drain-blue retire-blue",
    );
  });
  it("recreate", () => {
    const given = planned(
      request("recreate", {}, { migrations: { expand: true, contract: false, destructive: true } }),
    );
    expect(given.steps.map((step) => step.id).join(" ")).toBe(
      "shift-nobody confirm-nobody drain-blue retire-blue migrate-expand ensure-green probe-green shift-green-100 confirm-green-100 bake-green restore",
    );
    expect(given.steps.find((step) => step.do === "ensure")).toMatchObject({
      size: { rule: "fixed", replicas: 5 },
    });
    expect(given.pointOfNoReturn).toBe("migrate-expand");
  });
  it.each(KINDS)("%s: a first deployment has nobody to share with, to keep or to stop", (kind) => {
    const given = planned(request(kind), observed(NOBODY));
    expect(given.steps.map((step) => step.id).join(" ")).toBe(
      "ensure-blue probe-blue shift-blue-100 confirm-blue-100 bake-blue restore",
    );
    expect(given.baseline.serving).toBe("nobody");
    expect(given.steps[0]).toMatchObject({ size: { rule: "fixed", replicas: 2 } });
  });
});

describe("who serves", () => {
  it("weights on an empty slot count for nothing; the candidate starts out of traffic", () => {
    expect(ids(request("blueGreen"), observed(BLUE))).toBe(
      "ensure-green probe-green shift-green-100 confirm-green-100 bake-green restore",
    );
  });
  it("ships the fix beside a slot that is down, at its size, and stops it after the bake", () => {
    const down = observed(BLUE, slot("blue", V1, 5, "crashLoop"));
    const given = planned(request("blueGreen"), down);
    expect(given.steps.map((step) => step.id).join(" ")).toBe(
      "ensure-green probe-green shift-green-100 confirm-green-100 bake-green restore drain-blue retire-blue",
    );
    expect(given.baseline.serving).toBe("nobody");
    expect(given.steps[0]).toMatchObject({ size: { rule: "fixed", replicas: 5 } });
  });
  it("the same revision live and serving is unchanged, whatever is left in the idle slot", () => {
    const of = observed(BLUE, slot("blue", V2, 5), slot("green", V3, 1));
    expect(answer(request("blueGreen"), of)).toEqual({ is: "unchanged", slot: "blue" });
    expect(answer(request("blueGreen"), of, { reverted: true })).toEqual({ is: "unchanged", slot: "blue" });
  });
  it("another configuration of the same revision is not the same, nor is a repeat that was asked for", () => {
    const of = observed(BLUE, slot("blue", V2, 5));
    expect(answer(request("blueGreen", { revision: { id: "v2", config: "c2" } }), of).is).toBe("plan");
    expect(ids(request("blueGreen", { again: true }), of)).toContain(
      "ensure-green probe-green shift-green-100",
    );
  });
  it("the same revision live but down is deployed again, into the other slot", () => {
    expect(ids(request("blueGreen"), observed(BLUE, slot("blue", V2, 5, "unready")))).toContain(
      "ensure-green",
    );
  });
  it("one of two slots with weight has nothing ready: the other is live, and gets everything first", () => {
    const of = observed(SPLIT, slot("blue", V1, 5), slot("green", V3, 5, "crashLoop"));
    expect(ids(request("blueGreen"), of)).toMatch(
      /^probe-blue-live shift-blue-100 confirm-blue-100 drain-green-leftover retire-green-leftover ensure-green /,
    );
  });
  it("both serve: refused unless said which one is live", () => {
    const of = observed(SPLIT, slot("blue", V1, 5), slot("green", V3, 5));
    expect(refusalOf(request("blueGreen"), of)).toMatch(/^TEAL-P103 .*blue 70 %, green 30 %.*\n.*--live/s);
    expect(ids(request("blueGreen", { live: "green" }), of)).toMatch(
      /^probe-green-live shift-green-100 confirm-green-100 drain-blue-leftover retire-blue-leftover ensure-blue /,
    );
  });
  it("both serve and the one said to be live has the revision already: it gets the rest, the other goes", () => {
    const of = observed(SPLIT, slot("blue", V1, 5), slot("green", V2, 3));
    const given = planned(request("canary", { live: "green" }), of);
    expect(given.steps.map((step) => step.id).join(" ")).toBe(
      "ensure-green probe-green shift-green-100 confirm-green-100 bake-green restore drain-blue retire-blue",
    );
    expect(given.candidate.slot).toBe("green");
  });
  it("a pool with one slot populated has that slot live", () => {
    expect(answer(request("blueGreen", { revision: V1 }), observed("pool", slot("blue", V1, 3)))).toEqual({
      is: "unchanged",
      slot: "blue",
    });
    expect(ids(request("rolling"), observed("pool", slot("blue", V1, 1)))).toMatch(
      /^probe-blue-live shift-blue-100 confirm-blue-100 ensure-green-1of1 /,
    );
  });
});

describe("what is left in the candidate's slot", () => {
  it("the candidate itself, of an aborted deployment: ensure converges", () => {
    expect(ids(request("blueGreen"), observed(BLUE, slot("blue", V1, 5), slot("green", V2, 1)))).toMatch(
      /^ensure-green probe-green /,
    );
  });
  it.each(KINDS)("%s: another revision, kept warm or left over, goes before anything else", (kind) => {
    const of = observed(BLUE, slot("blue", V1, 5), slot("green", V3, 5));
    const migrations = { expand: true, contract: false, destructive: false };
    expect(ids(request(kind, {}, { migrations }), of)).toMatch(
      /^drain-green-leftover retire-green-leftover /,
    );
  });
  it("a slot in the middle of a change counts as another revision", () => {
    const green = slot("green", V2, 2);
    const mixed = {
      ...green,
      replicas: green.replicas.map((each, index) => (index === 0 ? { ...each, revision: V3 } : each)),
    };
    expect(ids(request("blueGreen"), observed(BLUE, slot("blue", V1, 5), mixed))).toMatch(
      /^drain-green-leftover/,
    );
  });
  it("replicas still stopping are waited out; records of exited ones are not", () => {
    const stopping = { ...slot("green", V3, 1, "stopping"), wanted: 0 };
    expect(ids(request("blueGreen"), observed(BLUE, slot("blue", V1, 5), stopping))).toMatch(
      /^drain-green-leftover/,
    );
    const exited = { ...slot("green", V3, 1, "exited"), wanted: 0 };
    expect(ids(request("blueGreen"), observed(BLUE, slot("blue", V1, 5), exited))).toMatch(/^ensure-green/);
  });
});

describe("refusals", () => {
  it("what cannot be read is not guessed", () => {
    const of = blueServes();
    expect(refusalOf(request("blueGreen"), { ...of, routing: UNREADABLE })).toMatch(
      /^TEAL-P101 .*it does not answer/,
    );
    expect(refusalOf(request("blueGreen"), { ...of, slots: { ...of.slots, green: UNREADABLE } })).toMatch(
      /^TEAL-P102 slot green/,
    );
  });
  it("a live slot named against what the router says", () => {
    expect(refusalOf(request("blueGreen", { live: "green" }), blueServes())).toMatch(
      /^TEAL-P104 .*blue serves/,
    );
  });
  it("nobody serves and every slot has weight: only recreate may take traffic off both", () => {
    const of = observed(SPLIT, slot("blue", V1, 2, "unready"), slot("green", V3, 2, "unready"));
    expect(refusalOf(request("canary"), of)).toMatch(/^TEAL-P105 .*\n.*recreate/s);
    expect(ids(request("recreate"), of)).toBe(
      "shift-nobody confirm-nobody drain-blue-leftover retire-blue-leftover drain-green retire-green ensure-blue probe-blue shift-blue-100 confirm-blue-100 bake-blue restore",
    );
  });
  it.each<[StrategyKind, PlanInput["router"], string]>([
    ["canary", router("switch"), "blueGreen"],
    ["canary", router("switch", "pool"), "blueGreen"],
    ["rolling", router("switch"), "blueGreen"],
    ["rolling", router("none"), "recreate"],
    ["blueGreen", router("none"), "recreate"],
    ["blueGreen", router("pool"), "no strategy works"],
  ])("%s without its mode (%j) names the nearest: %s", (kind, by, nearest) => {
    const given = refusalOf(request(kind), blueServes(), { router: by });
    expect(given).toMatch(/^TEAL-P110/);
    expect(given.split("\n")[1]).toContain(nearest);
  });
  it("numbers no plan can be made of", () => {
    expect(refusalOf(request("rolling", {}, { batch: 0 }), blueServes())).toMatch(
      /^TEAL-P111 the batch is 0/,
    );
    expect(refusalOf(request("blueGreen", { replicas: 0 }), blueServes())).toMatch(
      /^TEAL-P111 replicas is 0/,
    );
    const shifts = [50, 10].map((share) => ({ share, gate: APPROVAL }));
    expect(refusalOf(request("canary", {}, { shifts }), blueServes())).toMatch(
      /^TEAL-P111 the canary's shares are 50, 10/,
    );
  });
  it("a revision that was reverted, unless it is rolled back to", () => {
    expect(refusalOf(request("blueGreen"), blueServes(), { reverted: true })).toMatch(
      /^TEAL-P112 v2 .*\n.*--retry-reverted/s,
    );
    expect(answer(request("blueGreen", { rollback: true }), blueServes(), { reverted: true }).is).toBe(
      "plan",
    );
  });
  it("a migration the running revision cannot live with, unless it is stopped first or there is none", () => {
    const migrations = { expand: true, contract: false, destructive: true };
    expect(refusalOf(request("blueGreen", {}, { migrations }), blueServes())).toMatch(
      /^TEAL-P113 .*\n.*recreate/s,
    );
    expect(answer(request("recreate", {}, { migrations }), blueServes()).is).toBe("plan");
    expect(answer(request("blueGreen", {}, { migrations }), observed(NOBODY)).is).toBe("plan");
  });
});
