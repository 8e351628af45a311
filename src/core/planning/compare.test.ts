import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { HistoryRow } from "../journal.ts";
import type { StrategyKind } from "../plan.ts";
import { NOBODY } from "../routing.ts";
import { deploymentId, instant, millis } from "../units.ts";
import { compare, STRATEGY_KINDS, type CompareInput, type Comparison } from "./compare.ts";
import type { Cost } from "./cost.ts";
import { comparisonTable, describePlan } from "./describe.ts";
import {
  ALL_MODES,
  blueServes,
  digest,
  observed,
  planned,
  request,
  router,
  slot,
  UNREADABLE,
  V2,
} from "./testing.ts";
import { timeInWords } from "./words.ts";

function compared(but: Partial<CompareInput> = {}): Comparison {
  return compare({
    observed: blueServes(4),
    router: ALL_MODES,
    digest,
    requestFor: (kind) => request(kind),
    ...but,
  });
}

function cost(of: Comparison, kind: StrategyKind): Cost {
  const row = of.rows.find((each) => each.kind === kind);
  if (row?.is !== "possible") throw new Error(`no cost of ${kind}`);
  return row.cost;
}

function history(durations: Record<string, number>, outcome: HistoryRow["outcome"] = "done"): HistoryRow {
  return {
    id: deploymentId("d1"),
    service: "shop",
    environment: "production",
    number: 1,
    revision: "v1",
    config: "c1",
    slot: "blue",
    strategy: "blueGreen",
    outcome,
    by: "ann",
    opened: instant(0),
    closed: instant(1),
    durations,
  };
}

describe("compare", () => {
  // ensure 10 s, probe 2 × 0.5 s, shift 0.1 s, confirm 0.2 s, drain 1 s, retire 2 s: see durations.ts
  it("recreate alone leaves users unserved: from nobody to the cutover", () => {
    const all = compared();
    // confirm + drain + retire + ensure + probe + shift
    expect(cost(all, "recreate").downtime).toBe(200 + 1000 + 2000 + 10_000 + 1000 + 100);
    for (const kind of ["blueGreen", "canary", "rolling"] as const) expect(cost(all, kind).downtime).toBe(0);
  });
  it("counts replicas: twice the size, size and batch, or the size", () => {
    const all = compared();
    expect(STRATEGY_KINDS.map((kind) => cost(all, kind).peak)).toEqual([8, 8, 6, 4]);
    // blue-green: 4 more from the start until blue is gone, the warm time included
    const extra = 10_000 + 1000 + 100 + 200 + 30_000 + 600_000 + 1000 + 2000;
    expect(cost(all, "blueGreen").extraReplicaHours).toBeCloseTo((4 * extra) / 3_600_000, 9);
    // A slot counts until it has stopped and from when it starts, and nothing lies between but a migration.
    expect(cost(all, "recreate").extraReplicaHours).toBe(0);
    const migrations = { expand: true, contract: false, destructive: false };
    const migrating = compared({ requestFor: (kind) => request(kind, {}, { migrations }) });
    expect(cost(migrating, "recreate").extraReplicaHours).toBeCloseTo((-4 * 5000) / 3_600_000, 9);
  });
  it("where machines are counted, they start and stop more slowly, as long as nothing was measured", () => {
    const assumed = { ensure: 120_000, retire: 300_000 };
    const rolling = cost(compared(), "rolling");
    const slow = cost(compared({ assumed }), "rolling");
    expect(slow.steps).toBe(rolling.steps);
    expect(slow.extraReplicaHours).toBeGreaterThan(rolling.extraReplicaHours);
    // confirm + drain + retire + ensure + probe + shift
    expect(cost(compared({ assumed }), "recreate").downtime).toBe(
      200 + 1000 + 300_000 + 120_000 + 1000 + 100,
    );
    const measured = [history({ "ensure-green": 7_000, "retire-blue": 1_000 })];
    expect(cost(compared({ assumed, history: measured }), "recreate").downtime).toBe(
      200 + 1000 + 1_000 + 7_000 + 1000 + 100,
    );
    const [heads = []] = comparisonTable(compared({ assumed }), "instance");
    expect(heads).toContain("most instances");
    expect(heads).toContain("extra instance-hours");
  });
  it("the way back: a shift while the previous slot stands, a start where it has shrunk, a deployment once it is gone", () => {
    const all = compared();
    const back = (kind: StrategyKind, at: keyof Cost["back"]): unknown => {
      const way = cost(all, kind).back[at];
      return way.is === "possible" ? way.after : way;
    };
    expect([
      back("blueGreen", "beforeCutover"),
      back("blueGreen", "inBake"),
      back("blueGreen", "afterRetire"),
    ]).toEqual([0, 100, 11_100]);
    expect([back("canary", "beforeCutover"), back("canary", "inBake")]).toEqual([100, 100]);
    expect([back("rolling", "beforeCutover"), back("rolling", "inBake")]).toEqual([10_200, 10_200]);
    expect([back("recreate", "beforeCutover"), back("recreate", "inBake")]).toEqual([10_200, 10_200]);
  });
  it("there is no way back beyond contract, beyond a destructive migration, or to nobody", () => {
    const contract = compared({
      requestFor: (kind) =>
        request(kind, {}, { migrations: { expand: true, contract: true, destructive: false } }),
    });
    expect(cost(contract, "blueGreen").back.afterRetire).toMatchObject({ is: "impossible" });
    expect(cost(contract, "blueGreen").back.inBake).toMatchObject({ is: "possible" });
    const destructive = compared({
      requestFor: (kind) =>
        request(kind, {}, { migrations: { expand: true, contract: false, destructive: true } }),
    });
    expect(destructive.rows.map((row) => row.is)).toEqual(["refused", "refused", "refused", "possible"]);
    expect(cost(destructive, "recreate").back.inBake).toMatchObject({ is: "impossible" });
    expect(destructive.recommendation.strategy).toBe("recreate");
    const first = compared({ observed: observed(NOBODY) });
    expect(cost(first, "blueGreen").back.inBake).toEqual({
      is: "impossible",
      because: "nobody served before",
    });
    expect(cost(first, "recreate").downtime).toBe(0);
  });
  it("says how long the schema must suit both revisions, and how long users meet either", () => {
    const all = compared();
    expect(cost(all, "recreate").bothRun).toBe(0);
    expect(cost(all, "blueGreen").bothRun).toBe(10_000 + 1000 + 100 + 200 + 30_000 + 600_000 + 1000 + 2000);
    expect(cost(all, "blueGreen").bothServe).toBe(0);
    // two shares: confirm and watch of each, the shift out of each
    expect(cost(all, "canary").bothServe).toBe(2 * (200 + 60_000 + 100));
    expect(cost(all, "rolling").bothServe).toBeGreaterThan(0);
    expect(STRATEGY_KINDS.map((kind) => cost(all, kind).firstShare)).toEqual([100, 10, 50, 100]);
    const pool = compared({ router: router("switch", "pool") });
    expect(cost(pool, "rolling").firstShare).toBe(33);
  });
  it("counts steps and writes", () => {
    const all = compared();
    expect([cost(all, "blueGreen").steps, cost(all, "blueGreen").writes]).toEqual([9, 3]);
    expect([cost(all, "recreate").steps, cost(all, "recreate").writes]).toEqual([10, 4]);
  });
  it("lists what is refused, with its reason, and what is unchanged", () => {
    const all = compared({ router: router("switch") });
    expect(all.rows.map((row) => row.is)).toEqual(["possible", "refused", "refused", "possible"]);
    expect(comparisonTable(all)[2]?.join(" ")).toContain("TEAL-P110");
    const done = compared({ observed: observed({ blue: 100, green: 0 }, slot("blue", V2, 2)) });
    expect(done.rows.every((row) => row.is === "unchanged")).toBe(true);
    expect(done.recommendation).toEqual({
      strategy: "none",
      reason: "Nothing to do: the revision is live already and serves.",
    });
    const blind = compared({ observed: { ...blueServes(), routing: UNREADABLE } });
    expect(blind.recommendation.strategy).toBe("none");
    expect(blind.recommendation.reason).toContain("the router cannot be read");
  });
  it("learns medians by kind of step from deployments that went through", () => {
    const rows = [
      history({ "ensure-blue": 3000, "shift-blue-100": 5 }),
      history({ "ensure-green": 5000, "shift-green-100": 7 }),
      history({ "ensure-green-2of4": 4000 }),
      history({ "ensure-green": 120_000, "back-shift-blue": 40 }, "reverted"),
    ];
    const all = compared({ history: rows });
    expect(all.measured).toBe(3);
    expect(cost(all, "recreate").downtime).toBe(200 + 1000 + 2000 + 4000 + 1000 + 6);
    expect(cost(all, "blueGreen").back.inBake).toEqual({ is: "possible", after: 40 });
    expect(cost(all, "rolling").back.inBake).toEqual({ is: "possible", after: ALLOWED_GROWTH + 40 });
  });
});

/** Told to grow (an acknowledgement), then the measured start. */
const ALLOWED_GROWTH = 100 + 4000;

describe("recommend", () => {
  it("prefers no outage, then the quickest way back, then fewer steps", () => {
    const { recommendation } = compared();
    expect(recommendation.strategy).toBe("blueGreen");
    expect(recommendation.reason).toBe(
      "blueGreen: nobody goes unserved, the way back takes 0.1 s in the bake and for 10 min after it, it takes 9 steps and at most 8 replicas.",
    );
  });
  it("prefers a way back that stays quick over one with fewer steps", () => {
    const single = compared({ observed: blueServes(1) });
    const steps = (kind: string) =>
      single.rows.flatMap((row) => (row.is === "possible" && row.kind === kind ? [row.cost.steps] : []))[0] ??
      0;
    expect(steps("rolling")).toBeLessThan(steps("blueGreen"));
    expect(single.recommendation.strategy).toBe("blueGreen");
  });
  it("keeps to the capacity there is", () => {
    expect(compared({ capacity: 6 }).recommendation.strategy).toBe("rolling");
    expect(compared({ capacity: 6 }).recommendation.reason).toContain(
      "2 others would not fit into 6 replicas",
    );
    expect(compared({ capacity: 4 }).recommendation).toMatchObject({ strategy: "recreate" });
    expect(compared({ capacity: 4 }).recommendation.reason).toContain("the shortest outage");
    expect(compared({ capacity: 3 }).recommendation).toEqual({
      strategy: "none",
      reason: "No strategy fits into 3 replicas; the smallest needs 4.",
    });
  });
});

describe("words", () => {
  it.each([
    [0, "0 s"],
    [6, "0.01 s"],
    [100, "0.1 s"],
    [1500, "1.5 s"],
    [30_000, "30 s"],
    [90_000, "1.5 min"],
    [7_200_000, "2 h"],
  ])("%i ms is %s", (ms, text) => {
    expect(timeInWords(ms)).toBe(text);
  });
});

const DOC = "docs/strategies.md";

describe(DOC, () => {
  it("shows the plans as they are; `vitest run <this file> -u` brings it up to date", async () => {
    const file = new URL(`../../../${DOC}`, import.meta.url);
    const text = readFileSync(file, "utf8");
    let parts = 0;
    const current = text.replace(
      /(<!-- generated:(\w+) -->\n)[^]*?(<!-- end -->)/g,
      (_all, open: string, name: string, end: string) => {
        parts += 1;
        return `${open}${generated(name)}\n${end}`;
      },
    );
    expect(parts).toBe(5);
    await expect(current).toMatchFileSnapshot(file.pathname);
  });
});

/** The example in the document: four replicas of v1 on blue, v2 with a schema change in two phases. */
function generated(name: string): string {
  const migrations = { expand: true, contract: true, destructive: false };
  const requestFor = (kind: StrategyKind): ReturnType<typeof request> => request(kind, {}, { migrations });
  if (name === "comparison") {
    const all = compared({ requestFor });
    const [heads = [], ...rows] = comparisonTable(all).map((cells) =>
      cells.map((cell) => cell.replaceAll("|", "\\|")),
    );
    const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
    return [
      line(heads),
      line(heads.map(() => "---")),
      ...rows.map(line),
      "",
      `Recommended here: ${all.recommendation.reason}`,
    ].join("\n");
  }
  const kind = STRATEGY_KINDS.find((each) => each === name);
  if (kind === undefined) throw new Error(`nothing to generate for ${name}`);
  return ["```", ...describePlan(planned(requestFor(kind), blueServes(4))), "```"].join("\n");
}

describe("describePlan", () => {
  it("says for every step what is done, until when, and what happens then", () => {
    const given = planned(
      request(
        "blueGreen",
        {},
        {
          gates: [
            {
              gate: "schedule",
              days: [1],
              from: 485,
              to: 960,
              timeout: millis(3_600_000),
              otherwise: "revert",
            },
          ],
        },
      ),
    );
    const lines = describePlan(given);
    expect(lines).toHaveLength(given.steps.length + given.guards.length);
    expect(lines[0]).toMatch(
      /^ 1 {2}ensure-green +run v2 on green, as many replicas as live has then +within 2 min, else go back$/,
    );
    expect(lines[2]).toMatch(/wait for 08:05 to 16:00 UTC +within 1 h, else go back$/);
    expect(lines[9]).toMatch(/retire-blue +stop blue +within 1\.5 min, else stop and ask$/);
  });
});
