import {
  AttachTrafficSourcesCommand,
  CompleteLifecycleActionCommand,
  CreateOrUpdateTagsCommand,
  DeleteAutoScalingGroupCommand,
  DescribeAccountLimitsCommand,
  DescribeAutoScalingGroupsCommand,
  DescribeAutoScalingInstancesCommand,
  DescribeInstanceRefreshesCommand,
  DescribeLifecycleHooksCommand,
  DescribePoliciesCommand,
  DescribeScalingActivitiesCommand,
  DescribeScheduledActionsCommand,
  DescribeTagsCommand,
  DescribeTrafficSourcesCommand,
  DetachTrafficSourcesCommand,
  PutLifecycleHookCommand,
  PutScalingPolicyCommand,
  PutScheduledUpdateGroupActionCommand,
  ResumeProcessesCommand,
  SetDesiredCapacityCommand,
  SetInstanceHealthCommand,
  StartInstanceRefreshCommand,
  SuspendProcessesCommand,
  TerminateInstanceInAutoScalingGroupCommand,
  UpdateAutoScalingGroupCommand,
} from "@aws-sdk/client-auto-scaling";
import { DescribeInstancesCommand, TerminateInstancesCommand } from "@aws-sdk/client-ec2";
import { afterEach, describe, expect, test } from "vitest";
import { openScaling, type Opened } from "./harness.ts";

let opened: Opened;
afterEach(() => opened.close());

const AutoScalingGroupName = "shop";
const size = (desired: number) =>
  new SetDesiredCapacityCommand({ AutoScalingGroupName, DesiredCapacity: desired });
const suspend = (...processes: string[]) =>
  new SuspendProcessesCommand({ AutoScalingGroupName, ScalingProcesses: processes });
const resume = (...processes: string[]) =>
  new ResumeProcessesCommand({ AutoScalingGroupName, ScalingProcesses: processes });
const warm = (HeartbeatTimeout: number) => ({
  LifecycleHookName: "warm",
  LifecycleTransition: "autoscaling:EC2_INSTANCE_LAUNCHING",
  HeartbeatTimeout,
});
const activities = async () =>
  (await opened.asg.send(new DescribeScalingActivitiesCommand({ AutoScalingGroupName }))).Activities!;
const described = async () =>
  (await opened.asg.send(new DescribeAutoScalingGroupsCommand({ AutoScalingGroupNames: ["shop"] })))
    .AutoScalingGroups![0]!;
/** A minute of the world: four looks of the group at itself. */
const aWhile = () => opened.world.clock.sleep(60_000);

describe("where moto is wrong or silent", () => {
  test("Desired ≤ Max", async () => {
    opened = await openScaling();
    await opened.group({ MinSize: 1, MaxSize: 2 });
    await expect(opened.asg.send(size(3))).rejects.toMatchObject({
      name: "ValidationError",
      message: "New SetDesiredCapacity value 3 is above max value 2 for the AutoScalingGroup.",
    });
    await expect(opened.asg.send(size(0))).rejects.toMatchObject({ name: "ValidationError" });
    await expect(
      opened.asg.send(new UpdateAutoScalingGroupCommand({ AutoScalingGroupName, DesiredCapacity: 5 })),
    ).rejects.toMatchObject({
      message: "Desired capacity:5 must be between the specified min size:1 and max size:2",
    });
    await expect(
      opened.asg.send(new UpdateAutoScalingGroupCommand({ AutoScalingGroupName, MinSize: 3 })),
    ).rejects.toMatchObject({ message: "Max bound, 2, must be greater than or equal to min bound, 3" });
    expect(await described()).toMatchObject({ MinSize: 1, MaxSize: 2, DesiredCapacity: 1 });
  });

  test("Pending, hooks, replacement", async () => {
    opened = await openScaling();
    await opened.group({ DesiredCapacity: 1, LifecycleHookSpecificationList: [warm(7200)] });
    expect((await opened.settled(1, "Pending")).members).toHaveLength(1);
    const [waiting] = (await opened.settled(1, "Pending:Wait")).members;
    // Registered only when the hook is completed.
    expect(opened.targets.told).toEqual([]);
    const { LifecycleHooks } = await opened.asg.send(
      new DescribeLifecycleHooksCommand({ AutoScalingGroupName }),
    );
    expect(LifecycleHooks).toMatchObject([
      { LifecycleHookName: "warm", DefaultResult: "ABANDON", GlobalTimeout: 172_800 },
    ]);
    const complete = (InstanceId: string) =>
      new CompleteLifecycleActionCommand({
        AutoScalingGroupName,
        LifecycleHookName: "warm",
        LifecycleActionResult: "CONTINUE",
        InstanceId,
      });
    await opened.asg.send(complete(waiting!.id));
    await opened.settled(1);
    expect(opened.targets.told).toEqual([`register ${waiting!.id}`]);
    await expect(opened.asg.send(complete(waiting!.id))).rejects.toMatchObject({ name: "ValidationError" });

    await opened.asg.send(
      new SetInstanceHealthCommand({ InstanceId: waiting!.id, HealthStatus: "Unhealthy" }),
    );
    const [replacement] = (await opened.settled(1, "Pending:Wait")).members;
    expect(replacement!.id).not.toBe(waiting!.id);
    await opened.asg.send(complete(replacement!.id));
    await opened.settled(1);
    expect((await activities()).map(({ Description, StatusCode }) => `${Description} ${StatusCode}`)).toEqual(
      [
        `Launching a new EC2 instance: ${replacement!.id} Successful`,
        `Terminating EC2 instance: ${waiting!.id} Successful`,
        `Launching a new EC2 instance: ${waiting!.id} Successful`,
      ],
    );
  });

  test("Instance keeps its launch LT version", async () => {
    opened = await openScaling();
    await opened.group({ DesiredCapacity: 1 });
    await opened.settled(1);
    const next = await opened.version(opened.image("r2"));
    await opened.asg.send(
      new UpdateAutoScalingGroupCommand({
        AutoScalingGroupName,
        LaunchTemplate: { LaunchTemplateId: opened.templateId, Version: next },
        DesiredCapacity: 2,
      }),
    );
    await opened.settled(2);
    const group = await described();
    expect(group.LaunchTemplate).toMatchObject({ LaunchTemplateName: "shop", Version: "2" });
    expect(new Set(group.Instances!.map((one) => one.LaunchTemplate!.Version))).toEqual(new Set(["1", "2"]));
    // The shrunk group loses the instance of the older version.
    await opened.asg.send(size(1));
    const { members } = await opened.settled(1);
    expect(members[0]!.template.version).toBe("2");
  });

  test("Grace 0", async () => {
    opened = await openScaling();
    await opened.group({ HealthCheckType: "ELB", DesiredCapacity: 1 });
    const [sick] = (await opened.settled(1)).members;
    expect((await described()).HealthCheckGracePeriod).toBe(0);
    opened.targets.registered.set(sick!.id, { state: "unhealthy" });
    await opened.scaling.until(({ groups }) =>
      groups.get("shop")!.members.every(({ id }) => id !== sick!.id),
    );
    expect((await activities()).map(({ Cause }) => Cause)).toContainEqual(
      expect.stringContaining("taken out of service in response to an ELB system health check failure."),
    );
  });

  test("Deleting a non-empty ASG refused", async () => {
    opened = await openScaling();
    await opened.group({ DesiredCapacity: 1 });
    await opened.settled(1);
    const remove = (force: boolean) =>
      new DeleteAutoScalingGroupCommand({ AutoScalingGroupName, ForceDelete: force });
    await expect(opened.asg.send(remove(false))).rejects.toMatchObject({ name: "ResourceInUseFault" });
    await opened.asg.send(size(0));
    await opened.settled(0);
    await opened.asg.send(remove(false));
    expect(opened.scaling.state.groups.size).toBe(0);
    await opened.group({ DesiredCapacity: 1 });
    await opened.settled(1);
    await opened.asg.send(remove(true));
    await opened.scaling.until(({ groups }) => groups.size === 0);
    expect([...opened.compute.state.instances.values()].map(({ state }) => state)).toEqual([
      "terminated",
      "terminated",
    ]);
  });

  test("Scaling activities", async () => {
    opened = await openScaling();
    opened.compute.failLaunches({ code: "InsufficientInstanceCapacity", zone: "eu-central-1a", times: 1 });
    await opened.group({ DesiredCapacity: 1 });
    const [member] = (await opened.settled(1)).members;
    // The zone without capacity was tried first, then the other one.
    expect(member!.zone).toBe("eu-central-1b");
    expect(await activities()).toMatchObject([
      { Description: `Launching a new EC2 instance: ${member!.id}`, StatusCode: "Successful", Progress: 100 },
      {
        Description: "Launching a new EC2 instance",
        StatusCode: "Failed",
        StatusMessage: expect.stringMatching(
          /^We currently do not have sufficient t3\.micro capacity in the Availability Zone you requested \(eu-central-1a\)\. .* Launching EC2 instance failed\.$/,
        ),
      },
    ]);
    opened.compute.vcpuLimit = 2;
    await opened.asg.send(size(2));
    await opened.scaling.until((state) => state.activities[0]!.status === "Failed");
    expect((await activities())[0]!.StatusMessage).toContain("your current vCPU limit of 2 allows");
    const page = await opened.asg.send(
      new DescribeScalingActivitiesCommand({ AutoScalingGroupName, MaxRecords: 2 }),
    );
    expect(page.Activities).toHaveLength(2);
    expect(page.NextToken).toBeDefined();
    await expect(
      opened.asg.send(new DescribeScalingActivitiesCommand({ AutoScalingGroupName: "nobody" })),
    ).rejects.toMatchObject({ name: "ValidationError" });
  });

  test("Instance refresh, traffic sources, CompleteLifecycleAction", async () => {
    opened = await openScaling();
    await opened.group({ DesiredCapacity: 2, TargetGroupARNs: [] });
    await opened.settled(2);
    const states = async () =>
      (await opened.asg.send(new DescribeTrafficSourcesCommand({ AutoScalingGroupName }))).TrafficSources;
    const TrafficSources = [{ Identifier: opened.targets.arn, Type: "elbv2" }];
    await opened.asg.send(new AttachTrafficSourcesCommand({ AutoScalingGroupName, TrafficSources }));
    expect(await states()).toMatchObject([{ Identifier: opened.targets.arn, State: "InService" }]);
    for (const target of opened.targets.registered.values()) target.state = "initial";
    expect(await states()).toMatchObject([{ State: "Added" }]);
    await opened.asg.send(new DetachTrafficSourcesCommand({ AutoScalingGroupName, TrafficSources }));
    await opened.scaling.until(({ groups }) => groups.get("shop")!.targetGroups.length === 0);

    const before = opened.scaling.state.groups.get("shop")!.members.map(({ id }) => id);
    const start = new StartInstanceRefreshCommand({
      AutoScalingGroupName,
      Preferences: { MinHealthyPercentage: 50 },
    });
    const { InstanceRefreshId } = await opened.asg.send(start);
    await expect(opened.asg.send(start)).rejects.toMatchObject({ name: "InstanceRefreshInProgressFault" });
    let fewest = 2;
    await opened.scaling.until(({ groups, refreshes }) => {
      fewest = Math.min(
        fewest,
        groups.get("shop")!.members.filter(({ state }) => state === "InService").length,
      );
      return refreshes[0]!.status === "Successful";
    });
    await opened.settled(2);
    expect(fewest).toBe(1);
    const { InstanceRefreshes } = await opened.asg.send(
      new DescribeInstanceRefreshesCommand({ AutoScalingGroupName }),
    );
    expect(InstanceRefreshes).toMatchObject([
      { InstanceRefreshId, Status: "Successful", PercentageComplete: 100, InstancesToUpdate: 0 },
    ]);
    expect(opened.scaling.state.groups.get("shop")!.members.filter(({ id }) => before.includes(id))).toEqual(
      [],
    );
  });

  test("Scale-in deregisters", async () => {
    opened = await openScaling({ drains: "by hand" });
    await opened.group({ DesiredCapacity: 1 });
    const [member] = (await opened.settled(1)).members;
    await opened.asg.send(
      new PutLifecycleHookCommand({
        AutoScalingGroupName,
        LifecycleHookName: "logs",
        LifecycleTransition: "autoscaling:EC2_INSTANCE_TERMINATING",
      }),
    );
    await opened.asg.send(size(0));
    await opened.scaling.until((state) => state.activities[0]!.status === "WaitingForELBConnectionDraining");
    expect(opened.scaling.state.groups.get("shop")!.members).toMatchObject([
      { id: member!.id, state: "Terminating" },
    ]);
    expect(opened.targets.health("", member!.id)).toEqual({ state: "draining" });
    expect(opened.compute.state.instances.get(member!.id)!.state).toBe("running");
    opened.targets.draining.get(member!.id)!();
    // First it drains, then the hook waits, then it ends.
    await opened.settled(1, "Terminating:Wait");
    expect(opened.compute.state.instances.get(member!.id)!.state).toBe("running");
    await opened.asg.send(
      new CompleteLifecycleActionCommand({
        AutoScalingGroupName,
        LifecycleHookName: "logs",
        LifecycleActionResult: "CONTINUE",
        InstanceId: member!.id,
      }),
    );
    await opened.settled(0);
    expect(opened.compute.state.instances.get(member!.id)!.state).toBe("terminated");
    expect(opened.targets.registered.size).toBe(0);
  });
});

describe("health", () => {
  test("the grace period protects from the load balancer's verdict, not from an end of the machine", async () => {
    opened = await openScaling();
    await opened.group({ HealthCheckType: "ELB", HealthCheckGracePeriod: 3600, DesiredCapacity: 1 });
    const [first] = (await opened.settled(1)).members;
    opened.targets.registered.set(first!.id, { state: "unhealthy" });
    await opened.asg.send(new SetInstanceHealthCommand({ InstanceId: first!.id, HealthStatus: "Unhealthy" }));
    await aWhile();
    expect((await described()).Instances).toMatchObject([{ InstanceId: first!.id, HealthStatus: "Healthy" }]);
    await opened.ec2.send(new TerminateInstancesCommand({ InstanceIds: [first!.id] }));
    await opened.scaling.until(({ groups }) =>
      groups.get("shop")!.members.every(({ id }) => id !== first!.id),
    );
    await opened.settled(1);
    expect((await activities()).map(({ Cause }) => Cause)).toContainEqual(
      expect.stringContaining("an EC2 health check indicating"),
    );
  });

  test("what runs on the machine is no business of the EC2 health check", async () => {
    opened = await openScaling();
    await opened.group({ DesiredCapacity: 1 });
    const [member] = (await opened.settled(1)).members;
    expect(await opened.compute.listening(member!.id)).toBe(true);
    opened.compute.kill(member!.id);
    opened.targets.registered.set(member!.id, { state: "unhealthy" });
    await aWhile();
    expect((await described()).Instances).toMatchObject([
      { InstanceId: member!.id, HealthStatus: "Healthy" },
    ]);
    opened.compute.impair(member!.id);
    await opened.scaling.until(({ groups }) =>
      groups.get("shop")!.members.every(({ id }) => id !== member!.id),
    );
  });

  test("a launch that a hook abandons, or that runs into the hook's timeout, is replaced", async () => {
    opened = await openScaling({ speed: 400 });
    await opened.group({ DesiredCapacity: 1, LifecycleHookSpecificationList: [warm(30)] });
    await opened.scaling.until(
      (state) => state.activities.filter((one) => one.status === "Failed").length === 2,
    );
    expect(opened.targets.told).toEqual([]);
    expect((await activities()).findLast((one) => one.StatusCode === "Failed")!.StatusMessage).toMatch(
      /ABANDON Result$/,
    );
  });
});

describe("suspended processes", () => {
  const healthy = async (desired = 1, over = {}) => {
    opened = await openScaling();
    await opened.group({ DesiredCapacity: desired, HealthCheckType: "ELB", ...over });
    return (await opened.settled(desired)).members;
  };

  test("Launch: nothing is launched, and what is unhealthy goes without a replacement", async () => {
    const [member] = await healthy();
    await opened.asg.send(suspend("Launch"));
    await opened.asg.send(
      new SetInstanceHealthCommand({ InstanceId: member!.id, HealthStatus: "Unhealthy" }),
    );
    await opened.settled(0);
    await aWhile();
    expect((await described()).Instances).toEqual([]);
    await opened.asg.send(resume("Launch"));
    await opened.settled(1);
  });

  test("Terminate: neither scale-in nor replacement; both follow when it resumes", async () => {
    const members = await healthy(2);
    await opened.asg.send(suspend("Terminate"));
    await opened.asg.send(
      new SetInstanceHealthCommand({ InstanceId: members[0]!.id, HealthStatus: "Unhealthy" }),
    );
    await opened.asg.send(size(1));
    await aWhile();
    expect((await described()).Instances).toHaveLength(2);
    await opened.asg.send(resume("Terminate"));
    const [left] = (await opened.settled(1)).members;
    expect(left!.id).toBe(members[1]!.id);
  });

  test("HealthCheck: verdicts of EC2 and the load balancer change nothing, an explicit one does", async () => {
    const [member] = await healthy();
    await opened.asg.send(suspend("HealthCheck"));
    opened.targets.registered.set(member!.id, { state: "unhealthy" });
    await aWhile();
    expect((await described()).Instances).toMatchObject([
      { InstanceId: member!.id, HealthStatus: "Healthy" },
    ]);
    await opened.asg.send(
      new SetInstanceHealthCommand({ InstanceId: member!.id, HealthStatus: "Unhealthy" }),
    );
    await opened.scaling.until(({ groups }) =>
      groups.get("shop")!.members.every(({ id }) => id !== member!.id),
    );
  });

  test("ReplaceUnhealthy: marked, but left alone", async () => {
    const [member] = await healthy();
    await opened.asg.send(suspend("ReplaceUnhealthy"));
    opened.targets.registered.set(member!.id, { state: "unhealthy" });
    await aWhile();
    expect((await described()).Instances).toMatchObject([
      { InstanceId: member!.id, HealthStatus: "Unhealthy", LifecycleState: "InService" },
    ]);
  });

  test("AddToLoadBalancer: in service, but nobody's target, and not added later", async () => {
    await healthy();
    await opened.asg.send(suspend("AddToLoadBalancer"));
    await opened.asg.send(size(2));
    await opened.settled(2);
    await opened.asg.send(resume());
    await aWhile();
    expect(opened.targets.registered.size).toBe(1);
    expect((await described()).SuspendedProcesses).toEqual([]);
  });

  test("AZRebalance: an unbalanced group stays so until it resumes, then launches before it terminates", async () => {
    opened = await openScaling();
    await opened.group({ DesiredCapacity: 2, VPCZoneIdentifier: opened.subnets[0] });
    await opened.settled(2);
    await opened.asg.send(suspend("AZRebalance"));
    await opened.asg.send(
      new UpdateAutoScalingGroupCommand({
        AutoScalingGroupName,
        VPCZoneIdentifier: opened.subnets.join(","),
      }),
    );
    await aWhile();
    const zones = () =>
      opened.scaling.state.groups
        .get("shop")!
        .members.map(({ zone }) => zone)
        .toSorted();
    expect(zones()).toEqual(["eu-central-1a", "eu-central-1a"]);
    let fewest = 2;
    const balanced = opened.scaling.until(({ groups }) => {
      const serving = groups.get("shop")!.members.filter(({ state }) => state === "InService");
      fewest = Math.min(fewest, serving.length);
      return serving.length === 2 && new Set(serving.map(({ zone }) => zone)).size === 2;
    });
    await opened.asg.send(resume("AZRebalance"));
    await balanced;
    await opened.settled(2);
    expect(fewest).toBe(2);
  });

  test("InstanceRefresh: pending until it resumes", async () => {
    const [member] = await healthy();
    await opened.asg.send(suspend("InstanceRefresh"));
    await opened.asg.send(new StartInstanceRefreshCommand({ AutoScalingGroupName }));
    await aWhile();
    expect(opened.scaling.state.refreshes[0]!.status).toBe("Pending");
    expect((await described()).Instances).toMatchObject([{ InstanceId: member!.id }]);
    await opened.asg.send(resume("InstanceRefresh"));
    await opened.scaling.until(({ refreshes }) => refreshes[0]!.status === "Successful");
    const [fresh] = (await opened.settled(1)).members;
    expect(fresh!.id).not.toBe(member!.id);
  });

  test("ScheduledActions: what was due is lost", async () => {
    await healthy();
    const act = (name: string, desired: number) =>
      new PutScheduledUpdateGroupActionCommand({
        AutoScalingGroupName,
        ScheduledActionName: name,
        DesiredCapacity: desired,
        StartTime: new Date(opened.world.clock.now() + 60_000),
      });
    await opened.asg.send(suspend("ScheduledActions"));
    await opened.asg.send(act("night", 0));
    await opened.world.clock.sleep(90_000);
    expect((await described()).DesiredCapacity).toBe(1);
    await opened.asg.send(resume("ScheduledActions"));
    await opened.asg.send(act("day", 2));
    await opened.settled(2);
    const { ScheduledUpdateGroupActions } = await opened.asg.send(
      new DescribeScheduledActionsCommand({ AutoScalingGroupName }),
    );
    expect(ScheduledUpdateGroupActions).toEqual([]);
    await expect(
      opened.asg.send(
        new PutScheduledUpdateGroupActionCommand({
          AutoScalingGroupName,
          ScheduledActionName: "late",
          DesiredCapacity: 1,
          StartTime: new Date(0),
        }),
      ),
    ).rejects.toMatchObject({ name: "ValidationError" });
  });

  test("an unknown process is refused; none named means all", async () => {
    await healthy();
    await expect(opened.asg.send(suspend("Sleep"))).rejects.toMatchObject({ name: "ValidationError" });
    await opened.asg.send(suspend());
    expect((await described()).SuspendedProcesses).toHaveLength(9);
  });
});

describe("target tracking", () => {
  const track = () =>
    opened.asg.send(
      new PutScalingPolicyCommand({
        AutoScalingGroupName,
        PolicyName: "cpu",
        PolicyType: "TargetTrackingScaling",
        TargetTrackingConfiguration: {
          PredefinedMetricSpecification: { PredefinedMetricType: "ASGAverageCPUUtilization" },
          TargetValue: 50,
        },
      }),
    );

  test("an idle group shrinks to its minimum, and AlarmNotification suspended keeps it", async () => {
    opened = await openScaling({ speed: 2000 });
    await opened.group({ MinSize: 1, DesiredCapacity: 3 });
    await opened.settled(3);
    const { Alarms } = await track();
    expect(Alarms).toHaveLength(2);
    await opened.asg.send(suspend("AlarmNotification"));
    opened.scaling.metric("shop", () => 0);
    await opened.world.clock.sleep(20 * 60_000);
    expect((await described()).DesiredCapacity).toBe(3);
    await opened.asg.send(resume("AlarmNotification"));
    await opened.settled(1);
    expect((await activities())[0]!.Cause).toContain(
      "triggered policy cpu changing the desired capacity from 3 to 1.",
    );
    const { ScalingPolicies } = await opened.asg.send(new DescribePoliciesCommand({ AutoScalingGroupName }));
    expect(ScalingPolicies).toMatchObject([
      {
        PolicyName: "cpu",
        PolicyType: "TargetTrackingScaling",
        Enabled: true,
        TargetTrackingConfiguration: { TargetValue: 50 },
      },
    ]);
  });

  test("a busy group grows until the metric is at its target, never over its maximum", async () => {
    opened = await openScaling({ speed: 500 });
    await opened.group({ MinSize: 1 });
    await opened.settled(1);
    await track();
    // A load of 140 in all: three instances are needed for 50 each.
    opened.scaling.metric("shop", (inService) => 140 / inService);
    await opened.settled(3);
    opened.scaling.metric("shop", (inService) => 10_000 / inService);
    await opened.settled(4);
    expect((await described()).DesiredCapacity).toBe(4);
  });
});

test("sizes follow a new minimum and maximum that leave no room for the desired capacity", async () => {
  opened = await openScaling();
  await opened.group({ DesiredCapacity: 0 });
  const update = (input: { MinSize?: number; MaxSize?: number }) =>
    opened.asg.send(new UpdateAutoScalingGroupCommand({ AutoScalingGroupName, ...input }));
  await update({ MinSize: 2 });
  expect(await described()).toMatchObject({ MinSize: 2, DesiredCapacity: 2 });
  await update({ MinSize: 0, MaxSize: 1 });
  expect(await described()).toMatchObject({ MaxSize: 1, DesiredCapacity: 1 });
});

test("groups are found by tags, page by page, and tags reach instances only at launch", async () => {
  opened = await openScaling();
  await opened.group({
    DesiredCapacity: 1,
    Tags: [{ Key: "teal.dev/slot", Value: "blue", PropagateAtLaunch: true }],
  });
  await opened.group({ AutoScalingGroupName: "other" });
  const [member] = (await opened.settled(1)).members;
  await opened.asg.send(
    new CreateOrUpdateTagsCommand({
      Tags: [
        {
          ResourceId: "shop",
          ResourceType: "auto-scaling-group",
          Key: "teal.dev/revision",
          Value: "r1",
          PropagateAtLaunch: true,
        },
      ],
    }),
  );
  const by = await opened.asg.send(
    new DescribeAutoScalingGroupsCommand({ Filters: [{ Name: "tag:teal.dev/revision", Values: ["r1"] }] }),
  );
  expect(by.AutoScalingGroups!.map((group) => group.AutoScalingGroupName)).toEqual(["shop"]);
  const { Tags } = await opened.asg.send(
    new DescribeTagsCommand({ Filters: [{ Name: "auto-scaling-group", Values: ["shop"] }] }),
  );
  expect(Tags!.map(({ Key }) => Key)).toEqual(["teal.dev/slot", "teal.dev/revision"]);
  const first = await opened.asg.send(new DescribeAutoScalingGroupsCommand({ MaxRecords: 1 }));
  const second = await opened.asg.send(
    new DescribeAutoScalingGroupsCommand({ MaxRecords: 1, NextToken: first.NextToken! }),
  );
  expect(
    [...first.AutoScalingGroups!, ...second.AutoScalingGroups!].map((group) => group.AutoScalingGroupName),
  ).toEqual(["shop", "other"]);
  expect(second.NextToken).toBeUndefined();
  const { Reservations } = await opened.ec2.send(new DescribeInstancesCommand({ InstanceIds: [member!.id] }));
  const keys = Reservations![0]!.Instances![0]!.Tags!.map(({ Key }) => Key);
  expect(keys).toContain("teal.dev/slot");
  expect(keys).toContain("aws:autoscaling:groupName");
  expect(keys).not.toContain("teal.dev/revision");
  const { AutoScalingInstances } = await opened.asg.send(
    new DescribeAutoScalingInstancesCommand({ InstanceIds: [member!.id] }),
  );
  expect(AutoScalingInstances).toMatchObject([{ AutoScalingGroupName: "shop", HealthStatus: "HEALTHY" }]);
  expect(await opened.asg.send(new DescribeAccountLimitsCommand({}))).toMatchObject({
    NumberOfAutoScalingGroups: 2,
  });
});

test("a group that cannot be is refused, and nothing of it is left", async () => {
  opened = await openScaling();
  await expect(opened.group({ MinSize: 2, MaxSize: 1 })).rejects.toMatchObject({ name: "ValidationError" });
  await expect(opened.group({ TargetGroupARNs: ["arn:nowhere"] })).rejects.toThrow(
    "Provided Target Groups may not be valid.",
  );
  await expect(opened.group({ VPCZoneIdentifier: "subnet-0" })).rejects.toThrow(
    "The subnet ID 'subnet-0' does not exist",
  );
  await expect(
    opened.group({ LaunchTemplate: { LaunchTemplateId: opened.templateId, Version: "9" } }),
  ).rejects.toThrow("You must use a valid fully-formed launch template.");
  expect(opened.scaling.state.groups.size).toBe(0);
  await opened.group();
  await expect(opened.group()).rejects.toMatchObject({ name: "AlreadyExistsFault" });
  await expect(
    opened.asg.send(new UpdateAutoScalingGroupCommand({ AutoScalingGroupName: "nobody", MinSize: 0 })),
  ).rejects.toMatchObject({ name: "ValidationError" });
});

test("a cooldown is honoured only when asked; one instance goes by name and takes its place along", async () => {
  opened = await openScaling();
  await opened.group({ DesiredCapacity: 2 });
  const [member] = (await opened.settled(2)).members;
  await expect(
    opened.asg.send(
      new SetDesiredCapacityCommand({ AutoScalingGroupName, DesiredCapacity: 3, HonorCooldown: true }),
    ),
  ).rejects.toMatchObject({ name: "ScalingActivityInProgressFault" });
  const { Activity } = await opened.asg.send(
    new TerminateInstanceInAutoScalingGroupCommand({
      InstanceId: member!.id,
      ShouldDecrementDesiredCapacity: true,
    }),
  );
  expect(Activity).toMatchObject({ Description: `Terminating EC2 instance: ${member!.id}` });
  await opened.settled(1);
  expect((await described()).DesiredCapacity).toBe(1);
});

test("a foreign hand changes the group as any other client would", async () => {
  opened = await openScaling();
  await opened.group({ DesiredCapacity: 0 });
  opened.scaling.foreignHand("UpdateAutoScalingGroup", { AutoScalingGroupName, MinSize: "1", MaxSize: "1" });
  expect(await described()).toMatchObject({ MinSize: 1, MaxSize: 1, DesiredCapacity: 1 });
  await opened.settled(1);
});
