import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { AutoScalingClient, SetDesiredCapacityCommand } from "@aws-sdk/client-auto-scaling";
import { describe, expect, onTestFinished, test } from "vitest";
import { compareStrategies } from "../../src/api/planning.ts";
import { clientConfig } from "../aws-sim/sdk.ts";
import { outcomeOf, tell } from "../e2e/support.ts";
import { AwsStory, type StoryOptions } from "./story.ts";

/* Whole deployments through the library, against the simulated account. */

const WINDOW = "{ window: { of: 2, passes: 2, consecutive: 2, interval: 50ms, deadline: 30s } }";

async function open(options: StoryOptions = {}): Promise<AwsStory> {
  const story = await AwsStory.open({ aws: ["reach: address"], health: WINDOW, ...options });
  onTestFinished(() => story.end());
  return story;
}

/** Bounds and wish of both groups: `[min, max, desired]`. */
function sizes({ simulator, shop }: AwsStory) {
  const size = (name: string) => {
    const group = simulator.scaling.state.groups.get(name);
    return group === undefined ? [] : [group.min, group.max, group.desired];
  };
  return { blue: size(shop.groups.blue), green: size(shop.groups.green) };
}

describe("blue-green", () => {
  test("there, there again, and back while warm; the sizes are given back", async () => {
    const story = await open();
    const [r2, r3] = [story.image("r2"), story.image("r3")];
    const before = story.simulator.recorded.length;
    const first = await story.deploy(r2);
    expect(outcomeOf(first), tell(first)).toBe("warm");
    expect(await story.answers()).toEqual(["r2", "r2"]);
    expect(sizes(story)).toEqual({ blue: [1, 4, 2], green: [1, 4, 2] });
    const calls = story.written(before).filter((action) => !action.endsWith("Tags"));
    expect(calls.filter((action) => action.endsWith("ModifyRule"))).toHaveLength(1);
    expect(calls.length).toBeLessThanOrEqual(7);

    const status = await story.status();
    expect(status.serves).toMatchObject({ slot: "green", revision: r2 });
    expect(status.open?.deployment.state.is).toBe("warm");

    // Deploying over what is warm drains and retires the previous slot first.
    const second = await story.deploy(r3);
    expect(outcomeOf(second), tell(second)).toBe("warm");
    expect(await story.answers()).toEqual(["r3", "r3"]);
    expect(sizes(story).green).toEqual([1, 4, 2]);

    const atRollback = story.simulator.recorded.length;
    const back = await story.rollback();
    expect(outcomeOf(back), tell(back)).toBe("reverted");
    expect(await story.answers()).toEqual(["r2", "r2"]);
    const [firstCall] = story.written(atRollback).filter((action) => !action.endsWith("AddTags"));
    expect(firstCall).toBe("elasticloadbalancing:ModifyRule");
    expect(story.written(atRollback)).not.toContain("ec2:CreateLaunchTemplateVersion");
  });

  test("back to what is not kept warm: from the version of the launch template that was made for it", async () => {
    const story = await open({ strategy: "{ blueGreen: { bake: 100ms, keepWarm: 0s, drain: 100ms } }" });
    for (const revision of ["r2", "r3"]) {
      const moved = await story.deploy(story.image(revision));
      expect(outcomeOf(moved), tell(moved)).toBe("done");
    }
    const before = story.simulator.recorded.length;
    const back = await story.rollback();
    expect(outcomeOf(back), tell(back)).toBe("done");
    expect(await story.answers()).toEqual(["r2", "r2"]);
    expect(story.written(before)).not.toContain("ec2:CreateLaunchTemplateVersion");
    expect(sizes(story)).toEqual({ blue: [0, 4, 0], green: [1, 4, 2] });
  });

  test("a candidate that is never healthy is given up, and users never meet it", async () => {
    const story = await open({ strategy: "{ blueGreen: { bake: 300ms, keepWarm: 1s, drain: 1s } }" });
    const moved = await story.deploy(story.image("r2", { health: "sick" }), {});
    expect(outcomeOf(moved), tell(moved)).toBe("reverted");
    expect(await story.answers()).toEqual(["r1", "r1"]);
    expect(story.written()).not.toContain("elasticloadbalancing:ModifyRule");
    expect(sizes(story)).toEqual({ blue: [1, 4, 2], green: [0, 4, 0] });
  });

  test("a launch that AWS refuses is told in its own words, in one look", async () => {
    const story = await open();
    const refused = { code: "VcpuLimitExceeded", message: "You have requested more vCPU capacity" };
    const moved = await story.deploy(story.image("r2", { refused }));
    expect(outcomeOf(moved), tell(moved)).toBe("reverted");
    expect(tell(moved)).toContain("TEAL-A207");
    expect(tell(moved)).toContain("You have requested more vCPU capacity");
    expect(await story.answers()).toEqual(["r1", "r1"]);
  });
});

test("a first deployment: nobody serves before it", async () => {
  const story = await open({ shop: { instances: 0 }, aws: ["reach: address", "replicas: 2"] });
  expect((await story.status()).serves.slot).toBe("nobody");
  const moved = await story.deploy(story.image("r2"));
  expect(outcomeOf(moved), tell(moved)).toBeOneOf(["done", "warm"]);
  expect(await story.answers()).toEqual(["r2", "r2"]);
});

test("canary shifts weights on the same rule", async () => {
  const story = await open({
    strategy: "{ canary: { shifts: [10, 50], watch: 200ms, bake: 200ms, keepWarm: 10m, drain: 1s } }",
  });
  const before = story.simulator.recorded.length;
  const moved = await story.deploy(story.image("r2"));
  expect(outcomeOf(moved), tell(moved)).toBe("warm");
  expect(await story.answers()).toEqual(["r2", "r2"]);
  expect(story.written(before).filter((action) => action.endsWith("ModifyRule"))).toHaveLength(3);
});

test("rolling replaces instances in batches, with no second full environment", async () => {
  const story = await open({
    shop: { instances: 3 },
    strategy: "{ rolling: { batch: 1, bake: 200ms, drain: 1s } }",
  });
  let most = 0;
  const count = () => {
    const all = [...story.simulator.scaling.state.groups.values()];
    most = Math.max(
      most,
      all.reduce((sum, { desired }) => sum + desired, 0),
    );
  };
  const watching = setInterval(count, 20);
  onTestFinished(() => clearInterval(watching));
  const moved = await story.deploy(story.image("r2"));
  expect(outcomeOf(moved), tell(moved)).toBe("done");
  expect(await story.answers()).toEqual(["r2", "r2"]);
  expect(most).toBe(4);
  expect(sizes(story).blue[2]).toBe(0);
  expect(sizes(story).green[2]).toBe(3);
});

test("recreate stops what serves before it starts the candidate", async () => {
  const story = await open({ strategy: "{ recreate: { bake: 200ms, drain: 1s } }" });
  const moved = await story.deploy(story.image("r2"));
  expect(outcomeOf(moved), tell(moved)).toBe("done");
  expect(await story.answers()).toEqual(["r2", "r2"]);
  expect(sizes(story).blue[2]).toBe(0);
});

describe("refused before anything is written", () => {
  test("another account", async () => {
    const story = await open();
    story.configure({ account: "999988887777" });
    const before = story.simulator.recorded.length;
    const moved = await story.deploy(story.image("r2"));
    expect(moved).toMatchObject({ is: "refused", cause: { code: "TEAL-A150" } });
    expect(story.written(before)).toEqual([]);
  });

  test("groups that are not clear", async () => {
    const story = await open({ aws: ["reach: address", "groups: { blue: shop-blue, green: shop-grey }"] });
    const moved = await story.deploy(story.image("r2"));
    expect(moved).toMatchObject({ is: "refused", cause: { code: "TEAL-A250" } });
    expect(story.written()).toEqual([]);
  });

  test("split weights, until somebody says which slot is live", async () => {
    const story = await open({ strategy: "{ blueGreen: { bake: 100ms, keepWarm: 0s, drain: 100ms } }" });
    const scaling = new AutoScalingClient(clientConfig(story.simulator.environment()));
    await scaling.send(
      new SetDesiredCapacityCommand({ AutoScalingGroupName: "shop-green", DesiredCapacity: 1 }),
    );
    scaling.destroy();
    await story.shop.healthy("green", 1);
    const [listener] = story.shop.listeners;
    story.simulator.elb.shift(listener!.rule, { "shop-blue": 50, "shop-green": 50 });
    const r2 = story.image("r2");
    const before = story.simulator.recorded.length;
    const { observed } = await story.status();
    expect(observed.routing).toMatchObject({ value: { weights: { blue: 50, green: 50 } } });
    const refused = await story.deploy(r2);
    expect(refused.is, tell(refused)).toBe("refused");
    expect(story.written(before)).toEqual([]);
    const moved = await story.deploy(r2, { live: "blue" });
    expect(outcomeOf(moved), tell(moved)).toBe("done");
    expect(await story.answers()).toEqual(["r2", "r2"]);
  });
});

test("an abort at a gate leaves everything as it was", async () => {
  const story = await open({ strategy: "{ blueGreen: { gate: approval, bake: 100ms, drain: 100ms } }" });
  const was = sizes(story);
  const moved = await story.deploy(story.image("r2"));
  expect(moved.is, tell(moved)).toBe("waiting");
  const aborted = await story.abort();
  expect(outcomeOf(aborted), tell(aborted)).toBe("reverted");
  expect(await story.answers()).toEqual(["r1", "r1"]);
  expect(sizes(story)).toEqual({ ...was, green: [0, was.green[1], 0] });
  expect(story.written()).not.toContain("elasticloadbalancing:ModifyRule");
});

test("revisions by user data, asked through a header rule, proven by who answers at every address", async () => {
  const story = await open({
    aws: ["template: { userData: user-data.sh }"],
    health:
      "{ identity: { header: x-revision }, window: { of: 2, passes: 2, consecutive: 2, interval: 50ms, deadline: 30s } }",
    strategy: "{ blueGreen: { bake: 100ms, keepWarm: 0s, drain: 100ms } }",
  });
  writeFileSync(join(story.folder, "user-data.sh"), "#!/bin/sh\nexport REVISION={revision}\n");
  const before = story.simulator.recorded.length;
  const moved = await story.deploy("v42");
  expect(outcomeOf(moved), tell(moved)).toBe("done");
  expect(await story.answers()).toEqual(["v42", "v42"]);
  const written = story.written(before);
  for (const action of ["CreateRule", "DeleteRule"])
    expect(written.filter((each) => each === `elasticloadbalancing:${action}`)).toHaveLength(1);
  if (moved.is !== "ended") throw new Error("expected an end");
  const evidence = moved.events.flatMap((event) => (event.kind === "verdict" ? JSON.stringify(event) : []));
  expect(evidence.join("\n")).toContain("in a row from each of 2 addresses");
});

test("plan --compare counts instances", async () => {
  const story = await open();
  await story.with(async (connection) => {
    const signal = AbortSignal.timeout(20_000);
    const prepared = await connection.target.prepare(story.image("r2"), signal);
    if (prepared.is !== "ready") throw new Error(prepared.cause.message);
    const compared = await compareStrategies(connection, prepared.revision, {}, signal);
    if ("unavailable" in compared) throw new Error(compared.unavailable.message);
    const { rows } = compared.comparison;
    expect(rows.map((row) => [row.kind, row.is])).toEqual([
      ["blueGreen", "possible"],
      ["canary", "possible"],
      ["rolling", "possible"],
      ["recreate", "possible"],
    ]);
    const [blueGreen, , rolling, recreate] = rows.map((row) =>
      row.is === "possible" ? row.cost : undefined,
    );
    expect([blueGreen?.peak, rolling?.peak, recreate?.peak]).toEqual([4, 3, 2]);
    expect(connection.target.counting?.unit).toBe("instance");
  });
});
