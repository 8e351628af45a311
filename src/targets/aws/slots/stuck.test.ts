import { AutoScalingClient, SuspendProcessesCommand } from "@aws-sdk/client-auto-scaling";
import { afterEach, expect, test } from "vitest";
import { clientConfig } from "../../../../test/aws-sim/sdk.ts";
import type { SlotState } from "../../../core/observed.ts";
import { NEVER, by, ready, slotsShop, until, type SlotsShop } from "./test-support.ts";

/* What keeps a slot from getting ready, on the simulator: each told at the first look that could tell. */

let shop: SlotsShop;

afterEach(() => shop.end());

async function started(behaviour = {}, replicas = 1): Promise<void> {
  const want = await shop.revision("r2", behaviour, replicas);
  const answer = await shop.slots.ensure("green", want, "any", by(1));
  expect(answer).toMatchObject({ is: "applied", seen: { wanted: replicas } });
}

function isStuck(state: SlotState): boolean {
  return state.stuck?.sure === true;
}

/** A hand that may everything, and is not Teal's. */
async function byHand(run: (client: AutoScalingClient) => Promise<unknown>): Promise<void> {
  const client = new AutoScalingClient(clientConfig(shop.simulator.environment()));
  await run(client);
  client.destroy();
}

/** The group of calls as everybody may make them, but for one action. */
function without(action: string): string {
  const accessKeyId = "AKIALACKSONERIGHT000";
  const { account } = shop.simulator;
  const statement = [
    { Effect: "Allow", Action: "*", Resource: "*" },
    { Effect: "Deny", Action: action, Resource: "*" },
  ];
  shop.simulator.principal({
    accessKeyId,
    secretAccessKey: "secret-of-one-who-lacks-a-right",
    arn: `arn:aws:iam::${account}:role/lacking`,
    policies: [{ Version: "2012-10-17", Statement: statement }],
  });
  return accessKeyId;
}

test("a target group that no rule names is not checked: told at once, with what to do", async () => {
  shop = await slotsShop();
  const { ElasticLoadBalancingV2Client, ModifyRuleCommand } =
    await import("@aws-sdk/client-elastic-load-balancing-v2");
  await shop.slots.observe("green", NEVER);
  const elb = new ElasticLoadBalancingV2Client(clientConfig(shop.simulator.environment()));
  const only = [{ Type: "forward", TargetGroupArn: shop.shop.targetGroups.blue } as const];
  await elb.send(new ModifyRuleCommand({ RuleArn: shop.shop.listeners[0]!.rule, Actions: only }));
  elb.destroy();
  await started();
  const { stuck } = await until(shop.slots, "green", isStuck);
  expect(stuck?.cause).toMatchObject({ code: "TEAL-A202" });
  expect(stuck?.cause.message).toContain("shop-green");
});

test("an instance that was stopped under its group is told at once, by its name", async () => {
  shop = await slotsShop();
  await started();
  const { replicas } = await until(shop.slots, "green", ready(1));
  const processes = ["HealthCheck", "ReplaceUnhealthy"];
  await byHand((client) =>
    client.send(
      new SuspendProcessesCommand({ AutoScalingGroupName: "shop-green", ScalingProcesses: processes }),
    ),
  );
  const { EC2Client, StopInstancesCommand } = await import("@aws-sdk/client-ec2");
  const ec2 = new EC2Client(clientConfig(shop.simulator.environment()));
  await ec2.send(new StopInstancesCommand({ InstanceIds: [replicas[0]!.id] }));
  ec2.destroy();
  const { stuck } = await until(shop.slots, "green", isStuck);
  expect(stuck?.cause.code).toBe("TEAL-A203");
  expect(stuck?.cause.message).toContain(replicas[0]!.id);
});

test("a launch that fails quotes its scaling activity", async () => {
  shop = await slotsShop();
  await started({ refused: { code: "InvalidAMIID.NotFound", message: "The image id does not exist" } });
  const { stuck } = await until(shop.slots, "green", isStuck);
  expect(stuck?.cause.code).toBe("TEAL-A207");
  expect(stuck?.cause.message).toContain("The image id does not exist");
  expect(stuck?.cause.evidence?.join()).toContain("Launching a new EC2 instance");
});

test("a launch that failed before the slot was told anew says nothing of it", async () => {
  shop = await slotsShop();
  await started({ refused: { code: "InvalidAMIID.NotFound", message: "The image id does not exist" } });
  await until(shop.slots, "green", isStuck);
  expect((await shop.slots.retire("green", 0, "any", by(1))).is).toBe("applied");
  const well = await shop.revision("r3", { boots: 600_000 });
  expect((await shop.slots.ensure("green", well, "any", by(1))).is).toBe("applied");
  const state = await until(shop.slots, "green", ({ replicas }) => replicas.length === 1);
  expect(state.stuck?.sure ?? false).toBe(false);
});

test("no capacity for a moment may pass, and is told as what is waited for", async () => {
  shop = await slotsShop();
  const message = "We currently do not have sufficient t3.micro capacity";
  await started({ refused: { code: "InsufficientInstanceCapacity", message } });
  const { stuck } = await until(shop.slots, "green", (state) => state.stuck?.cause.code === "TEAL-A207");
  expect(stuck?.sure).toBe(false);
  expect(stuck?.cause.message).toContain(message);
});

test("instances that are replaced again and again are a loop", async () => {
  shop = await slotsShop();
  await started({ health: "sick" });
  const { stuck } = await until(
    shop.slots,
    "green",
    (state) => isStuck(state) && state.stuck?.cause.code === "TEAL-A208",
  );
  expect(stuck?.cause.message).toMatch(/replaced [2-9]\d* of its instances as unhealthy/u);
});

test("an instance that does not pass its check is named, while it may still pass", async () => {
  shop = await slotsShop();
  await started({ health: "sick" });
  const mismatch = ({ stuck }: SlotState) =>
    stuck?.cause.message.includes("Target.ResponseCodeMismatch") === true;
  const { stuck } = await until(shop.slots, "green", mismatch);
  expect(stuck).toMatchObject({ sure: false, cause: { code: "TEAL-A210" } });
  expect(stuck?.cause.evidence?.join()).toContain("503");
});

test("a suspended process that is needed is named with the command that resumes it", async () => {
  shop = await slotsShop();
  await byHand((client) =>
    client.send(
      new SuspendProcessesCommand({ AutoScalingGroupName: "shop-green", ScalingProcesses: ["Launch"] }),
    ),
  );
  await started();
  const { stuck } = await until(shop.slots, "green", isStuck);
  expect(stuck?.cause.code).toBe("TEAL-A206");
  expect(stuck?.cause.message).toContain("resume-processes --auto-scaling-group-name shop-green");
});

test("a right to look that is missing is the slot's trouble, by the action's name", async () => {
  shop = await slotsShop();
  await started();
  const blind = await shop.another(without("elasticloadbalancing:DescribeTargetHealth"));
  const { stuck } = await until(blind, "green", isStuck);
  expect(stuck?.cause.code).toBe("TEAL-A104");
  expect(stuck?.cause.message).toContain("elasticloadbalancing:DescribeTargetHealth");
});

test("a right to write that is missing refuses the write, by the action's name", async () => {
  shop = await slotsShop();
  const want = await shop.revision("r2");
  const lacking = await shop.another(without("autoscaling:UpdateAutoScalingGroup"));
  const answer = await lacking.ensure("green", want, "any", by(1));
  expect(answer).toMatchObject({ is: "rejected", cause: { code: "TEAL-A104" } });
  expect(answer.is === "rejected" && answer.cause.message).toContain("autoscaling:UpdateAutoScalingGroup");
  expect(answer.is === "rejected" && answer.retryAfter).toBeUndefined();
});

test("a group that is gone is told at the next look, and nothing is written to it", async () => {
  shop = await slotsShop();
  const want = await shop.revision("r2");
  await shop.slots.observe("green", NEVER);
  const { DeleteAutoScalingGroupCommand } = await import("@aws-sdk/client-auto-scaling");
  await byHand((client) =>
    client.send(new DeleteAutoScalingGroupCommand({ AutoScalingGroupName: "shop-green" })),
  );
  const { stuck } = await until(shop.slots, "green", isStuck);
  expect(stuck?.cause).toMatchObject({ code: "TEAL-A201" });
  const answer = await shop.slots.ensure("green", want, "any", by(1));
  expect(answer).toMatchObject({ is: "rejected", cause: { code: "TEAL-A201" } });
  // What was held of it is gone with it.
  const original = JSON.stringify({ min: 0, max: 2, desired: 0, suspended: [] });
  const restored = await shop.slots.restore({ slot: "green", what: "capacity", original }, by(1));
  expect(restored).toMatchObject({ is: "unchanged", seen: { wanted: 0, replicas: [] } });
});
