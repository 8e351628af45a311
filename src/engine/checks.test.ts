import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Check, CheckPlan, Sample, Window } from "../core/checks.ts";
import { instant, millis } from "../core/units.ts";
import type { Clock } from "../ports/clock.ts";
import type { Probe } from "../ports/probe.ts";
import type { Reach } from "../ports/slots.ts";
import { nextDelay, sampleRound } from "./checks.ts";

const WINDOW: Window = {
  of: 5,
  passes: 3,
  consecutive: 2,
  interval: millis(500),
  jitter: 0.2,
  deadline: millis(60_000),
};
const tcp = (name: string, kind: Check["kind"] = "deep", timeout = 1_000): Check => ({
  name,
  kind,
  timeout: millis(timeout),
  ask: "tcp",
  tcp: {},
});
const plan = (checks: readonly Check[]): CheckPlan => ({
  checks,
  window: WINDOW,
  minHealthy: "all",
  identity: { by: "address" },
});
const reach = (replica: string): Reach => ({
  replica,
  incarnation: `${replica}/1`,
  host: "127.0.0.1",
  port: 1,
  tail: () => Promise.resolve([]),
});
const never = new AbortController().signal;
const clock: Clock = {
  now: () => instant(0),
  monotonic: () => millis(0),
  // Only the round's own bound is waited for: it comes at once when nobody answers.
  sleep: (_, signal) =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, 100);
      signal?.addEventListener("abort", () => {
        clearTimeout(timer);
        resolve();
      });
    }),
};
const revision = { id: "v2", config: "c" };

const passing: Probe["sample"] = async (check, of) => ({
  check: check.name,
  replica: of.reach.replica,
  incarnation: of.reach.incarnation,
  attempt: of.attempt,
  took: millis(1),
  result: "pass",
});
const names = (samples: readonly Sample[]) => samples.map(({ replica, check }) => `${replica} ${check}`);

describe("a round", () => {
  it("asks every check of every replica once, in a stable order", async () => {
    const samples = await sampleRound(
      {
        clock,
        probe: { sample: passing },
        plan: plan([tcp("a"), tcp("b")]),
        reach: [reach("green-1"), reach("green-2")],
        revision,
        attempt: 7,
      },
      never,
    );
    expect(names(samples)).toEqual(["green-1 a", "green-1 b", "green-2 a", "green-2 b"]);
    expect(samples.every(({ attempt }) => attempt === 7)).toBe(true);
  });

  it("asks one kind only when told to, and nothing of nobody", async () => {
    const round = {
      clock,
      probe: { sample: passing },
      plan: plan([tcp("a", "ready"), tcp("b")]),
      reach: [reach("green-1")],
      revision,
      attempt: 1,
    };
    expect(names(await sampleRound({ ...round, only: "ready" }, never))).toEqual(["green-1 a"]);
    expect(names(await sampleRound({ ...round, only: "deep" }, never))).toEqual(["green-1 b"]);
    expect(await sampleRound({ ...round, reach: [] }, never)).toEqual([]);
  });

  it("asks side by side, never more than 32 at a time", async () => {
    let running = 0;
    let most = 0;
    const sample: Probe["sample"] = async (...args) => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setImmediate(resolve));
      running--;
      return passing(...args);
    };
    const replicas = Array.from({ length: 50 }, (_, index) => reach(`green-${index}`));
    const samples = await sampleRound(
      { clock, probe: { sample }, plan: plan([tcp("a"), tcp("b")]), reach: replicas, revision, attempt: 1 },
      never,
    );
    expect(samples.length).toBe(100);
    expect(most).toBe(32);
  });

  it("ends when it is aborted, with what was answered until then", async () => {
    const asking = new AbortController();
    const sample: Probe["sample"] = (check, ...rest) =>
      check.name === "a"
        ? passing(check, ...rest)
        : new Promise(() => setImmediate(() => asking.abort("stopped")));
    const samples = await sampleRound(
      {
        clock,
        probe: { sample },
        plan: plan([tcp("a"), tcp("b")]),
        reach: [reach("green-1")],
        revision,
        attempt: 1,
      },
      asking.signal,
    );
    expect(samples.map(({ result, actual }) => [result, actual])).toEqual([
      ["pass", undefined],
      ["unknown", "stopped"],
    ]);
    const after = await sampleRound(
      {
        clock,
        probe: { sample: passing },
        plan: plan([tcp("a")]),
        reach: [reach("green-1")],
        revision,
        attempt: 1,
      },
      asking.signal,
    );
    expect(after.map(({ result }) => result)).toEqual(["unknown"]);
  });

  it("has a bound of its own for a probe that never answers", async () => {
    const samples = await sampleRound(
      {
        clock,
        probe: { sample: () => new Promise(() => {}) },
        plan: plan([tcp("a", "deep", 10)]),
        reach: [reach("green-1")],
        revision,
        attempt: 1,
      },
      never,
    );
    expect(samples[0]).toMatchObject({
      check: "a",
      incarnation: "green-1/1",
      result: "unknown",
      actual: "no answer within the round's 2010 ms",
    });
  });

  it("takes a probe that throws for no answer", async () => {
    const rejects: Probe["sample"] = () => Promise.reject(new Error("bug"));
    const throws: Probe["sample"] = () => {
      throw new Error("bug");
    };
    for (const sample of [rejects, throws]) {
      const samples = await sampleRound(
        { clock, probe: { sample }, plan: plan([tcp("a")]), reach: [reach("green-1")], revision, attempt: 1 },
        never,
      );
      expect(samples[0]).toMatchObject({ result: "unknown", actual: "the probe failed: Error: bug" });
    }
  });
});

describe("the distance between rounds", () => {
  it("stays within the jitter", () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (jitter, random) => {
          const delay = nextDelay({ ...WINDOW, jitter }, () => random);
          expect(delay).toBeGreaterThanOrEqual(Math.floor(500 * (1 - jitter)));
          expect(delay).toBeLessThanOrEqual(Math.ceil(500 * (1 + jitter)));
        },
      ),
    );
    expect([0, 0.5, 1].map((random) => nextDelay(WINDOW, () => random))).toEqual([400, 500, 600]);
  });
});
