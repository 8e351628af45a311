import {
  AutoScalingClient,
  PutScheduledUpdateGroupActionCommand,
  SetInstanceProtectionCommand,
} from "@aws-sdk/client-auto-scaling";
import { ElasticLoadBalancingV2Client, RemoveTagsCommand } from "@aws-sdk/client-elastic-load-balancing-v2";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { deploymentId } from "../../src/core/units.ts";
import { clientConfig } from "../aws-sim/sdk.ts";
import { like } from "../aws-sim/iam/like.ts";
import { CLOSED, row } from "../contract/history-fixture.ts";
import { holder, note } from "../contract/store.ts";
import { outcomeOf, tell } from "../e2e/support.ts";
import { AwsStory } from "./story.ts";

/*
 * Whole deployments by a role that has the policy which `teal init` writes, and nothing else: everything they call is in
 * it, everything in it is called, and whatever is taken out of it is missed before anything was written.
 */

interface Statement {
  readonly Effect: "Allow";
  readonly Action: readonly string[];
  readonly Resource: readonly string[];
  readonly Condition?: object;
}

/** Without it nothing can be told of the others beforehand. */
const ASKING = "iam:SimulatePrincipalPolicy";

let story: AwsStory;
let statements: readonly Statement[];
let role: string;

/** Teal runs as the role with these statements. */
function mayOnly(some: readonly Statement[]): void {
  story.as = "ASIATEALSHOP";
  story.simulator.principal({
    accessKeyId: story.as,
    secretAccessKey: "of-the-pipeline",
    sessionToken: "of-the-pipeline-too",
    arn: role,
    policies: [{ Version: "2012-10-17", Statement: some }],
  });
}

const STRATEGIES = {
  first: "{ blueGreen: { bake: 100ms, keepWarm: 10m, drain: 100ms } }",
  canary: "{ canary: { shifts: [10, 50], watch: 100ms, bake: 100ms, keepWarm: 0s, drain: 100ms } }",
  rolling: "{ rolling: { batch: 1, bake: 100ms, drain: 100ms } }",
  recreate: "{ recreate: { bake: 100ms, drain: 100ms } }",
};
const HEALTH = "{ window: { of: 2, passes: 2, consecutive: 2, interval: 50ms, deadline: 30s } }";
const AWS = ["state: s3://shop-teal/prod", "publish: /shop/weights", "replicas: 2"];

beforeAll(async () => {
  const launch = {
    IamInstanceProfile: { Name: "shop-web" },
    TagSpecifications: [{ ResourceType: "instance" as const, Tags: [{ Key: "team", Value: "shop" }] }],
  };
  story = await AwsStory.open({
    shop: { instances: 0, launch, deregistrationDelay: 5 },
    aws: AWS,
    strategy: STRATEGIES.first,
    health: HEALTH,
  });
  const { account, s3 } = story.simulator;
  s3.createBucket("shop-teal");
  // Users' rule belongs to whoever made it: without Teal's tag only the statement that names it allows to change it.
  const elb = new ElasticLoadBalancingV2Client(clientConfig(story.simulator.environment("AKIASHOPBUILDER")));
  await elb
    .send(
      new RemoveTagsCommand({ ResourceArns: [story.shop.listeners[0]!.rule], TagKeys: ["teal.dev/service"] }),
    )
    .finally(() => elb.destroy());
  role = `arn:aws:sts::${account}:assumed-role/teal-shop/run-1`;
  const words = ["--host", "shop.example", "--state", "s3://shop-teal/prod", "--publish", "/shop/weights"];
  const init = await story.teal("init", "--from", "shop-alb:8080", ...words, "--print", "--json");
  const { files } = JSON.parse(init.out.trim().split("\n").at(-1)!) as {
    files: readonly { path: string; content: string }[];
  };
  const policy = files.find(({ path }) => path === "teal-policy.json")!;
  statements = (JSON.parse(policy.content) as { Statement: readonly Statement[] }).Statement;
  mayOnly(statements);
});
afterAll(() => story.end());

/** Another hand than Teal's. */
async function byHand(run: (scaling: AutoScalingClient) => Promise<unknown>): Promise<void> {
  const scaling = new AutoScalingClient(clientConfig(story.simulator.environment("AKIASHOPBUILDER")));
  await run(scaling).finally(() => scaling.destroy());
}

/** Instances that are protected from scale-in. */
function shieldedIds(): readonly string[] {
  const groups = [...story.simulator.scaling.state.groups.values()];
  return groups.flatMap(({ members }) => members.filter((each) => each.protected).map(({ id }) => id));
}

async function deployed(revision: string, outcome: string, strategy = STRATEGIES.first): Promise<void> {
  story.configure({ strategy });
  const moved = await story.deploy(story.image(revision));
  expect(outcomeOf(moved), tell(moved)).toBe(outcome);
  expect(await story.answers()).toEqual([revision, revision]);
}

describe("every way of deploying under the generated policy", () => {
  test("a first deployment, blue-green, and back", async () => {
    await deployed("r1", "done");
    await deployed("r2", "warm");
    const back = await story.rollback();
    expect(outcomeOf(back), tell(back)).toBe("reverted");
    expect(await story.answers()).toEqual(["r1", "r1"]);
    expect(story.simulator.ssm.parameter("/shop/weights")).toMatch(/100/);
  });

  test("canary, beside a schedule that would change the size", async () => {
    await byHand((scaling) =>
      scaling.send(
        new PutScheduledUpdateGroupActionCommand({
          AutoScalingGroupName: "shop-blue",
          ScheduledActionName: "night",
          Recurrence: "0 22 1 1 *",
          DesiredCapacity: 1,
        }),
      ),
    );
    await deployed("r-canary", "done", STRATEGIES.canary);
  });

  test("rolling, though somebody protected an instance from scale-in", async () => {
    await byHand(async (scaling) => {
      const groups = [...story.simulator.scaling.state.groups.values()];
      const serving = groups.find(({ desired }) => desired > 0)!;
      await scaling.send(
        new SetInstanceProtectionCommand({
          AutoScalingGroupName: serving.name,
          InstanceIds: serving.members.map(({ id }) => id),
          ProtectedFromScaleIn: true,
        }),
      );
    });
    const before = shieldedIds();
    await deployed("r-rolling", "done", STRATEGIES.rolling);
    // Whoever is left of the protected ones still is, and nobody is protected that was not.
    const left = [...story.simulator.scaling.state.groups.values()].flatMap(({ members }) => members);
    const survived = left.filter(({ id }) => before.includes(id)).map(({ id }) => id);
    expect(before).not.toEqual([]);
    expect(shieldedIds()).toEqual(survived);
  });

  test("recreate", async () => {
    await deployed("r-recreate", "done", STRATEGIES.recreate);
  });

  test("a journal of many deployments drops the events of the first", async () => {
    await story.with(async ({ key, store }) => {
      const lease = await store.take(key, holder("ci"), "free");
      if (lease.is !== "taken") throw new Error(`the lease is ${lease.is}`);
      for (let number = 0; number < 51; number += 1) {
        const id = deploymentId(`many${number}`);
        const opened = await store.open(key, id, note("open"));
        if (opened.is !== "opened") throw new Error(`the store says ${opened.is}`);
        const closed = await store.close(key, id, 1, CLOSED, row(id, opened.number), lease.fence);
        expect(closed.is).toBe("closed");
      }
      await store.release(key, lease.fence);
    });
  });

  test("was refused nothing, and used every permission that it has", () => {
    const refused = story.simulator.recorded.filter(({ status }) => status === 403);
    expect(refused.map(({ action }) => action)).toEqual([]);
    const granted = story.simulator.granted.filter(({ principal }) => principal === role);
    const unused = statements.flatMap(({ Action, Resource }) =>
      Action.filter(
        (action) =>
          !granted.some(
            (each) => each.action === action && Resource.some((pattern) => like(pattern, each.resource)),
          ),
      ),
    );
    expect(unused).toEqual([]);
  });
});

describe("a permission that is missing", () => {
  /** All but this action of this statement. */
  const without = (statement: Statement, action: string) =>
    statements
      .map((each) =>
        each === statement ? { ...each, Action: each.Action.filter((one) => one !== action) } : each,
      )
      .filter(({ Action }) => Action.length > 0);

  test("each in turn: the deployment is refused with the action's name, and nothing was written", async () => {
    const image = story.image("r-next");
    const before = story.simulator.recorded.length;
    const went: string[] = [];
    for (const statement of statements) {
      for (const action of statement.Action) {
        if (action === ASKING) continue;
        mayOnly(without(statement, action));
        const moved = await story.deploy(image);
        // A journal that cannot be read may tell of a deployment under way: somebody has to look.
        const expected = action === "s3:GetObject" ? "failed" : "refused";
        if (moved.is !== expected || !moved.cause.message.includes(action))
          went.push(`${action} ${tell(moved)}`);
      }
    }
    expect(went).toEqual([]);
    expect(story.written(before)).toEqual([]);
  });

  test("a pipeline ends with 3, and is told what to allow", async () => {
    const statement = statements.find(({ Action }) => Action.includes("autoscaling:SuspendProcesses"))!;
    mayOnly(without(statement, "autoscaling:SuspendProcesses"));
    const before = story.simulator.recorded.length;
    const ran = await story.teal("deploy", story.image("r-ci"));
    expect(ran.code, ran.out + ran.err).toBe(3);
    expect(ran.out + ran.err).toMatch(/role\/teal-shop is not allowed autoscaling:SuspendProcesses on/);
    expect(ran.out + ran.err).toMatch(/serves on blue.*Next: .*TEAL-A617, exit 3/s);
    expect(ran.out + ran.err).toContain("add autoscaling:SuspendProcesses to its policy");
    expect(story.written(before)).toEqual([]);
  });

  test("without the right to ask, a plan names every write as not proven", async () => {
    mayOnly(statements.filter(({ Action }) => !Action.includes(ASKING)));
    const ran = await story.teal("plan", story.image("r-unproven"));
    expect(ran.code, ran.out + ran.err).toBe(0);
    const [line = ""] = `${ran.out}${ran.err}`.split("\n").filter((each) => each.includes("TEAL-A615"));
    expect(line).toContain("not proven");
    for (const action of ["elasticloadbalancing:ModifyRule", "autoscaling:UpdateAutoScalingGroup", ASKING])
      expect(line).toContain(action);
  });
});

test("credentials that end before the deployment would are told by the plan; those that end at once refuse it", async () => {
  mayOnly(statements);
  const ending = (minutes: number) => {
    story.variables = { AWS_CREDENTIAL_EXPIRATION: new Date(Date.now() + minutes * 60_000).toISOString() };
  };
  ending(5);
  const warned = await story.teal("plan", story.image("r-late"));
  expect(warned.code, warned.out + warned.err).toBe(0);
  expect(warned.out).toMatch(/these credentials end in 5 min.*it then pauses with what serves unchanged/su);
  ending(1);
  const refused = await story.teal("deploy", story.image("r-later"));
  story.variables = {};
  expect(refused.code, refused.out + refused.err).toBe(3);
  expect(refused.out + refused.err).toMatch(/TEAL-A601, exit 3/u);
});
