import { expect, onTestFinished, test } from "vitest";
import type { Met } from "../../aws-sim/interception.ts";
import type { StoryOptions } from "../story.ts";
import { crashedDeployment, crashedRollback, type Crashed } from "./crashing.ts";
import { openPlace, WARM, type Place } from "./place.ts";
import type { Death } from "./processes.ts";

/*
 * kill -9 of the deploying process at every call to AWS, the journal's and the lease's in S3 included. What a process has
 * heard and not acted on dies with it: of calls that only read, being killed after one is being killed before the next.
 */

/** Shops that are deployed to side by side: most of a crash is waiting for what may still be on its way. */
const LANES = 3;

const writes = ({ mutating }: Met): boolean => mutating;

/** Before the first call, the second, ... and after the first write, the second, ..., each until there are no more. */
class Deaths {
  readonly #next = { before: 1, after: 1 };
  readonly #over = { before: false, after: false };

  take(): Death | undefined {
    const when = (["before", "after"] as const).find((each) => !this.#over[each]);
    if (when === undefined) return undefined;
    const at = this.#next[when]++;
    return { at, when, ...(when === "after" ? { counts: writes } : {}) };
  }

  /** It made fewer calls than that. */
  over({ when }: Death): void {
    this.#over[when] = true;
  }
}

async function everyDeath(
  options: StoryOptions,
  crash: (place: Place, revision: string, death: Death) => Promise<Crashed>,
): Promise<{ readonly crashes: readonly Crashed[]; readonly shrunk: number; readonly served: number }> {
  const deaths = new Deaths();
  const crashes: Crashed[] = [];
  const lanes = Array.from({ length: LANES }, async (_, lane) => {
    const place = await openPlace({ ...options, simulator: { seed: lane + 1 } });
    onTestFinished(() => place.end());
    for (let death = deaths.take(); death !== undefined; death = deaths.take()) {
      const crashed = await crash(place, place.image(`of lane ${lane}, ${crashes.length}`), death);
      if (crashed.at === undefined) deaths.over(death);
      else crashes.push(crashed);
      const where = `killed ${death.when} call ${death.at} (${crashed.at?.action ?? "it made fewer"})`;
      if (process.env["TEAL_TELL"] !== undefined) console.log(where, crashed.wrong);
      expect({ where, wrong: [...crashed.wrong, ...place.judge.wrong] }).toEqual({ where, wrong: [] });
    }
    const { shrunk, users } = place.judge;
    expect(await place.judge.verdict()).toEqual([]);
    return { shrunk, served: users.served };
  });
  const ends = await Promise.all(lanes);
  const sum = (of: "shrunk" | "served") => ends.reduce((total, each) => total + each[of], 0);
  return { crashes, shrunk: sum("shrunk"), served: sum("served") };
}

/** The calls that write, of those at which a process died. */
function written(crashes: readonly Crashed[], when: Death["when"]): readonly string[] {
  const actions = crashes.flatMap((crash) =>
    crash.when === when && crash.at?.mutating === true ? [crash.at.action] : [],
  );
  return [...new Set(actions)].toSorted();
}

const WRITES = [
  "autoscaling:CreateOrUpdateTags",
  "autoscaling:ResumeProcesses",
  "autoscaling:SuspendProcesses",
  "autoscaling:UpdateAutoScalingGroup",
  "ec2:CreateLaunchTemplateVersion",
  "elasticloadbalancing:AddTags",
  "elasticloadbalancing:CreateRule",
  "elasticloadbalancing:DeleteRule",
  "elasticloadbalancing:ModifyRule",
  "s3:PutObject",
];

test(
  "a whole deployment is killed at every call: another process ends it, and users never notice",
  {
    timeout: 90 * 60_000,
  },
  async () => {
    const { crashes, shrunk, served } = await everyDeath({}, crashedDeployment);
    expect(written(crashes, "before")).toEqual(WRITES);
    expect(written(crashes, "after")).toEqual(WRITES);
    // More than a hundred calls before which it died, and each deployment empties one slot.
    expect(crashes.length).toBeGreaterThan(150);
    expect(shrunk).toBeGreaterThanOrEqual(crashes.length);
    console.log(
      `${crashes.length} deaths, ${shrunk} slots made smaller, ${served} requests served, 0 failed`,
    );
  },
);

test(
  "a rollback is killed at every call: whoever runs it again brings the previous revision back",
  {
    timeout: 60 * 60_000,
  },
  async () => {
    const { crashes, served } = await everyDeath({ strategy: WARM }, crashedRollback);
    expect(written(crashes, "before")).toContain("elasticloadbalancing:ModifyRule");
    expect(written(crashes, "after")).toContain("elasticloadbalancing:ModifyRule");
    console.log(`${crashes.length} deaths on the way back, ${served} requests served, 0 failed`);
  },
);
