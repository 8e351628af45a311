import type { StrategyKind } from "../../src/core/plan.ts";
import type { Profile } from "../../src/targets/memory/index.ts";
import { deployAt, plain } from "./plain.ts";
import type { Action, Schedule } from "./schedule.ts";
import { simulate } from "./simulate.ts";

/**
 * The process dies around a single write of a deployment: before it, while it is in transit, or after it before the
 * answer is heard. Somebody resumes much later (at 90 s), and by then something else may have changed as well.
 */
export const DEATHS = ["before", "inTransit", "after"] as const;
export const STRATEGIES: readonly StrategyKind[] = ["blueGreen", "canary", "rolling", "recreate"];

/** What happens between the death and the resume. */
export const MEANWHILE: Readonly<Record<string, readonly Action[]>> = {
  "nothing else happens": [],
  "the candidate's replicas live another life and the wall clock jumps back": [
    { at: 30_000, crashes: "green", all: true },
    { at: 60_000, clockJumps: -80_000 },
  ],
  "somebody moves the traffic": [{ at: 60_000, drifts: "traffic" }],
};

/** A deployment with everything in it: migrations, a pinned size, two replicas. */
export function dying(profile: Profile, strategy: StrategyKind, actions: readonly Action[]): Schedule {
  return plain(profile, 6, {
    migrations: true,
    autoscaler: true,
    actions: [deployAt(5_000, "r1", strategy), ...actions],
  });
}

/** How many writes the deployment makes when nobody dies. */
export async function writesOf(profile: Profile, strategy: StrategyKind): Promise<number> {
  return (await simulate(dying(profile, strategy, []))).writes;
}

export interface Crash {
  readonly name: string;
  readonly schedule: Schedule;
}

/** Every death at every write, with everything that may happen meanwhile. */
export async function everyCrash(profile: Profile, strategy: StrategyKind): Promise<readonly Crash[]> {
  const writes = await writesOf(profile, strategy);
  return Array.from({ length: writes }, (_, index) => index + 1).flatMap((atWrite) =>
    DEATHS.flatMap((dies) =>
      Object.entries(MEANWHILE).map(([meanwhile, actions]) => ({
        name: `${profile} ${strategy}: dies ${dies} write ${atWrite}, ${meanwhile}`,
        schedule: dying(profile, strategy, [{ atWrite, dies }, ...actions]),
      })),
    ),
  );
}
