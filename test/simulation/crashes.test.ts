import { describe, expect, it } from "vitest";
import { judge } from "./checkers/index.ts";
import { DEATHS, MEANWHILE, STRATEGIES, everyCrash } from "./crashes.ts";
import { PROFILES } from "./schedule.ts";
import { simulate } from "./simulate.ts";

/** Of the nine runs that each write has, one: `npm run simulate -- --crashes` does them all. */
const SHARE = DEATHS.length * Object.keys(MEANWHILE).length;

describe.each(PROFILES)("a process that dies around each write (%s)", (profile) => {
  it.each(STRATEGIES)("%s", async (strategy) => {
    const all = await everyCrash(profile, strategy);
    expect(all.length).toBeGreaterThan(20 * SHARE);
    // The next write gets the next kind of death; three writes on, something else happens meanwhile.
    const some = Array.from(
      { length: all.length / SHARE },
      (_, write) => all[write * SHARE + (write % SHARE)]!,
    );
    for (const { name, schedule } of some) expect(judge(await simulate(schedule)), name).toEqual([]);
  });
});
