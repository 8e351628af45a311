import { expect, onTestFinished, test } from "vitest";
import type { Met } from "../../aws-sim/interception.ts";
import type { Fault } from "../../aws-sim/types.ts";
import { livesOn } from "./crashing.ts";
import { belongings } from "./picture.ts";
import { openPlace, WARM, WHOLE, type Place } from "./place.ts";
import { start, type Errand, type Ran } from "./processes.ts";

/* An account that is busy, broken or far away; credentials that end. Users must never notice. */

const KINDS: Readonly<Record<string, readonly Fault[]>> = {
  "half of all calls are throttled": [{ action: "*", kind: "throttle", chance: 0.5 }],
  "a fifth of all calls fails": [{ action: "*", kind: "error", chance: 0.2 }],
  "a fifth of all answers is lost": [{ action: "*", kind: "lostAnswer", chance: 0.2 }],
  "a tenth of all calls is reset, a tenth is slow": [
    { action: "*", kind: "reset", chance: 0.1 },
    { action: "*", kind: "slow", chance: 0.1, delay: 10_000 },
  ],
  // A second of the machine.
  "a fifth of what writes lands late": [
    { action: "elasticloadbalancing:Modify*", kind: "late", chance: 0.2, delay: 20_000 },
    { action: "autoscaling:Update*", kind: "late", chance: 0.2, delay: 20_000 },
    { action: "autoscaling:CreateOrUpdateTags", kind: "late", chance: 0.2, delay: 20_000 },
    { action: "elasticloadbalancing:CreateRule", kind: "late", chance: 0.2, delay: 20_000 },
  ],
  "all of it": [
    { action: "*", kind: "throttle", chance: 0.2 },
    { action: "*", kind: "error", chance: 0.1 },
    { action: "*", kind: "lostAnswer", chance: 0.05 },
    { action: "*", kind: "late", chance: 0.02, delay: 20_000 },
  ],
};

async function opened(strategy: string, seed = 1): Promise<Place> {
  const place = await openPlace({ strategy, simulator: { seed } });
  onTestFinished(() => place.end());
  return place;
}

/** Under faults; whatever stays open, somebody goes on with when they are over. */
async function through(
  place: Place,
  faults: readonly Fault[],
  does: Errand["does"],
  told: string[],
): Promise<string> {
  for (const fault of faults) place.story.simulator.fault(fault);
  const ran = await start(place.story, { does, machine: "here" }).ended;
  place.story.simulator.clearFaults();
  told.push(`${does.is}: ${JSON.stringify(ran)}`);
  if (ran.is !== "ended") throw new Error(told.join("\n"));
  if (["warm", "done", "reverted"].includes(ran.outcome)) return ran.outcome;
  const resumed = await start(place.story, { does: { is: "resume" }, machine: "there", waitLock: 60_000 })
    .ended;
  told.push(`resume: ${JSON.stringify(resumed)}`);
  if (resumed.is !== "ended") throw new Error(told.join("\n"));
  if (resumed.outcome !== "none") return resumed.outcome;
  const again = await start(place.story, { does, machine: "there" }).ended;
  told.push(`again: ${JSON.stringify(again)}`);
  return again.is === "ended" ? again.outcome : again.is;
}

test.each(Object.entries(KINDS))(
  "%s: a deployment and the way back, twice",
  { timeout: 600_000 },
  async (_, faults) => {
    const place = await opened(WARM);
    const told: string[] = [];
    for (const name of ["one", "two"]) {
      const before = livesOn(place);
      const there = await through(place, faults, { is: "deploy", revision: place.image(name) }, told);
      expect(there, told.join("\n")).toBe("warm");
      expect(livesOn(place), told.join("\n")).not.toBe(before);
      const back = await through(place, faults, { is: "rollback" }, told);
      expect(back, told.join("\n")).toBe("reverted");
      expect(livesOn(place), told.join("\n")).toBe(before);
      expect(belongings(place.story), told.join("\n")).toEqual(place.owned);
    }
    if (process.env["TEAL_TELL"] !== undefined) console.log(told.join("\n"));
    expect(await place.judge.verdict(), told.join("\n")).toEqual([]);
  },
);

const calls = (action: string) => (call: Met) => call.action.endsWith(`:${action}`);
const MOMENTS: readonly [string, (call: Met) => boolean][] = [
  ["before anything is written", calls("AddTags")],
  ["when the candidate is to be started", calls("CreateLaunchTemplateVersion")],
  ["when users are to be moved", calls("ModifyRule")],
  ["after users were moved", calls("GetMetricData")],
];

test.each(MOMENTS)(
  "the credentials end %s: the deployment stays open, and another runner ends it",
  { timeout: 120_000 },
  async (_, isIt) => {
    const place = await opened(WHOLE);
    const { simulator } = place.story;
    const revision = place.image("expiring");
    const first = start(place.story, { does: { is: "deploy", revision }, machine: "here" });
    let cutover = false;
    const leave = simulator.intercept({
      before: (call) => {
        if (call.principal !== first.arn) return undefined;
        cutover ||= call.action.endsWith(":ModifyRule");
        if (isIt(call) && (cutover || !isIt({ ...call, action: ":GetMetricData" }))) first.expire();
        return undefined;
      },
    });
    onTestFinished(leave);
    const ended: Ran = await first.ended;
    const expired = simulator.recorded.filter(
      ({ principal, error }) => principal === "anonymous" || error === "ExpiredToken",
    );
    expect(expired.length).toBeGreaterThan(0);
    expect(ended).toMatchObject({ is: "ended" });
    expect(ended.is === "ended" && ended.outcome).not.toBe("done");
    if (process.env["TEAL_TELL"] !== undefined) console.log(ended);
    const resumed = await start(place.story, { does: { is: "resume" }, machine: "there", waitLock: 60_000 })
      .ended;
    expect(resumed, JSON.stringify(ended)).toMatchObject({ is: "ended", outcome: "done" });
    expect(belongings(place.story)).toEqual(place.owned);
    expect(await place.judge.verdict()).toEqual([]);
  },
);
