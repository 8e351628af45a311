import { afterAll, afterEach, expect, test } from "vitest";
import { sharedCluster } from "../../cluster/cluster.ts";
import { until } from "../../e2e/processes.ts";
import { tell } from "../../e2e/support.ts";
import { blueGreen, eventsOf, outcomeOf, Story, verdicts, writes } from "../support.ts";

/* After the cutover: a candidate none of whose pods lives, ways back inside and outside the window, live that is down. */

const cluster = await sharedCluster();
let story: Story;
afterEach(() => Story.endAll());
afterAll(() => cluster.stop());

/** v1 on blue, then v2 on green. */
async function updated(): Promise<void> {
  story = await Story.open(cluster);
  await story.serve("v1");
  await story.serve("v2");
}

test("users go back at once though every pod of the candidate is crashed", async () => {
  await updated();
  await story.crash("green");
  const back = await story.rollback();
  expect(outcomeOf(back), tell(back)).toBe("reverted");
  const events = eventsOf(back).filter((event) => "dir" in event && event.dir === "back");
  // The first write is the shift: nothing is asked of the candidate, and nothing of it is waited for.
  expect(writes(eventsOf(back)).filter((each) => each.startsWith("back"))[0]).toBe("back shift");
  expect(verdicts(events)[0]).toBe("back-shift-blue pass");
  expect(await story.place.live()).toBe("blue");
  expect(await story.ready()).toHaveLength(2);
  await story.shows("v1");
  expect(await story.place.replicas("green")).toBe(0);
});

test("a candidate that crashes while users are watched on it goes back by itself; a fixed one passes", async () => {
  story = await Story.open(cluster);
  await story.serve("v1");
  story.configure({ strategy: blueGreen({ bake: "60s" }) });
  const deploying = story.deploy("v2");
  deploying.catch(() => undefined);
  await until("the cutover", async () => (await story.place.live()) === "green");
  await story.crash("green");
  const moved = await deploying;
  expect(outcomeOf(moved), tell(moved)).toBe("reverted");
  await story.shows("v1");
  expect((await story.uids("blue")).length).toBe(2);
  story.peace();
  story.configure();
  await story.serve("v3");
  await story.shows("v3");
});

test("outside the window a rollback is checked, and moves nobody before its slot has its full size", async () => {
  story = await Story.open(cluster, { strategy: blueGreen({ keepWarm: "0s" }) });
  await story.serve("v1");
  await story.serve("v2");
  expect(await story.place.replicas("blue")).toBe(0);
  await cluster.kubectl("scale", "deployment/shop-green", "-n", story.namespace, "--replicas=3");
  await until("live to have grown", async () => (await story.ready()).length === 3);
  const back = await story.rollback();
  expect(outcomeOf(back), tell(back)).toBe("done");
  const steps = verdicts(eventsOf(back));
  expect(steps.slice(0, 2)).toEqual(["ensure-blue pass", "probe-blue pass"]);
  expect(steps.indexOf("probe-blue pass")).toBeLessThan(steps.indexOf("confirm-blue-100 pass"));
  // As many as live has now, not as it had then.
  expect(await story.ready()).toHaveLength(3);
  await story.shows("v1");
});

test("a fix is shipped while live is down, and a failed candidate costs a live that is down nothing more", async () => {
  story = await Story.open(cluster);
  await story.serve("v1");
  await story.crash("blue");
  const failing = await story.deploy("teal.test/failing:v2");
  expect(outcomeOf(failing), tell(failing)).toBe("reverted");
  expect(await story.place.replicas("blue")).toBe(2);
  expect(await story.place.live()).toBe("blue");
  await story.serve("v3");
  await story.shows("v3");
  expect(await story.ready()).toHaveLength(2);
});
