import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Check, CheckPlan, Sample, Window } from "./checks.ts";
import type { Replica } from "./observed.ts";
import { instant, millis } from "./units.ts";
import { MAX_WINDOW } from "./tally.ts";
import { emptyTally, judge, record, steady, type Tally } from "./verdict.ts";

const WINDOW: Window = {
  of: 5,
  passes: 3,
  consecutive: 2,
  interval: millis(500),
  jitter: 0.2,
  deadline: millis(60_000),
};
const SOON = millis(0);
const LATE = WINDOW.deadline;

const http = (name: string, path: string, kind: Check["kind"] = "deep"): Check => ({
  name,
  kind,
  timeout: millis(300),
  ask: "http",
  http: { method: "GET", path, headers: {}, status: [[200, 200]], followRedirects: 0 },
});
const READY = http("ready", "/health", "ready");
const DEEP = http("deep[0]", "/health/db");

const plan = (checks: readonly Check[] = [DEEP], changes: Partial<CheckPlan> = {}): CheckPlan => ({
  checks,
  window: WINDOW,
  minHealthy: "all",
  identity: { by: "address" },
  ...changes,
});

const replica = (id: string, changes: Partial<Replica> = {}): Replica => ({
  id,
  incarnation: `${id}/1`,
  phase: "ready",
  restarts: 0,
  ...changes,
});

type Result = Sample["result"];
const RESULTS: Record<string, Result> = { P: "pass", F: "fail", U: "unknown" };

const sample = (of: Replica, check: Check, result: Result, attempt = 1): Sample => ({
  check: check.name,
  replica: of.id,
  incarnation: of.incarnation,
  attempt,
  took: millis(3),
  result,
  ...(result === "pass"
    ? { actual: "200" }
    : result === "fail"
      ? { expected: "200", actual: "503", excerpt: "no database" }
      : { actual: "no way" }),
});

/** `PPF` for one replica and check, on top of `tally`. */
const told = (letters: string, of: Replica, check: Check = DEEP, tally: Tally = emptyTally()): Tally =>
  letters
    .split("")
    .reduce(
      (sofar, letter, index) => record(sofar, [sample(of, check, RESULTS[letter] as Result, index + 1)]),
      tally,
    );

const one = replica("green-1");
const two = replica("green-2");
const decision = (letters: string, elapsed = SOON, of = one) =>
  judge(told(letters, of), plan(), [of], [], elapsed).decision;

describe("a window", () => {
  it.each([
    ["", "undecided"],
    ["PP", "undecided"],
    ["PPP", "pass"],
    ["FPP", "undecided"],
    ["FPPP", "pass"],
    ["PPPF", "undecided"],
    ["PPPFP", "undecided"],
    ["PPPFPP", "pass"],
    ["PFPFP", "undecided"],
    ["PUPUP", "undecided"],
    ["PUPP", "pass"],
    ["PPPU", "undecided"],
  ])("%s is %s", (letters, expected) => {
    expect(decision(letters)).toBe(expected);
  });

  it.each([
    ["", "inconclusive"],
    ["UUUUU", "inconclusive"],
    ["PP", "inconclusive"],
    ["PPF", "fail"],
    ["PFPFP", "fail"],
    ["UUUUF", "fail"],
    ["PPPF", "fail"],
    ["FFFFFPPP", "pass"],
  ])("%s at the deadline is %s", (letters, expected) => {
    expect(decision(letters, LATE)).toBe(expected);
  });

  it("never passes by the first good answer", () => {
    expect(decision("P")).toBe("undecided");
  });

  it("keeps no more than the largest window", () => {
    const tally = told("P".repeat(MAX_WINDOW + 20), one);
    const [series] = Object.values(tally.series);
    expect(series?.samples.length).toBe(MAX_WINDOW);
    expect(series?.asked).toBe(MAX_WINDOW + 20);
  });
});

describe("an early failure", () => {
  it("comes after two whole windows for a replica that calls itself ready", () => {
    expect(decision("F".repeat(9))).toBe("undecided");
    expect(decision("F".repeat(10))).toBe("fail");
  });

  it("waits for the deadline while the replica is not ready", () => {
    const starting = replica("green-1", { phase: "unready" });
    expect(decision("F".repeat(40), SOON, starting)).toBe("undecided");
    expect(decision("F".repeat(40), LATE, starting)).toBe("fail");
  });

  it("does not come for a replica that recovers", () => {
    expect(decision("FFFFFFFFPP")).toBe("undecided");
    expect(decision("FFFFFFFFPPP")).toBe("pass");
  });

  it("does not come for questions that could not be asked", () => {
    expect(decision("U".repeat(40))).toBe("undecided");
  });
});

describe("replicas", () => {
  it("must all pass by default", () => {
    const both = told("PPP", two, DEEP, told("FFF", one));
    expect(judge(both, plan(), [one, two], [], SOON).decision).toBe("undecided");
    expect(judge(both, plan(), [one, two], [], LATE).decision).toBe("fail");
    expect(judge(both, plan(), [one, two], [], LATE).passed).toEqual(["green-2/1"]);
  });

  it("need only be as many as minHealthy asks for", () => {
    const both = told("PPP", two, DEEP, told("FFF", one));
    expect(judge(both, plan([DEEP], { minHealthy: 1 }), [one, two], [], SOON).decision).toBe("pass");
    expect(judge(both, plan([DEEP], { minHealthy: 3 }), [one, two], [], SOON).decision).toBe("undecided");
  });

  it("that do not exist never pass", () => {
    for (const minHealthy of ["all", 0, 1] as const) {
      expect(judge(emptyTally(), plan([], { minHealthy }), [], [], SOON).decision).toBe("undecided");
      expect(judge(emptyTally(), plan([], { minHealthy }), [], [], LATE).decision).toBe("inconclusive");
      expect(judge(told("PPP", one), plan([DEEP], { minHealthy }), [], [], LATE).decision).toBe(
        "inconclusive",
      );
      expect(steady(told("PPP", one), plan([DEEP], { minHealthy }), [], []).decision).toBe("fail");
    }
  });

  it("that stop are not counted", () => {
    const stopping = replica("green-2", { phase: "stopping" });
    expect(judge(told("PPP", one), plan(), [one, stopping], [], SOON).decision).toBe("pass");
    expect(judge(told("PPP", stopping), plan(), [stopping], [], SOON).decision).toBe("undecided");
  });

  it("without any check pass when the target calls them ready", () => {
    expect(judge(emptyTally(), plan([]), [one], [], SOON).decision).toBe("pass");
    expect(judge(emptyTally(), plan([]), [replica("green-1", { phase: "unready" })], [], SOON).decision).toBe(
      "undecided",
    );
  });
});

describe("a crash", () => {
  const crashes: readonly [string, Replica][] = [
    ["an exit", replica("green-1", { phase: "exited", exit: { code: 1, signal: null, at: instant(0) } })],
    ["a crash loop", replica("green-1", { phase: "crashLoop", restarts: 5 })],
    ["a new incarnation", replica("green-1", { incarnation: "green-1/2", restarts: 1 })],
    ["more restarts", replica("green-1", { restarts: 1 })],
  ];

  it.each(crashes)("seen as %s fails at once", (_, crashed) => {
    const verdict = judge(
      told("PP", one, DEEP, record(emptyTally(), [], [one])),
      plan(),
      [crashed],
      [],
      SOON,
    );
    expect(verdict.decision).toBe("fail");
    expect(verdict.cause?.code).toBe("TEAL-H103");
    expect(verdict.passed).toEqual([]);
  });

  it("before the first answer is noticed as well", () => {
    const tally = record(emptyTally(), [], [one]);
    expect(judge(tally, plan(), [replica("green-1", { incarnation: "green-1/2" })], [], SOON).decision).toBe(
      "fail",
    );
  });

  it("of one replica is tolerated where minHealthy allows it", () => {
    const tally = told("PPP", two, DEEP, told("P", one));
    const crashed = replica("green-1", { phase: "exited" });
    expect(judge(tally, plan([DEEP], { minHealthy: 1 }), [crashed, two], [], SOON).decision).toBe("pass");
  });

  it("is not healed by answers of the next life", () => {
    const next = replica("green-1", { incarnation: "green-1/2", restarts: 1 });
    expect(judge(told("PPPPP", next, DEEP, told("PP", one)), plan(), [next], [], SOON).decision).toBe("fail");
  });

  it("is not forgiven by --force", () => {
    expect(
      judge(told("PPP", one), plan(), [replica("green-1", { phase: "exited" })], ["deep[0]"], SOON).decision,
    ).toBe("fail");
  });

  it("lends nothing to the next life: its window starts empty", () => {
    const next = replica("green-1", { incarnation: "green-1/2" });
    const tally = record(told("PPPPP", one), [sample(next, DEEP, "pass")]);
    expect(Object.values(tally.series).map((series) => series.asked)).toEqual([1]);
  });
});

describe("a forced check", () => {
  it("is reported and does not block", () => {
    const tally = told("FFF", one, DEEP, told("PPP", one, READY));
    const verdict = judge(tally, plan([READY, DEEP]), [one], ["deep[0]"], SOON);
    expect(verdict.decision).toBe("pass");
    expect(verdict.failing.map(({ check }) => check)).toEqual(["deep[0]"]);
    expect(verdict.summary).toBe(
      "/health 200 · forced: GET /health/db: expected 200, got 503 (3 of 3 failed)",
    );
  });
});

describe("the summary", () => {
  it("names every passed check", () => {
    const tally = record(told("PPP", one, DEEP, told("PPP", one, READY)), [
      { ...sample(one, DEEP, "pass"), excerpt: "connected" },
    ]);
    expect(judge(tally, plan([READY, DEEP]), [one], [], SOON).summary).toBe(
      '/health 200 · /health/db 200 "connected"',
    );
  });

  it("names the worst failure first, with its evidence", () => {
    const tally = told("PPFFF", one, DEEP, told("PPPPF", one, READY));
    const verdict = judge(tally, plan([READY, DEEP]), [one], [], LATE);
    expect(verdict.summary).toBe(
      "GET /health/db: expected 200, got 503 (3 of 5 failed) · 1 more failing: /health",
    );
    expect(verdict.failing.map(({ check }) => check)).toEqual(["deep[0]", "ready"]);
    expect(verdict.cause).toEqual({
      code: "TEAL-H101",
      message: verdict.summary,
      evidence: ['body: "no database"', 'body: "no database"'],
    });
  });

  it("tells why nothing could be asked", () => {
    const verdict = judge(told("UU", one), plan(), [one], [], LATE);
    expect(verdict.summary).toBe("deep[0]: could not be asked (no way)");
    expect(verdict.cause?.code).toBe("TEAL-H102");
    expect(verdict.unknown.length).toBe(1);
  });

  it("hides what looks like a secret in a path or a command", () => {
    const asking = http("deep[0]", "/health?token=abc");
    const running: Check = {
      name: "deep[1] exec check --password=hunter22",
      kind: "deep",
      timeout: millis(1),
      ask: "exec",
      exec: { command: "x", expectExit: 0 },
    };
    const tally = told("FFF", one, asking, told("FFF", one, running));
    const verdict = judge(tally, plan([asking, running]), [one], [], LATE);
    expect(verdict.summary).toBe(
      "GET /health?token=[redacted]: expected 200, got 503 (3 of 3 failed) · 1 more failing: deep[1] exec check --password=[redacted]",
    );
  });

  it("tells how a replica crashed", () => {
    const crashed = replica("green-1", {
      phase: "exited",
      exit: { code: null, signal: "SIGSEGV", at: instant(0) },
    });
    expect(judge(told("F", one), plan(), [crashed], [], SOON).summary).toBe(
      "green-1 crashed, SIGSEGV · GET /health/db: expected 200, got 503 (1 of 1 failed)",
    );
    expect(judge(emptyTally(), plan(), [], [], LATE).summary).toBe("no replica to ask");
  });
});

describe("a healthy slot that is watched", () => {
  const look = (letters: string, of = one) => steady(told(letters, of), plan(), [of], []).decision;

  it.each([
    ["", "undecided"],
    ["P", "undecided"],
    ["PPP", "pass"],
    ["PPPF", "pass"],
    ["PPPFF", "pass"],
    ["PPPFFF", "fail"],
    ["FFF", "fail"],
    ["UUU", "undecided"],
    ["UUUUU", "inconclusive"],
    ["PPPUUU", "inconclusive"],
    ["PPPFFFPPP", "pass"],
  ])("%s is %s", (letters, expected) => {
    expect(look(letters)).toBe(expected);
  });

  it("fails at a crash, and recovers with a new life that is proven where minHealthy leaves the time", () => {
    const crashed = replica("green-1", { phase: "exited" });
    expect(steady(told("PPPPP", one), plan(), [crashed], []).decision).toBe("fail");
    const next = replica("green-1", { incarnation: "green-1/2", restarts: 1 });
    expect(steady(told("PPPPP", one), plan(), [next], []).decision).toBe("fail");
    expect(steady(told("PP", next, DEEP, told("PPPPP", one)), plan(), [next], []).decision).toBe("fail");
    expect(steady(told("PPP", next, DEEP, told("PPPPP", one)), plan(), [next], []).decision).toBe("pass");
  });

  it("does not live on answers of the past when nothing can be asked any more", () => {
    let tally = told("PPPPP", one);
    const decisions = Array.from({ length: 5 }, () => {
      tally = record(tally, [], [one]);
      return steady(tally, plan(), [one], []).decision;
    });
    expect(decisions).toEqual(["pass", "pass", "inconclusive", "inconclusive", "inconclusive"]);
    expect(steady(tally, plan(), [one], []).summary).toBe(
      "deep[0]: could not be asked (the replica could not be reached)",
    );
  });

  it("is inconclusive when it could never be asked", () => {
    const seen = (rounds: number) =>
      Array.from({ length: rounds }).reduce<Tally>((tally) => record(tally, [], [one]), emptyTally());
    expect(steady(seen(4), plan(), [one], []).decision).toBe("undecided");
    expect(steady(seen(5), plan(), [one], []).decision).toBe("inconclusive");
  });

  it("waits for a replica that was added", () => {
    expect(steady(told("PPP", one), plan(), [one, two], []).decision).toBe("undecided");
  });
});

describe("properties", () => {
  const results = fc.array(fc.constantFrom<Result>("pass", "fail", "unknown"), { maxLength: 14 });
  const windows = fc.integer({ min: 1, max: 6 }).chain((of) =>
    fc.record({
      of: fc.constant(of),
      passes: fc.integer({ min: 1, max: of }),
      consecutive: fc.integer({ min: 0, max: of }),
    }),
  );
  const elapsed = fc.constantFrom(SOON, LATE);
  const tallyOf = (
    lists: readonly (readonly Result[])[],
    order: readonly number[] = [...lists.keys()],
  ): Tally =>
    order.reduce((tally, index) => {
      const of = replica(`green-${index}`);
      return (lists[index] ?? []).reduce(
        (sofar, result) => record(sofar, [sample(of, DEEP, result)], [of]),
        tally,
      );
    }, emptyTally());
  const replicasOf = (lists: readonly unknown[]) => lists.map((_, index) => replica(`green-${index}`));
  const GOOD = { pass: 3, undecided: 2, inconclusive: 1, fail: 0 };

  it("a better answer never makes the verdict worse", () => {
    fc.assert(
      fc.property(results, fc.nat(), windows, elapsed, (list, where, shape, time) => {
        fc.pre(list.length > 0);
        const better = list.with(where % list.length, "pass");
        const checks = plan([DEEP], { window: { ...WINDOW, ...shape } });
        const before = tallyOf([list]);
        const after = tallyOf([better]);
        expect(GOOD[judge(after, checks, replicasOf([list]), [], time).decision]).toBeGreaterThanOrEqual(
          GOOD[judge(before, checks, replicasOf([list]), [], time).decision],
        );
        if (steady(before, checks, replicasOf([list]), []).decision !== "fail") {
          expect(steady(after, checks, replicasOf([list]), []).decision).not.toBe("fail");
        }
      }),
    );
  });

  it("one more pass never takes a pass away", () => {
    fc.assert(
      fc.property(results, windows, elapsed, (list, shape, time) => {
        const checks = plan([DEEP], { window: { ...WINDOW, ...shape } });
        fc.pre(judge(tallyOf([list]), checks, replicasOf([list]), [], time).decision === "pass");
        expect(judge(tallyOf([[...list, "pass"]]), checks, replicasOf([list]), [], time).decision).toBe(
          "pass",
        );
      }),
    );
  });

  it("an unknown never helps: with it taken for a failure a pass is still a pass", () => {
    fc.assert(
      fc.property(results, windows, elapsed, (list, shape, time) => {
        const checks = plan([DEEP], { window: { ...WINDOW, ...shape } });
        fc.pre(judge(tallyOf([list]), checks, replicasOf([list]), [], time).decision === "pass");
        const worse = list.map((result) => (result === "unknown" ? "fail" : result));
        expect(judge(tallyOf([worse]), checks, replicasOf([list]), [], time).decision).toBe("pass");
      }),
    );
  });

  it("a flapping check never passes when the window wants more than half", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 10 }),
        fc.integer({ min: 1, max: 60 }),
        fc.boolean(),
        elapsed,
        (of, length, first, time) => {
          const list = Array.from({ length }, (_, index): Result =>
            (index % 2 === 0) === first ? "pass" : "fail",
          );
          const checks = plan([DEEP], {
            window: { ...WINDOW, of, passes: Math.floor((of + 1) / 2) + 1, consecutive: 1 },
          });
          expect(judge(tallyOf([list]), checks, replicasOf([list]), [], time).decision).not.toBe("pass");
        },
      ),
    );
  });

  it("a pass holds at least `passes` passes of every replica, and the last `consecutive` are passes", () => {
    fc.assert(
      fc.property(fc.array(results, { maxLength: 4 }), windows, elapsed, (lists, shape, time) => {
        const verdict = judge(
          tallyOf(lists),
          plan([DEEP], { window: { ...WINDOW, ...shape } }),
          replicasOf(lists),
          [],
          time,
        );
        fc.pre(verdict.decision === "pass");
        expect(lists.length).toBeGreaterThan(0);
        for (const list of lists) {
          const window = list.slice(-shape.of);
          expect(window.filter((result) => result === "pass").length).toBeGreaterThanOrEqual(shape.passes);
          expect(window.slice(window.length - shape.consecutive).every((result) => result === "pass")).toBe(
            true,
          );
        }
      }),
    );
  });

  it("the order of the replicas does not matter", () => {
    fc.assert(
      fc.property(
        fc.array(results, { minLength: 1, maxLength: 4 }),
        windows,
        elapsed,
        (lists, shape, time) => {
          const checks = plan([DEEP], { window: { ...WINDOW, ...shape } });
          const there = replicasOf(lists);
          const back = [...lists.keys()].toReversed();
          for (const verdict of [
            (tally: Tally, list: readonly Replica[]) => judge(tally, checks, list, [], time),
            (tally: Tally, list: readonly Replica[]) => steady(tally, checks, list, []),
          ]) {
            const forth = verdict(tallyOf(lists), there);
            const reversed = verdict(tallyOf(lists, back), there.toReversed());
            expect(reversed.decision).toBe(forth.decision);
            expect([...reversed.passed].sort()).toEqual([...forth.passed].sort());
          }
        },
      ),
    );
  });
});
