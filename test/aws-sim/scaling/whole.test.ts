import {
  AutoScalingClient,
  DescribeScalingActivitiesCommand,
  SuspendProcessesCommand,
  UpdateAutoScalingGroupCommand,
} from "@aws-sdk/client-auto-scaling";
import { CreateLaunchTemplateVersionCommand, EC2Client } from "@aws-sdk/client-ec2";
import { afterEach, beforeEach, expect, test } from "vitest";
import { clientConfig } from "../sdk.ts";
import { standardShop, type Shop } from "../shop.ts";
import { startSimulator, type Simulator } from "../simulator.ts";

/* Auto Scaling with the real load balancer and real machines: what no part shows alone. */

let simulator: Simulator;
let shop: Shop;
let asg: AutoScalingClient;
let ec2: EC2Client;

beforeEach(async () => {
  simulator = await startSimulator({ speed: 100 });
  shop = await standardShop(simulator, { instances: 1 });
  asg = new AutoScalingClient(clientConfig(simulator.environment()));
  ec2 = new EC2Client(clientConfig(simulator.environment()));
});

afterEach(async () => {
  asg.destroy();
  ec2.destroy();
  await simulator.stop();
});

const members = (group: string) => simulator.scaling.state.groups.get(group)!.members;

/** Points green at an image and gives it one instance. */
async function startGreen(behaviour: object, more: object = {}): Promise<void> {
  const { LaunchTemplateVersion: made } = await ec2.send(
    new CreateLaunchTemplateVersionCommand({
      LaunchTemplateId: shop.template.id,
      SourceVersion: "1",
      LaunchTemplateData: { ImageId: simulator.compute.registerImage({ name: "r2", behaviour }) },
    }),
  );
  await asg.send(
    new UpdateAutoScalingGroupCommand({
      AutoScalingGroupName: "shop-green",
      LaunchTemplate: { LaunchTemplateId: shop.template.id, Version: String(made!.VersionNumber) },
      MinSize: 1,
      DesiredCapacity: 1,
      ...more,
    }),
  );
}

test("a revision that is never healthy is replaced again and again once its grace period is over", async () => {
  await startGreen({ health: "sick" }, { HealthCheckGracePeriod: 0 });
  await simulator.scaling.until(
    ({ activities }) =>
      activities.filter((one) => one.group === "shop-green" && one.description.startsWith("Terminating"))
        .length >= 2,
  );
  const { Activities } = await asg.send(
    new DescribeScalingActivitiesCommand({ AutoScalingGroupName: "shop-green" }),
  );
  const ended = Activities!.filter(({ Description }) => Description!.startsWith("Terminating"));
  for (const { Cause } of ended) expect(Cause).toContain("an ELB system health check failure");
  // Blue is another group: nothing happens there.
  expect(members("shop-blue")).toMatchObject([{ state: "InService", health: "Healthy" }]);
});

test("with HealthCheck and ReplaceUnhealthy suspended the sick one stays to be looked at", async () => {
  await asg.send(
    new SuspendProcessesCommand({
      AutoScalingGroupName: "shop-green",
      ScalingProcesses: ["HealthCheck", "ReplaceUnhealthy"],
    }),
  );
  await startGreen({ health: "sick" }, { HealthCheckGracePeriod: 0 });
  const health = () => {
    const [member] = members("shop-green");
    return member && simulator.elb.targets.health(shop.targetGroups.green, member.id)?.state;
  };
  while (health() !== "unhealthy") await simulator.clock.sleep(500);
  const [sick] = members("shop-green");
  await simulator.clock.sleep(60_000);
  expect(members("shop-green")).toMatchObject([{ id: sick!.id, state: "InService" }]);
});

test("a group that shrinks lets its instance drain before the machine is switched off", async () => {
  await startGreen({});
  await shop.healthy("green", 1);
  const [leaving] = members("shop-green");
  await asg.send(
    new UpdateAutoScalingGroupCommand({ AutoScalingGroupName: "shop-green", MinSize: 0, DesiredCapacity: 0 }),
  );
  await simulator.scaling.until(
    ({ activities }) => activities[0]!.status === "WaitingForELBConnectionDraining",
  );
  expect(simulator.elb.targets.health(shop.targetGroups.green, leaving!.id)).toMatchObject({
    state: "draining",
  });
  expect(simulator.compute.state.instances.get(leaving!.id)!.state).toBe("running");
  await simulator.scaling.until(({ groups }) => groups.get("shop-green")!.members.length === 0);
  expect(simulator.compute.state.instances.get(leaving!.id)!.state).toBe("terminated");
});
