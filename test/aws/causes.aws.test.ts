import {
  AutoScalingClient,
  DeleteAutoScalingGroupCommand,
  SuspendProcessesCommand,
  type AutoScalingGroup,
} from "@aws-sdk/client-auto-scaling";
import { ElasticLoadBalancingV2Client, ModifyRuleCommand } from "@aws-sdk/client-elastic-load-balancing-v2";
import { EC2Client, StopInstancesCommand } from "@aws-sdk/client-ec2";
import { expect, onTestFinished, test } from "vitest";
import type { Behaviour } from "../aws-sim/instances/behaviour.ts";
import { clientConfig } from "../aws-sim/sdk.ts";
import { AwsStory, type Ran } from "./story.ts";

/*
 * What a pipeline reads when a candidate cannot come up: what is wrong and what to do, what serves, and an end long
 * before any deadline. Every command is a process, at AWS's own pace of one look a second.
 */

const STRATEGY = "{ blueGreen: { bake: 300ms, keepWarm: 0s, drain: 1s } }";
const HEALTH = "{ window: { of: 1, passes: 1, consecutive: 1, interval: 50ms, deadline: 30s } }";
const UPDATE = "autoscaling:UpdateAutoScalingGroup";

type Hand = (story: AwsStory) => Promise<unknown> | void;

interface Told {
  readonly ran: Ran;
  readonly text: string;
  /** Looks at the candidate's targets after the world was as it is. */
  readonly story: AwsStory;
}

/** Deploys an image; once the candidate's group was told its size, `hand` interferes. */
async function deploying(behaviour: Partial<Behaviour>, hand: Hand = () => {}): Promise<Told> {
  const story = await AwsStory.open({
    aws: ["reach: address"],
    strategy: STRATEGY,
    health: HEALTH,
    shop: { instances: 1, deregistrationDelay: 5 },
  });
  onTestFinished(() => story.end());
  let done = false;
  const off = story.simulator.intercept({
    after: async ({ action, input, principal }) => {
      const { AutoScalingGroupName: name, DesiredCapacity: wanted } = input as AutoScalingGroup;
      if (done || action !== UPDATE || name !== "shop-green" || String(wanted) === "0") return undefined;
      if (principal.includes("builder")) return undefined;
      done = true;
      await hand(story);
      return undefined;
    },
  });
  const ran = await story.teal("deploy", story.image("r2", behaviour));
  off();
  expect(await story.answers()).toEqual(["r1", "r1"]);
  return { ran, text: ran.out + ran.err, story };
}

function by<C extends { destroy(): void }>(
  story: AwsStory,
  make: new (config: ReturnType<typeof clientConfig>) => C,
  run: (client: C) => Promise<unknown>,
): Promise<unknown> {
  const client = new make(clientConfig(story.simulator.environment("AKIASHOPBUILDER")));
  return run(client).finally(() => client.destroy());
}

/** Exit 4: what served serves, and is named with what to do. */
function expectBack({ ran, text, story }: Told, ...says: readonly (string | RegExp)[]): void {
  expect(ran.code, text).toBe(4);
  for (const each of says) expect(text).toMatch(each);
  expect(text).toContain(`Users stayed on ${story.shop.image}; no traffic moved.`);
  expect(text).toContain("Next: ");
  // Nothing of it waited for a deadline of ten minutes.
  expect(text).not.toContain("within 10 min");
}

test("a target group that somebody takes out of the rule", async () => {
  const told = await deploying({}, (story) =>
    by(story, ElasticLoadBalancingV2Client, (elb) =>
      elb.send(
        new ModifyRuleCommand({
          RuleArn: story.shop.listeners[0]!.rule,
          Actions: [{ Type: "forward", TargetGroupArn: story.shop.targetGroups.blue }],
        }),
      ),
    ),
  );
  expectBack(told, "TEAL-A202", "shop-green is not health checked");
});

test("an instance that is stopped under its group", async () => {
  const told = await deploying({ health: "sick" }, async (story) => {
    // Auto Scaling would replace it in the moment in which it sees it.
    await by(story, AutoScalingClient, (scaling) =>
      scaling.send(
        new SuspendProcessesCommand({
          AutoScalingGroupName: "shop-green",
          ScalingProcesses: ["HealthCheck", "ReplaceUnhealthy"],
        }),
      ),
    );
    void stopped(story);
  });
  expectBack(told, "TEAL-A203", /i-[0-9a-f]+ in target group shop-green is stopped or terminated/u);
});

/** Stops green's instance once it is in service. */
async function stopped(story: AwsStory): Promise<void> {
  const { simulator } = story;
  const inService = () =>
    simulator.scaling.state.groups.get("shop-green")?.members.find(({ state }) => state === "InService");
  while (inService() === undefined) await simulator.clock.sleep(500);
  await by(story, EC2Client, (ec2) => ec2.send(new StopInstancesCommand({ InstanceIds: [inService()!.id] })));
}

// What cannot be put back is tried for a minute before somebody is asked.
test("a group that somebody deletes", { timeout: 300_000 }, async () => {
  const { ran, text, story } = await deploying({}, (story) =>
    by(story, AutoScalingClient, (scaling) =>
      scaling.send(
        new DeleteAutoScalingGroupCommand({ AutoScalingGroupName: "shop-green", ForceDelete: true }),
      ),
    ),
  );
  // Of a group that is not there nothing has to be put back.
  expect(ran.code, text).toBe(4);
  expect(text).toMatch(/✗ start .*there is no Auto Scaling group shop-green\. Create it again/u);
  const { min, max, desired } = story.simulator.scaling.state.groups.get("shop-blue")!;
  expect([min, max, desired]).toEqual([1, 4, 1]);
});

test("a right that is taken away meanwhile, by its action", async () => {
  const told = await deploying({}, ({ simulator, as }) => {
    simulator.principal({
      accessKeyId: as ?? simulator.environment()["AWS_ACCESS_KEY_ID"]!,
      secretAccessKey: simulator.environment()["AWS_SECRET_ACCESS_KEY"]!,
      arn: `arn:aws:iam::${simulator.account}:user/everything`,
      policies: [
        {
          Version: "2012-10-17",
          Statement: [
            { Effect: "Allow", Action: "*", Resource: "*" },
            { Effect: "Deny", Action: "elasticloadbalancing:DescribeTargetHealth", Resource: "*" },
          ],
        },
      ],
    });
  });
  expectBack(told, "TEAL-A104", "not allowed: elasticloadbalancing:DescribeTargetHealth");
});

test("launches that AWS refuses, in the words of the scaling activity", async () => {
  const message = "You have requested more vCPU capacity than your current vCPU limit of 32 allows";
  const told = await deploying({ refused: { code: "VcpuLimitExceeded", message } });
  expectBack(told, "TEAL-A207", message, "Launching a new EC2 instance");
});

test("instances that are replaced again and again", async () => {
  const told = await deploying({ health: "sick" });
  expectBack(told, "TEAL-A208", /replaced \d+ of its instances as unhealthy/u);
});
