import { rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { outcomeOf, tell } from "../e2e/support.ts";
import { AwsStory } from "./story.ts";

/* Going back in a process that has just begun while parts of AWS do not answer; and machines without a shared journal. */

const WINDOW = "{ window: { of: 2, passes: 2, consecutive: 2, interval: 50ms, deadline: 30s } }";

/** A second revision serves. */
async function second(keepWarm: string): Promise<AwsStory> {
  const strategy = `{ blueGreen: { bake: 100ms, keepWarm: ${keepWarm}, drain: 100ms } }`;
  const story = await AwsStory.open({ aws: ["reach: address"], health: WINDOW, strategy });
  onTestFinished(() => story.end());
  const moved = await story.deploy(story.image("r2"));
  expect(["warm", "done"], tell(moved)).toContain(outcomeOf(moved));
  expect(await story.answers()).toEqual(["r2", "r2"]);
  return story;
}

test.each([[["autoscaling:*"]], [["sts:*"]], [["autoscaling:*", "sts:*"]]])(
  "%j do not answer from the beginning: the traffic goes back all the same",
  async (actions) => {
    const story = await second("10m");
    for (const action of actions) story.simulator.fault({ action, kind: "error", times: 1_000_000 });
    const going = story.rollback();
    const end = performance.now() + 15_000;
    const isBack = async () => (await story.answers()).every((each) => each === "r1");
    while (!(await isBack()) && performance.now() < end) await sleep(50);
    expect(await story.answers()).toEqual(["r1", "r1"]);
    story.simulator.clearFaults();
    const moved = await going;
    expect(outcomeOf(moved), tell(moved)).toBe("reverted");
  },
);

test("a machine without the journal of the last deployment, or whose state folder was removed, deploys on", async () => {
  const story = await second("0s");
  rmSync(join(story.folder, "state"), { recursive: true });
  const moved = await story.deploy(story.image("r3"));
  expect(outcomeOf(moved), tell(moved)).toBe("done");
  expect(await story.answers()).toEqual(["r3", "r3"]);
});
