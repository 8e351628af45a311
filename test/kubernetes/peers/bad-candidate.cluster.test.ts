import { afterAll, beforeAll, expect, test } from "vitest";
import type { Answered } from "../../../examples/load.ts";
import { sharedCluster } from "../../cluster/cluster.ts";
import { until } from "../../e2e/processes.ts";
import { blueGreen, eventsOf, failed, outcomeOf, Story, verdicts, writes } from "../support.ts";

/* One service and everything that is wrong with its candidates, one after the other, while users are on v1. */

const cluster = await sharedCluster();
let story: Story;

beforeAll(async () => {
  story = await Story.open(cluster);
  await story.serve("v1");
}, 120_000);
afterAll(async () => {
  await Story.endAll();
  await cluster.stop();
});

/** What users, and v1's pods, see of a deployment. */
async function during<T>(act: () => Promise<T>) {
  const before = await story.uids("blue");
  const witness = await story.witness();
  const users = await story.users(20);
  let moved: T;
  let answers: readonly Answered[] = [];
  try {
    moved = await act();
  } finally {
    // However it ends, they do not go on into the next test.
    answers = await users.stop();
  }
  expect(failed(answers)).toEqual([]);
  expect(new Set(answers.map(({ version }) => version))).toEqual(new Set(["v1"]));
  expect(await witness.verdict()).toEqual([]);
  expect(await story.uids("blue")).toEqual(before);
  expect(await story.place.live()).toBe("blue");
  await until("the candidate to be gone", async () => (await story.pods("green")).length === 0);
  return moved;
}

test("an image that is nowhere is given up at once, and live is untouched", async () => {
  const moved = await during(() => story.deploy("teal.test/missing:v2"));
  expect(outcomeOf(moved)).toBe("reverted");
  // Not at the deadline (60 s): by what the kubelet says.
  expect(moved).toMatchObject({
    deployment: { cause: { message: expect.stringContaining("teal.test/missing:v2") } },
  });
  expect(verdicts(eventsOf(moved))[0]).toBe("ensure-green fail");
  expect(writes(eventsOf(moved))).not.toContain("forward shift");
});

test("a deadline is kept without a pause: never ready ends, with the reason and nothing left over", async () => {
  story.configure({ startDeadline: "3s" });
  const moved = await during(() => story.deploy("teal.test/never-ready:v2"));
  expect(outcomeOf(moved)).toBe("reverted");
  expect(moved).toMatchObject({
    deployment: { cause: { code: expect.any(String), message: expect.any(String) } },
  });
  expect(await story.place.replicas("green")).toBe(0);
  story.configure();
});

test("a deadline is kept with a pause: a gate that nobody answers goes back by itself", async () => {
  story.configure({ strategy: blueGreen({ gate: "[{ approval: { timeout: 5s } }]" }) });
  const moved = await during(async () => {
    const waiting = await story.deploy("v2");
    expect(outcomeOf(waiting)).toBe("waiting");
    const overdue = async () => (await story.status()).open?.overdue !== undefined;
    await until("the wait to be over", overdue);
    return story.resume();
  });
  expect(outcomeOf(moved)).toBe("reverted");
  story.configure();
});

test("pods that are killed while they are checked are no success", async () => {
  const slow =
    "{ ready: /health, window: { of: 100, passes: 100, consecutive: 100, interval: 200ms, deadline: 20s } }";
  story.configure({ health: slow });
  const moved = await during(async () => {
    const deploying = story.deploy("v2");
    deploying.catch(() => undefined);
    await until(
      "the candidate to be ready",
      async () => (await story.ready("shop-green").catch(() => [])).length === 2,
    );
    await story.crash("green");
    return deploying;
  });
  story.peace();
  expect(outcomeOf(moved)).toBe("reverted");
  expect(verdicts(eventsOf(moved)).join()).not.toContain("probe-green pass");
  story.configure();
});

test("checks that fail leave users on live, the next revision starts afresh, and a failure ends", async () => {
  const failing = await during(() => story.deploy("teal.test/failing:v2"));
  expect(outcomeOf(failing)).toBe("reverted");
  const { length } = await story.journal();
  expect((await story.status()).open).toBeUndefined();
  // Nobody works on it any more: no loop writes to it.
  expect(await story.journal()).toHaveLength(length);
  expect(length).toBeLessThan(60);
});

test("no users at all are no failure, and a third revision after failed ones goes live", async () => {
  const third = await story.deploy("v3");
  expect(outcomeOf(third)).toBe("warm");
  await story.shows("v3");
  expect((await story.history()).every(({ outcome }) => outcome === "reverted" || outcome === "done")).toBe(
    true,
  );
});
