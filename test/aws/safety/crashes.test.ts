import { afterAll, beforeAll, expect, test } from "vitest";
import type { Met } from "../../aws-sim/interception.ts";
import { crashedDeployment, livesOn } from "./crashing.ts";
import { Judge } from "./judge.ts";
import { openPlace, type Place } from "./place.ts";

/* One of the deaths of crashes.exhaustive.test.ts, which knows them all; and what the judge of all of them sees. */

let place: Place;
beforeAll(async () => {
  place = await openPlace();
});
afterAll(() => place.end());

const starts = ({ action, input }: Met): boolean =>
  action === "autoscaling:UpdateAutoScalingGroup" && JSON.stringify(input).includes('"DesiredCapacity"');

test("a deployment is killed as soon as its candidate was told to start: another process finds a way to ask it, and ends it", async () => {
  const revision = place.image("orphan");
  const crashed = await crashedDeployment(place, revision, { at: 1, when: "after", counts: starts });
  expect(crashed).toMatchObject({ at: { action: "autoscaling:UpdateAutoScalingGroup" }, wrong: [] });
  expect(await place.judge.verdict()).toEqual([]);
});

test("the judge would see it: users on an empty slot, nobody anywhere, a slot emptied under its users", async () => {
  const { story } = place;
  const judge = new Judge(story, new Map([[story.shop.image, "r1"]]));
  const rule = story.shop.listeners[0]?.rule ?? "";
  const live = livesOn(place);
  const [here, there] = live === "blue" ? ["shop-blue", "shop-green"] : ["shop-green", "shop-blue"];
  const until = async (what: string, holds: () => boolean) => {
    const end = performance.now() + 10_000;
    while (!holds()) {
      if (performance.now() > end) throw new Error(`not seen: ${what}, but ${judge.wrong.join("; ")}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  const says = (words: string) => until(words, () => judge.wrong.some((line) => line.includes(words)));
  await until("a user who is served", () => judge.users.served > 0);
  story.simulator.elb.shift(rule, { [here]: 0, [there]: 100 });
  await says("nobody is healthy");
  story.simulator.elb.shift(rule, { [here]: 0, [there]: 0 });
  await says("sends nobody anywhere");
  story.simulator.elb.shift(rule, { [here]: 100, [there]: 0 });
  const empty = { AutoScalingGroupName: here, MinSize: "0", DesiredCapacity: "0" };
  story.simulator.scaling.foreignHand("UpdateAutoScalingGroup", empty);
  await says("both groups are told to be empty");
  await says(`${live} was made smaller`);
  const verdict = await judge.verdict();
  expect(verdict.filter((line) => /a request at .*: 503/u.test(line)).length).toBeGreaterThan(0);
  expect(verdict.some((line) => line.startsWith("users were answered by ami-"))).toBe(true);
});
