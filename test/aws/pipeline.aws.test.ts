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

const STRATEGY = "{ blueGreen: { bake: 1s, keepWarm: 10m, drain: 1s } }";

beforeAll(async () => {
  story = await AwsStory.open({
    aws: ["reach: address", "state: s3://shop-teal/production", "publish: /shop/weights"],
    strategy: STRATEGY,
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
  test("plan says what detaching means, and nothing of it where no other machine could resume", async () => {
    const left = "with --detach nobody watches the bake: no automatic revert until `teal resume`";
    const image = story.image("r2");
    const shared = await story.teal("plan", image);
    expect(shared.code, shared.out + shared.err).toBe(0);
    expect(shared.out).toContain(left);
    story.configure({ aws: ["reach: address"] });
    const alone = await story.teal("plan", image);
    story.configure({});
    expect(alone.code, alone.out + alone.err).toBe(0);
    expect(alone.out).toContain("blueGreen, plan ");
    expect(alone.out).not.toContain("--detach");
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

describe("deploy --detach without shared state", () => {
  beforeAll(() =>
    story.configure({
      aws: ["reach: address"],
      strategy: "{ blueGreen: { bake: 3s, keepWarm: 0s, drain: 1s } }",
    }),
  );

  test("is refused in a pipeline (3) before anything is written", async () => {
    story.variables = { CI: "true" };
    const before = story.simulator.recorded.length;
    const ran = await story.teal("deploy", story.image("r3"), "--detach");
    expect(ran.code, ran.out + ran.err).toBe(3);
    expect(ran.err).toContain("TEAL-X022, exit 3");
    expect(ran.err).toContain("state: s3://BUCKET/PREFIX");
    expect(story.written(before)).toEqual([]);
  });

  test("goes on in the background at a machine that stays; another machine's resume says that it is held (3)", async () => {
    story.variables = { CI: "" };
    const ran = await story.teal("deploy", story.image("r3b"), "--detach");
    expect(ran.code, ran.out + ran.err).toBe(6);
    expect(ran.out).toContain("goes on in the background");
    while ((await story.answers()).includes("r1")) await new Promise((resolve) => setTimeout(resolve, 100));
    const elsewhere = await runner(["resume"]);
    expect(elsewhere.code, elsewhere.out).toBe(3);
    expect(resultOf(elsewhere)).toMatchObject({ is: "refused", cause: { code: "TEAL-D125" } });
    const here = await story.teal("resume");
    expect(here.code, here.out + here.err).toBe(0);
    expect(await story.answers()).toEqual(["r3b", "r3b"]);
    const after = await runner(["resume"]);
    expect(after.code, after.out).toBe(0);
    expect(resultOf(after)).toMatchObject({ is: "none" });
  });
});
