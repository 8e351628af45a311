import {
  CreateLaunchTemplateCommand,
  CreateLaunchTemplateVersionCommand,
  CreateSubnetCommand,
  CreateTagsCommand,
  CreateVpcCommand,
  DeleteLaunchTemplateVersionsCommand,
  DescribeImagesCommand,
  DescribeInstanceStatusCommand,
  DescribeInstancesCommand,
  DescribeInstanceTypeOfferingsCommand,
  DescribeLaunchTemplatesCommand,
  DescribeLaunchTemplateVersionsCommand,
  DescribeSubnetsCommand,
  DescribeTagsCommand,
  EC2Client,
  ModifyLaunchTemplateCommand,
  RunInstancesCommand,
  TerminateInstancesCommand,
} from "@aws-sdk/client-ec2";
import { afterEach, beforeEach, expect, test } from "vitest";
import { WebSocket } from "ws";
import { serveServices, type ControlPlane } from "../control-plane.ts";
import type { Behaviour } from "../instances/behaviour.ts";
import { openWorld, type OpenWorld } from "../world/world.ts";
import { createCompute } from "./service.ts";
import type { ComputeWorld } from "./types.ts";

let opened: OpenWorld;
let plane: ControlPlane;
let compute: ComputeWorld;
let ec2: EC2Client;
let subnet: string;

beforeEach(async () => {
  opened = await openWorld({ speed: 100 });
  compute = createCompute(opened.world);
  plane = await serveServices(opened, [compute.service]);
  const environment = plane.environment();
  ec2 = new EC2Client({
    region: opened.world.region,
    endpoint: plane.endpoint,
    maxAttempts: 1,
    credentials: {
      accessKeyId: environment["AWS_ACCESS_KEY_ID"]!,
      secretAccessKey: environment["AWS_SECRET_ACCESS_KEY"]!,
    },
  });
  const vpc = await ec2.send(new CreateVpcCommand({ CidrBlock: "10.0.0.0/16" }));
  const made = await ec2.send(new CreateSubnetCommand({ VpcId: vpc.Vpc!.VpcId!, CidrBlock: "10.0.1.0/28" }));
  subnet = made.Subnet!.SubnetId!;
});

afterEach(async () => {
  ec2.destroy();
  await plane.stop();
  await compute.stop();
  await opened.close();
});

const image = (name: string, behaviour: Behaviour = {}) => compute.registerImage({ name, behaviour });

async function run(ImageId: string, userData?: string): Promise<string> {
  const { Instances } = await ec2.send(
    new RunInstancesCommand({
      ImageId,
      InstanceType: "t3.micro",
      SubnetId: subnet,
      MinCount: 1,
      MaxCount: 1,
      ...(userData !== undefined && { UserData: Buffer.from(userData).toString("base64") }),
    }),
  );
  return Instances![0]!.InstanceId!;
}

const described = async (InstanceId: string) =>
  (await ec2.send(new DescribeInstancesCommand({ InstanceIds: [InstanceId] }))).Reservations![0]!
    .Instances![0]!;

const at = (id: string, path = "/") => `http://${compute.machines.address(id)!.host}:8080${path}`;

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function template(ClientToken?: string): Promise<string> {
  const made = await ec2.send(
    new CreateLaunchTemplateCommand({
      LaunchTemplateName: "shop",
      ...(ClientToken !== undefined && { ClientToken }),
      LaunchTemplateData: {
        ImageId: "ami-00000000000000001",
        InstanceType: "t3.micro",
        BlockDeviceMappings: [{ DeviceName: "/dev/xvda", Ebs: { VolumeSize: 8 } }],
        TagSpecifications: [{ ResourceType: "instance", Tags: [{ Key: "app", Value: "shop" }] }],
      },
    }),
  );
  return made.LaunchTemplate!.LaunchTemplateId!;
}

test("a machine is a process on an address of its own, from pending to terminated", async () => {
  const states: string[] = [];
  compute.watch(({ state }) => states.push(state));
  const id = await run(image("r1"), "#!/bin/sh\nexport REVISION='r1 with other settings'\n");
  expect(await compute.listening(id)).toBe(true);
  const { State, PrivateIpAddress } = await described(id);
  expect(State!.Name).toBe("running");
  expect(PrivateIpAddress).toBe(compute.machines.address(id)!.host);
  const answer = await fetch(at(id));
  expect(await answer.text()).toBe(`r1 with other settings ${id}\n`);
  expect(answer.headers.get("x-revision")).toBe("r1 with other settings");

  const pid = compute.pid(id)!;
  expect(alive(pid)).toBe(true);
  const { TerminatingInstances } = await ec2.send(new TerminateInstancesCommand({ InstanceIds: [id] }));
  expect(TerminatingInstances).toMatchObject([
    { CurrentState: { Name: "shutting-down" }, PreviousState: { Name: "running" } },
  ]);
  await compute.terminated(id);
  expect(alive(pid)).toBe(false);
  expect(states).toEqual(["pending", "running", "shutting-down", "terminated"]);
  expect(await described(id)).toMatchObject({ State: { Name: "terminated", Code: 48 } });
  expect((await described(id)).PrivateIpAddress).toBeUndefined();
});

test("what a machine was answering when it was terminated, it answers", async () => {
  const id = await run(image("r1"));
  await compute.listening(id);
  const slow = fetch(at(id, "/slow?ms=150"));
  const streamed = fetch(at(id, "/stream?n=3&ms=40")).then((answer) => answer.text());
  await fetch(at(id));
  compute.terminate(id);
  expect((await slow).status).toBe(200);
  expect((await streamed).trim().split("\n")).toHaveLength(3);
  await compute.terminated(id);
});

test("a WebSocket is told who answers and hears its own words", async () => {
  const id = await run(image("r1"));
  await compute.listening(id);
  const socket = new WebSocket(at(id).replace("http", "ws"));
  const heard: string[] = [];
  await new Promise<void>((resolve, reject) => {
    socket.on("error", reject);
    socket.on("message", (data: Buffer) => {
      heard.push(data.toString());
      if (heard.length === 1) socket.send("hello");
      else resolve();
    });
  });
  expect(heard).toEqual([`r1 ${id}`, "hello"]);
  socket.terminate();
});

test("images decide what a machine does: sick, silent, dying, stubborn, refused", async () => {
  const sick = await run(image("sick", { health: "sick" }));
  await compute.listening(sick);
  expect((await fetch(at(sick, "/health"))).status).toBe(503);

  const silent = await run(image("silent", { listens: false }));
  await compute.listening(silent);
  await expect(fetch(at(silent))).rejects.toThrow("fetch failed");

  const dying = await run(image("dying", { exits: 0 }));
  await compute.listening(dying);
  expect((await described(dying)).State!.Name).toBe("running");

  // SIGTERM changes nothing; the machine is switched off after 30 s of the world.
  const stubborn = await run(image("stubborn", { stubborn: true }));
  await compute.listening(stubborn);
  compute.terminate(stubborn);
  expect((await fetch(at(stubborn))).status).toBe(200);
  await compute.terminated(stubborn);

  const refused = { code: "OptInRequired", message: "You are not subscribed to this service." };
  await expect(run(image("refused", { refused }))).rejects.toMatchObject({
    name: "OptInRequired",
    message: refused.message,
  });
});

test("health can be taken and given back while a machine runs", async () => {
  const id = await run(image("r1"));
  await compute.listening(id);
  const health = async (status: number) => {
    while ((await fetch(at(id, "/health"))).status !== status) await opened.world.clock.sleep(500);
  };
  await health(200);
  compute.sicken(id);
  await health(503);
  compute.heal(id);
  await health(200);
});

test("launches are refused as EC2 words it, and leave nothing", async () => {
  const good = image("r1");
  await expect(run("ami-0123456789abcdef0")).rejects.toMatchObject({
    name: "InvalidAMIID.NotFound",
    message: "The image id '[ami-0123456789abcdef0]' does not exist",
  });
  await expect(run("ami-x")).rejects.toMatchObject({ name: "InvalidAMIID.Malformed" });
  const pending = compute.registerImage({ name: "pending", state: "pending" });
  await expect(run(pending)).rejects.toThrow(`AMI ${pending} is pending, and cannot be run.`);
  await expect(run(compute.registerImage({ name: "arm", architecture: "arm64" }))).rejects.toThrow(
    /architecture 'x86_64'/,
  );
  compute.failLaunches({ code: "InsufficientInstanceCapacity", times: 1 });
  await expect(run(good)).rejects.toMatchObject({ name: "InsufficientInstanceCapacity" });
  compute.vcpuLimit = 1;
  await expect(run(good)).rejects.toMatchObject({ name: "VcpuLimitExceeded" });
  compute.withdraw("t3.micro", "eu-central-1a");
  await expect(run(good)).rejects.toThrow(
    "not supported in your requested Availability Zone (eu-central-1a)",
  );
  expect(compute.state.instances.size).toBe(0);
  const { InstanceTypeOfferings } = await ec2.send(
    new DescribeInstanceTypeOfferingsCommand({
      LocationType: "availability-zone",
      Filters: [{ Name: "instance-type", Values: ["t3.micro"] }],
    }),
  );
  expect(InstanceTypeOfferings!.map(({ Location }) => Location)).toEqual(["eu-central-1b", "eu-central-1c"]);
});

test("DryRun says what it would have done, and does not", async () => {
  await expect(
    ec2.send(
      new CreateLaunchTemplateCommand({ LaunchTemplateName: "dry", LaunchTemplateData: {}, DryRun: true }),
    ),
  ).rejects.toMatchObject({ name: "DryRunOperation", $metadata: { httpStatusCode: 412 } });
  expect(compute.state.templates.size).toBe(0);
});

test("a version inherits from its source; the same token makes no second one", async () => {
  const LaunchTemplateId = await template("token-1");
  expect(await template("token-1")).toBe(LaunchTemplateId);
  const version = (ImageId: string) =>
    ec2.send(
      new CreateLaunchTemplateVersionCommand({
        LaunchTemplateId,
        SourceVersion: "$Latest",
        ClientToken: "deploy-7",
        VersionDescription: "r2",
        LaunchTemplateData: { ImageId },
      }),
    );
  const [first, again] = [await version("ami-00000000000000002"), await version("ami-00000000000000002")];
  expect(first.LaunchTemplateVersion).toEqual(again.LaunchTemplateVersion);
  expect(first.LaunchTemplateVersion).toMatchObject({
    VersionNumber: 2,
    VersionDescription: "r2",
    DefaultVersion: false,
    LaunchTemplateData: {
      ImageId: "ami-00000000000000002",
      InstanceType: "t3.micro",
      BlockDeviceMappings: [{ DeviceName: "/dev/xvda", Ebs: { VolumeSize: 8 } }],
      TagSpecifications: [{ ResourceType: "instance", Tags: [{ Key: "app", Value: "shop" }] }],
    },
  });
  await expect(version("ami-00000000000000003")).rejects.toMatchObject({
    name: "IdempotentParameterMismatch",
  });

  const versions = async (...Versions: string[]) =>
    (
      await ec2.send(new DescribeLaunchTemplateVersionsCommand({ LaunchTemplateId, Versions }))
    ).LaunchTemplateVersions!.map(({ VersionNumber }) => VersionNumber);
  expect(await versions("$Latest", "$Default")).toEqual([2, 1]);
  await ec2.send(new ModifyLaunchTemplateCommand({ LaunchTemplateId, DefaultVersion: "2" }));
  expect(await versions("$Default")).toEqual([2]);
  await expect(versions("7")).rejects.toMatchObject({ name: "InvalidLaunchTemplateId.VersionNotFound" });
  const removed = await ec2.send(
    new DeleteLaunchTemplateVersionsCommand({ LaunchTemplateId, Versions: ["1", "2"] }),
  );
  expect(removed.SuccessfullyDeletedLaunchTemplateVersions).toMatchObject([{ VersionNumber: 1 }]);
  expect(removed.UnsuccessfullyDeletedLaunchTemplateVersions).toMatchObject([{ VersionNumber: 2 }]);
  const { LaunchTemplates } = await ec2.send(
    new DescribeLaunchTemplatesCommand({ LaunchTemplateNames: ["shop"] }),
  );
  expect(LaunchTemplates).toMatchObject([
    { LaunchTemplateId, DefaultVersionNumber: 2, LatestVersionNumber: 2 },
  ]);
});

test("a deregistered image is gone for launches, not for machines that run", async () => {
  const id = image("r1");
  const machine = await run(id);
  await compute.listening(machine);
  compute.deregisterImage(id);
  await expect(ec2.send(new DescribeImagesCommand({ ImageIds: [id] }))).rejects.toMatchObject({
    name: "InvalidAMIID.NotFound",
  });
  await expect(run(id)).rejects.toMatchObject({ name: "InvalidAMIID.NotFound" });
  expect((await fetch(at(machine))).status).toBe(200);
});

test("subnets count their free addresses, lists come in pages, tags are found", async () => {
  const free = async () =>
    (await ec2.send(new DescribeSubnetsCommand({ SubnetIds: [subnet] }))).Subnets![0]!
      .AvailableIpAddressCount;
  expect(await free()).toBe(11);
  const ids = [await run(image("r1")), await run(image("r1"))];
  expect(await free()).toBe(9);
  await ec2.send(
    new CreateTagsCommand({ Resources: [ids[0]!], Tags: [{ Key: "teal.dev/slot", Value: "blue" }] }),
  );
  const tagged = await ec2.send(
    new DescribeInstancesCommand({ Filters: [{ Name: "tag:teal.dev/slot", Values: ["b*"] }] }),
  );
  expect(
    tagged.Reservations!.flatMap(({ Instances }) => Instances!.map(({ InstanceId }) => InstanceId)),
  ).toEqual([ids[0]]);
  const { Tags } = await ec2.send(
    new DescribeTagsCommand({ Filters: [{ Name: "resource-id", Values: ids }] }),
  );
  expect(Tags).toMatchObject([{ ResourceType: "instance", Key: "teal.dev/slot", Value: "blue" }]);

  const first = await ec2.send(new DescribeInstancesCommand({ MaxResults: 1 }));
  const second = await ec2.send(new DescribeInstancesCommand({ MaxResults: 1, NextToken: first.NextToken! }));
  expect(first.Reservations).toHaveLength(1);
  expect(second.Reservations).toHaveLength(1);
  expect(second.NextToken).toBeUndefined();
  await expect(
    ec2.send(new DescribeInstancesCommand({ Filters: [{ Name: "colour", Values: ["blue"] }] })),
  ).rejects.toMatchObject({ name: "InvalidParameterValue" });
});

test("status checks tell of the machine, not of its program", async () => {
  const id = await run(image("r1"));
  await compute.listening(id);
  compute.kill(id);
  const status = async () =>
    (await ec2.send(new DescribeInstanceStatusCommand({ InstanceIds: [id] }))).InstanceStatuses![0]!
      .SystemStatus!.Status;
  expect(await status()).toBe("ok");
  compute.impair(id);
  expect(await status()).toBe("impaired");
});

test("stop ends every process", async () => {
  const ids = [await run(image("r1")), await run(image("stubborn", { stubborn: true }))];
  for (const id of ids) await compute.listening(id);
  const pids = ids.map((id) => compute.pid(id)!);
  await compute.stop();
  expect(pids.filter(alive)).toEqual([]);
});
