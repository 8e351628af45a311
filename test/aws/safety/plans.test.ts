import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { deployRevision } from "../../../src/api/deploying.ts";
import { readPlan } from "../../../src/cli/plan-file.ts";
import { resultOf } from "../../../src/cli/testing.ts";
import { outcomeOf, tell } from "../../e2e/support.ts";
import { AwsStory } from "../story.ts";

/* A plan that is made first and carried out later: what it writes (nothing), says (always the same) and promises. */

let story: AwsStory;
let image: string;
beforeAll(async () => {
  story = await AwsStory.open({
    aws: ["reach: address"],
    strategy: "{ blueGreen: { bake: 100ms, keepWarm: 0s, drain: 300ms } }",
    health: "{ window: { of: 1, passes: 1, consecutive: 1, interval: 50ms, deadline: 30s } }",
  });
  image = story.image("r2");
});
afterAll(() => story.end());

async function teal(code: number, ...words: readonly string[]) {
  const ran = await story.teal(...words, "--json");
  expect(ran.code, `${words.join(" ")}: ${ran.out}${ran.err}`).toBe(code);
  return ran;
}

test("a plan makes no write, and is the same to the byte when it is made again", async () => {
  const { recorded } = story.simulator;
  const before = recorded.length;
  const [first, second] = [await teal(0, "plan", image, "--out", "plan.json"), await teal(0, "plan", image)];
  const plan = (ran: typeof first) => JSON.stringify(resultOf(ran)["plan"]);
  expect(plan(second)).toBe(plan(first));
  // By the account's own record: everything that either of them asked for only reads.
  expect(recorded.slice(before).filter(({ mutating }) => mutating)).toEqual([]);
  expect(recorded.length).toBeGreaterThan(before);
});

test("a plan that was made for another world is refused before any write", async () => {
  const [listener] = story.shop.listeners;
  story.simulator.elb.shift(listener?.rule ?? "", { "shop-blue": 90, "shop-green": 10 });
  const before = story.simulator.recorded.length;
  const ran = await teal(3, "deploy", "--plan", "plan.json");
  expect(ran.out + ran.err).toMatch(/TEAL-P\d{3}/u);
  expect(story.written(before)).toEqual([]);
  story.simulator.elb.shift(listener?.rule ?? "", { "shop-blue": 100, "shop-green": 0 });
});

test("what is applied is what the plan says: each step's call, in its order, and no other", async () => {
  const before = story.simulator.recorded.length;
  const moved = await story.with(async (connection) => {
    const read = await readPlan(join(story.folder, "plan.json"), connection.key);
    if (read.is === "wrong") throw new Error(read.cause.message);
    const signal = AbortSignal.timeout(60_000);
    const { revision, replicas } = read.plan.request;
    return deployRevision(connection, revision, { replicas }, { signal }, read.plan);
  });
  expect(outcomeOf(moved), tell(moved)).toBe("done");
  const { is, events } = await story.with(async ({ store, key }) => {
    const rows = await store.history(key, 1);
    const id = rows.is === "rows" ? rows.rows[0]?.id : undefined;
    if (id === undefined) throw new Error("nothing was deployed");
    const answer = await store.events(key, id);
    return answer.is === "events" ? answer : { is: answer.is, events: [] };
  });
  expect(is).toBe("events");
  const opened = events.find((event) => event.kind === "opened");
  if (opened?.kind !== "opened") throw new Error("it was never opened");
  const planned = opened.plan.steps.flatMap((step) =>
    step.do === "ensure" || step.do === "shift" || step.do === "retire" ? [step.id] : [],
  );
  const steps = events.flatMap((event) =>
    event.kind === "intent" && event.call.call !== "restore" ? [event.step] : [],
  );
  expect([...new Set(steps)]).toEqual(planned);
  const applied = story.written(before).filter((action) => !action.endsWith("Tags"));
  expect(applied).toEqual([
    // The live slot is held at its size, and the candidate started,
    "autoscaling:UpdateAutoScalingGroup",
    "ec2:CreateLaunchTemplateVersion",
    "autoscaling:UpdateAutoScalingGroup",
    // users moved, the previous slot emptied, and both sizes given back.
    "elasticloadbalancing:ModifyRule",
    "autoscaling:UpdateAutoScalingGroup",
    "autoscaling:UpdateAutoScalingGroup",
    "autoscaling:UpdateAutoScalingGroup",
  ]);
});
