import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { objects, resultOf } from "../../src/cli/testing.ts";
import { Runners } from "./runners.ts";
import { AwsStory } from "./story.ts";

/*
 * A service on AWS as a pipeline deploys it: every command on a machine of its own that is gone afterwards, journal and
 * lease in a bucket.
 */

let story: AwsStory;
let runners: Runners;
const runner = (words: readonly string[]) => runners.run(words);

beforeAll(async () => {
  story = await AwsStory.open({
    aws: ["reach: address", "state: s3://shop-teal/production", "publish: /shop/weights"],
    strategy: "{ blueGreen: { bake: 1s, keepWarm: 10m, drain: 1s } }",
    health: "{ window: { of: 2, passes: 2, consecutive: 2, interval: 50ms, deadline: 30s } }",
  });
  story.simulator.s3.createBucket("shop-teal");
  runners = new Runners(story);
});
afterAll(async () => {
  runners.remove();
  await story.end();
});

describe("deploy --detach", () => {
  test("plan says what detaching means", async () => {
    const ran = await story.teal("plan", story.image("r2"));
    expect(ran.code, ran.out + ran.err).toBe(0);
    expect(ran.out).toContain(
      "with --detach nobody watches the bake: no automatic revert until `teal resume`",
    );
  });

  test("ends after the cutover (6), leaves no process, and publishes the weights", async () => {
    const ran = await runner(["deploy", story.image("r2b"), "--detach"]);
    expect(ran.code, ran.out + ran.err).toBe(6);
    expect(resultOf(ran)).toMatchObject({ is: "waiting", state: "waiting" });
    expect(await story.answers()).toEqual(["r2b", "r2b"]);
    expect(ran.summary).toContain("### ⏳ teal deploy:");
    expect(ran.summary).toContain("No automatic revert until teal resume");
    const kinds = objects(ran.out).map((each) => each["kind"]);
    expect(kinds).not.toContain("closed");
    expect(story.simulator.ssm.parameter("/shop/weights")).toBe('{"blue":0,"green":100}');
  });

  test("status says that nothing goes back by itself, and nobody holds the lease", async () => {
    const ran = await runner(["status"]);
    expect(resultOf(ran)).toMatchObject({
      open: { state: { is: "waiting", for: "history" }, allowed: ["abort", "rollback", "resume"] },
    });
    expect(resultOf(ran)["open"]).not.toHaveProperty("holder");
  });

  test("resume on another machine looks, and goes on waiting while the bake's metrics are not complete (6)", async () => {
    const ran = await runner(["resume", "--detach"]);
    expect(ran.code, ran.out + ran.err).toBe(6);
    expect(await story.answers()).toEqual(["r2b", "r2b"]);
  });

  test("rollback on a third machine brings the previous revision back, and publishes that", async () => {
    const ran = await runner(["rollback"]);
    expect(ran.code, ran.out + ran.err).toBe(0);
    expect(await story.answers()).toEqual(["r1", "r1"]);
    expect(story.simulator.ssm.parameter("/shop/weights")).toBe('{"blue":100,"green":0}');
  });
});
