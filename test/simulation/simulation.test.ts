import { describe, expect, it } from "vitest";
import { command, reportOf, violationsOf } from "./report.ts";
import { PROFILES, scheduleOf } from "./schedule.ts";
import { simulate } from "./simulate.ts";

const SEEDS = 500;
/** Seeds in one test: few enough that a failure is near its report. */
const PART = 25;

describe("deployments under faults keep every promise", () => {
  for (let from = 1; from <= SEEDS; from += PART) {
    it(`seeds ${from} to ${from + PART - 1}`, async () => {
      for (let seed = from; seed < from + PART; seed++) {
        const schedule = scheduleOf(seed);
        const violations = await violationsOf(schedule);
        if (violations.length > 0) throw new Error(await reportOf(schedule, violations));
      }
    });
  }
});

describe("a run", () => {
  it.each(PROFILES)("is the same each time (%s)", async (profile) => {
    const [first, second] = [
      await simulate(scheduleOf(11, profile)),
      await simulate(scheduleOf(11, profile)),
    ];
    // Names of deployments are drawn by the process that opens them; everything else follows from the seed.
    const bare = (history: typeof first) => history.world.map((record) => ({ ...record, by: undefined }));
    expect(bare(second)).toEqual(bare(first));
    expect(second.kept.map(({ t, event }) => [t, event.kind])).toEqual(
      first.kept.map(({ t, event }) => [t, event.kind]),
    );
  });

  it("is named by one command", () => {
    const schedule = scheduleOf(11, "loose");
    expect(command(schedule)).toBe("npm run simulate -- --seed 11 --profile loose");
    expect(command(schedule, { keep: [0, 2], plain: ["autoscaler"] })).toBe(
      "npm run simulate -- --seed 11 --profile loose --keep 0,2 --plain autoscaler",
    );
  });
});
