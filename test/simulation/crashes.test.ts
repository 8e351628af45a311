import { describe, expect, it } from "vitest";
import type { StrategyKind } from "../../src/core/plan.ts";
import type { Profile } from "../../src/targets/memory/index.ts";
import { judge } from "./checkers/index.ts";
import { deployAt, plain } from "./plain.ts";
import { type Action, PROFILES, type Schedule } from "./schedule.ts";
import { simulate } from "./simulate.ts";

/**
 * The process dies around every single write of a deployment, one run each: before it, while it is in transit, and
 * after it before the answer is heard. Somebody resumes much later, and by then something else has changed as well.
 */
const DEATHS = ["before", "inTransit", "after"] as const;
const STRATEGIES: readonly StrategyKind[] = ["blueGreen", "canary", "rolling", "recreate"];

/** What happens between the death and the resume (at 90 s). */
const MEANWHILE: Readonly<Record<string, readonly Action[]>> = {
  "nothing else happens": [],
  "the candidate's replicas live another life and the wall clock jumps back": [
    { at: 30_000, crashes: "green", all: true },
    { at: 60_000, clockJumps: -80_000 },
  ],
  "somebody moves the traffic": [{ at: 60_000, drifts: "traffic" }],
};

const NEVER = 10_000;

function schedule(profile: Profile, strategy: StrategyKind, actions: readonly Action[]): Schedule {
  return plain(profile, 6, { migrations: true, autoscaler: true, actions: [deployAt(5_000, "r1", strategy), ...actions] });
}

/** How many writes the deployment makes when nobody dies. */
async function writesOf(profile: Profile, strategy: StrategyKind): Promise<number> {
  const history = await simulate(schedule(profile, strategy, [{ atWrite: NEVER, dies: "before" }]));
  expect(judge(history)).toEqual([]);
  return history.writes;
}

describe.each(PROFILES)("a process that dies around each write (%s)", (profile) => {
  describe.each(STRATEGIES)("%s", (strategy) => {
    it.each(Object.keys(MEANWHILE))("%s", async (name) => {
      const writes = await writesOf(profile, strategy);
      expect(writes).toBeGreaterThan(20);
      for (let atWrite = 1; atWrite <= writes; atWrite++) {
        for (const dies of DEATHS) {
          const history = await simulate(schedule(profile, strategy, [{ atWrite, dies }, ...MEANWHILE[name]!]));
          expect(judge(history), `dies ${dies} write ${atWrite}`).toEqual([]);
        }
      }
    });
  });
});
