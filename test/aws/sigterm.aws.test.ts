import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { resultOf } from "../../src/cli/testing.ts";
import { Runners } from "./runners.ts";
import { AwsStory } from "./story.ts";

/** A pipeline's run that is cancelled at every step: another machine finishes its deployment. */
describe("SIGTERM on AWS", () => {
  let story: AwsStory;
  let runners: Runners;
  let interrupted = 0;

  beforeAll(async () => {
    story = await AwsStory.open({
      aws: ["reach: address", "state: s3://shop-teal/production"],
      strategy: "{ blueGreen: { bake: 1s, keepWarm: 0s, drain: 1s } }",
      health: "{ window: { of: 2, passes: 2, consecutive: 2, interval: 50ms, deadline: 30s } }",
    });
    story.simulator.s3.createBucket("shop-teal");
    runners = new Runners(story);
  });
  afterAll(async () => {
    runners.remove();
    await story.end();
  });

  const moments = [
    ["opened", '"kind":"opened"'],
    ["starting instances", '"call":"ensure"'],
    ["asking the checks", '"of":"ensure-'],
    ["shifting", '"call":"shift"'],
    ["confirming", '"of":"shift-'],
    ["baking", '"of":"confirm-'],
    ["draining", '"of":"restore'],
    ["retiring", '"call":"retire"'],
  ] as const;

  test.each(moments.map(([name, sign], index) => [name, sign, `s${index}`] as const))(
    "while %s",
    async (_, sign, revision) => {
      const image = story.image(revision);
      let sent = false;
      const ran = await runners.run(["deploy", image], (out, cancel) => {
        if (sent || !out.includes(sign)) return;
        sent = true;
        cancel();
      });
      expect(sent).toBe(true);
      expect([0, 130], ran.out + ran.err).toContain(ran.code);
      if (ran.code === 130) interrupted += 1;
      const resumed = await runners.run(["resume"]);
      expect(resumed.code, resumed.out + resumed.err).toBe(0);
      expect(resultOf(await runners.run(["status"]))).toMatchObject({
        serves: { revision: image },
        last: { revision: image, outcome: "done" },
      });
    },
  );

  test("nearly every signal came in time", () => {
    expect(interrupted).toBeGreaterThanOrEqual(moments.length - 2);
  });
});
