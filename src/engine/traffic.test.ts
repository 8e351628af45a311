import { describe, expect, it } from "vitest";
import type { Traffic } from "../core/observed.ts";
import { instant, version } from "../core/units.ts";
import { TrafficMeter } from "./traffic.ts";

const counts = (requests: number, errors = 0, lost = 0, more: Partial<Traffic> = {}): Traffic => ({
  epoch: "a",
  requests,
  errors,
  lost,
  latency: [],
  ...more,
});
const seen = (value: Traffic) => ({ is: "seen", value, version: version("1"), at: instant(0) }) as const;

function meter(...looks: readonly Traffic[]): TrafficMeter {
  const made = new TrafficMeter("green");
  for (const each of looks) made.look("green", seen(each));
  return made;
}

describe("TrafficMeter", () => {
  it("tells differences, failures with what was lost among them", () => {
    expect(meter(counts(100, 5), counts(150, 8, 2)).seen?.candidate).toEqual({ requests: 50, failed: 5 });
  });

  it("begins the candidate's stretch anew, and still knows what users got in all", () => {
    const made = meter(counts(0), counts(50, 4));
    made.restart();
    made.look("green", seen(counts(80, 5)));
    expect(made.seen?.candidate).toEqual({ requests: 30, failed: 1 });
    expect(made.all).toEqual({ requests: 80, failed: 5 });
  });

  it("learns nothing from what cannot be read, and does not add up over a restarted source", () => {
    const made = meter(counts(10));
    made.look("green", { is: "unreadable", cause: { code: "TEAL-E120", message: "gone" } });
    expect(made.seen?.candidate.requests).toBe(0);
    made.look("green", seen(counts(3, 1, 0, { epoch: "b" })));
    made.look("green", seen(counts(9, 1, 0, { epoch: "b" })));
    expect(made.seen?.candidate).toEqual({ requests: 6, failed: 0 });
    expect(made.all).toBeUndefined();
  });

  it("gives the bucket of the 95th percentile of the stretch", () => {
    const latency = (fast: number, slow: number) => [
      { le: 10, count: fast },
      { le: 100, count: fast + slow },
      { le: Infinity, count: fast + slow },
    ];
    const of = (fast: number, slow: number) => counts(fast + slow, 0, 0, { latency: latency(fast, slow) });
    expect(meter(of(1_000, 0), of(1_096, 4)).seen?.candidate.p95).toBe(10);
    expect(meter(of(1_000, 0), of(1_090, 10)).seen?.candidate.p95).toBe(100);
  });
});
