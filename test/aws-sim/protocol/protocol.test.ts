import { CloudWatchClient, GetMetricDataCommand } from "@aws-sdk/client-cloudwatch";
import { DescribeImagesCommand, EC2Client } from "@aws-sdk/client-ec2";
import {
  AddTagsCommand,
  DescribeTargetGroupsCommand,
  ElasticLoadBalancingV2Client,
  ModifyRuleCommand,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import { GetParameterCommand, ParameterNotFound, PutParameterCommand, SSMClient } from "@aws-sdk/client-ssm";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { afterEach, expect, test } from "vitest";
import { AwsError, type Input, type Operation, type Service } from "../kernel.ts";
import { createMonitoring } from "../services/monitoring.ts";
import { createSsm } from "../services/ssm.ts";
import { createSts } from "../services/sts.ts";
import { smallWorld, type SmallWorld } from "../small-world.ts";

let small: SmallWorld;

afterEach(() => small.stop());

/** A service that answers what the test says and tells what it was asked. */
function parrot(
  of: Pick<Service, "name" | "protocol" | "namespace">,
  handle: (input: Input) => unknown,
  names: readonly string[],
): Service {
  const operation: Operation = { action: `${of.name}:Any`, mutating: false, resources: () => ["*"], handle };
  return {
    ...of,
    tagsOf: () => undefined,
    operations: Object.fromEntries(names.map((name) => [name, operation])),
  };
}

const ELB = {
  name: "elasticloadbalancing",
  protocol: "query",
  namespace: "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/",
} as const;

test("query: lists and structures there, and back with every character", async () => {
  const asked: Input[] = [];
  const answer = {
    TargetGroups: [
      {
        TargetGroupName: `<a & "b">\r\n`,
        Port: 80,
        HealthCheckEnabled: false,
        LoadBalancerArns: ["one", "two"],
      },
      { TargetGroupName: "grün", LoadBalancerArns: [] },
    ],
    NextMarker: undefined,
  };
  small = await smallWorld(() => [
    parrot(ELB, (input) => (asked.push(input), answer), ["DescribeTargetGroups"]),
  ]);
  const elb = small.client(ElasticLoadBalancingV2Client);
  const got = await elb.send(new DescribeTargetGroupsCommand({ Names: ["a b", "c+d"], PageSize: 7 }));
  expect(asked).toEqual([{ Names: ["a b", "c+d"], PageSize: "7" }]);
  expect(got.TargetGroups).toEqual([
    {
      TargetGroupName: `<a & "b">\r\n`,
      Port: 80,
      HealthCheckEnabled: false,
      LoadBalancerArns: ["one", "two"],
    },
    { TargetGroupName: "grün", LoadBalancerArns: [] },
  ]);
  expect(got.NextMarker).toBeUndefined();
  expect(got.$metadata.requestId).toMatch(/^[0-9a-f-]{36}$/);
});

test("query: nested lists of structures keep their order, beyond nine", async () => {
  const asked: Input[] = [];
  small = await smallWorld(() => [
    parrot(ELB, (input) => (asked.push(input), {}), ["ModifyRule", "AddTags"]),
  ]);
  const elb = small.client(ElasticLoadBalancingV2Client);
  const groups = Array.from({ length: 12 }, (_, n) => ({ TargetGroupArn: `tg-${n}`, Weight: n }));
  await elb.send(
    new ModifyRuleCommand({
      RuleArn: "rule",
      Actions: [{ Type: "forward", ForwardConfig: { TargetGroups: groups } }],
    }),
  );
  await elb.send(new AddTagsCommand({ ResourceArns: ["a"], Tags: [] }));
  expect(asked).toEqual([
    {
      RuleArn: "rule",
      Actions: [
        {
          Type: "forward",
          ForwardConfig: {
            TargetGroups: groups.map((group) => ({ ...group, Weight: String(group.Weight) })),
          },
        },
      ],
    },
    // An empty list is an empty text on the wire.
    { ResourceArns: ["a"], Tags: "" },
  ]);
});

test("query: an error has the wire's code and the SDK's name", async () => {
  const refuse = () => {
    throw new AwsError("TargetGroupNotFound", "One or more target groups not found");
  };
  small = await smallWorld(() => [parrot(ELB, refuse, ["DescribeTargetGroups"])]);
  const elb = small.client(ElasticLoadBalancingV2Client);
  await expect(elb.send(new DescribeTargetGroupsCommand({}))).rejects.toMatchObject({
    name: "TargetGroupNotFoundException",
    Code: "TargetGroupNotFound",
    message: "One or more target groups not found",
    $fault: "client",
    $metadata: { httpStatusCode: 400 },
  });
  expect(small.recorded).toMatchObject([{ status: 400, error: "TargetGroupNotFound" }]);
});

test("ec2: lists are numbered there and `item` back; errors are its own", async () => {
  const ec2Of = {
    name: "ec2",
    protocol: "ec2",
    namespace: "http://ec2.amazonaws.com/doc/2016-11-15/",
  } as const;
  const asked: Input[] = [];
  const handle = (input: Input) => {
    asked.push(input);
    if (asked.length > 1)
      throw new AwsError("InvalidAMIID.NotFound", "The image id '[ami-1]' does not exist");
    return { imagesSet: [{ imageId: "ami-1", imageState: "available" }] };
  };
  small = await smallWorld(() => [parrot(ec2Of, handle, ["DescribeImages"])]);
  const ec2 = small.client(EC2Client);
  const command = new DescribeImagesCommand({
    ImageIds: ["ami-1", "ami-2"],
    Filters: [{ Name: "state", Values: ["available", "pending"] }],
  });
  const got = await ec2.send(command);
  expect(asked).toEqual([
    { ImageId: ["ami-1", "ami-2"], Filter: [{ Name: "state", Value: ["available", "pending"] }] },
  ]);
  expect(got.Images).toMatchObject([{ ImageId: "ami-1", State: "available" }]);
  await expect(ec2.send(command)).rejects.toMatchObject({ name: "InvalidAMIID.NotFound" });
});

test("json 1.1: parameters, their instants, their errors", async () => {
  small = await smallWorld((world) => [createSsm(world).service]);
  const ssm = small.client(SSMClient);
  const before = Date.now() - 1_000;
  const put = { Name: "/shop/weights", Value: '{"blue":100}', Type: "String" } as const;
  expect((await ssm.send(new PutParameterCommand(put))).Version).toBe(1);
  await expect(ssm.send(new PutParameterCommand(put))).rejects.toMatchObject({
    name: "ParameterAlreadyExists",
  });
  expect((await ssm.send(new PutParameterCommand({ ...put, Overwrite: true }))).Version).toBe(2);
  const { Parameter: parameter } = await ssm.send(new GetParameterCommand({ Name: put.Name }));
  expect(parameter).toMatchObject({ Name: put.Name, Value: put.Value, Version: 2, Type: "String" });
  expect(parameter!.LastModifiedDate!.getTime()).toBeGreaterThan(before);
  await expect(ssm.send(new GetParameterCommand({ Name: "/none" }))).rejects.toBeInstanceOf(
    ParameterNotFound,
  );
});

test("json 1.0: CloudWatch's client asks and reads", async () => {
  small = await smallWorld((world) => [
    createMonitoring(
      world,
      () => [],
      () => 0,
    ),
  ]);
  const metrics = small.client(CloudWatchClient);
  const ask = (period: number) =>
    metrics.send(
      new GetMetricDataCommand({
        StartTime: new Date(0),
        EndTime: new Date(60_000),
        MetricDataQueries: [
          {
            Id: "q",
            MetricStat: {
              Metric: { Namespace: "AWS/ApplicationELB", MetricName: "RequestCount" },
              Period: period,
              Stat: "Sum",
            },
          },
        ],
      }),
    );
  expect((await ask(60)).MetricDataResults).toMatchObject([{ Id: "q", Values: [], StatusCode: "Complete" }]);
  await expect(ask(61)).rejects.toMatchObject({ message: expect.stringContaining("multiple of 60") });
});

test("an operation that the simulator does not have says so", async () => {
  small = await smallWorld((world) => [{ ...createSts(world), operations: {} }]);
  await expect(small.client(STSClient).send(new GetCallerIdentityCommand({}))).rejects.toMatchObject({
    name: "InvalidAction",
    message: "The simulator knows no sts:GetCallerIdentity",
  });
});

test("one endpoint tells the services apart by the signature's scope", async () => {
  small = await smallWorld((world) => [createSts(world), createSsm(world).service]);
  const who = await small.client(STSClient).send(new GetCallerIdentityCommand({}));
  expect(who).toMatchObject({ Account: "111122223333", Arn: "arn:aws:iam::111122223333:user/everything" });
  // No service of the simulator: not answered by another one.
  await expect(small.client(EC2Client).send(new DescribeImagesCommand({}))).rejects.toThrow();
  expect(small.recorded.map(({ action, status }) => [action, status])).toEqual([
    ["sts:GetCallerIdentity", 200],
    ["ec2:DescribeImages", 403],
  ]);
});
