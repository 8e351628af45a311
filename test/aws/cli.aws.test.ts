import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { AwsStory } from "./story.ts";

/* The command line as a pipeline runs it: ambient credentials, no terminal, no prompt. */

let story: AwsStory;
let image: string;

beforeAll(async () => {
  story = await AwsStory.open({
    strategy: "{ blueGreen: { bake: 100ms, keepWarm: 10m, drain: 1s } }",
    health: "{ window: { of: 1, passes: 1, consecutive: 1, interval: 50ms, deadline: 30s } }",
    aws: ["reach: address"],
  });
  image = story.image("r2");
});
afterAll(() => story.end());

async function teal(code: number, ...words: readonly string[]) {
  const ran = await story.teal(...words);
  expect(ran.code, `${words.join(" ")}: ${ran.out}${ran.err}`).toBe(code);
  return ran;
}

function result(out: string): Record<string, unknown> {
  return JSON.parse(out.trim().split("\n").at(-1) ?? "") as Record<string, unknown>;
}

describe("before anything is deployed", () => {
  test("check says what the file means", async () => {
    const { out } = await teal(0, "check");
    expect(out).toContain(
      `account ${story.simulator.account}, the groups found by tag or rule behind shop-alb:8080 host shop.example, revisions by AMI`,
    );
  });

  test("status needs no journal: the rule and the tags tell", async () => {
    const { out } = await teal(0, "status", "--json");
    expect(result(out)).toMatchObject({
      serves: { slot: "blue", revision: story.shop.image },
      address: "http://shop.example:8080",
    });
  });

  test("plan writes nothing, and leaves nothing unproven where IAM may be asked", async () => {
    const before = story.simulator.recorded.length;
    const { out } = await teal(0, "plan", image);
    expect(out).toContain(`blueGreen, plan `);
    expect(out).not.toContain("not proven");
    expect(story.written(before)).toEqual([]);
    const compared = await teal(0, "plan", image, "--compare");
    expect(compared.out).toContain("instance-hours");
  });

  test("the region of the flag counts", async () => {
    const { out } = await teal(0, "plan", image, "--region", "us-east-1");
    expect(out).toContain(`@${story.simulator.account}/us-east-1`);
  });

  test("logs are elsewhere, nothing is pruned, nothing is given back", async () => {
    expect((await teal(2, "logs")).err).toContain("TEAL-X021");
    expect((await teal(0, "prune")).out).toContain("Nothing to remove");
    expect((await teal(2, "eject")).err).toContain("TEAL-X020");
  });
});

test("deploy, status, rollback", async () => {
  await teal(0, "deploy", image);
  expect(await story.answers()).toEqual(["r2", "r2"]);
  expect(result((await teal(0, "status", "--json")).out)).toMatchObject({
    serves: { slot: "green", revision: image },
  });
  await teal(0, "rollback");
  expect(await story.answers()).toEqual(["r1", "r1"]);
});
