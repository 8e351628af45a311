import { expect, onTestFinished, test } from "vitest";
import type { Met } from "../../aws-sim/interception.ts";
import { crashedDeployment } from "./crashing.ts";
import { openPlace } from "./place.ts";

/* One of the deaths of crashes.aws.test.ts, which knows them all. */

const starts = ({ action, input }: Met): boolean =>
  action === "autoscaling:UpdateAutoScalingGroup" && JSON.stringify(input).includes('"DesiredCapacity"');

test("a deployment is killed as soon as its candidate was told to start: another process finds a way to ask it, and ends it", async () => {
  const place = await openPlace();
  onTestFinished(() => place.end());
  const revision = place.image("orphan");
  const crashed = await crashedDeployment(place, revision, { at: 1, when: "after", counts: starts });
  expect(crashed).toMatchObject({ at: { action: "autoscaling:UpdateAutoScalingGroup" }, wrong: [] });
  expect(await place.judge.verdict()).toEqual([]);
});
