import {
  AddTagsCommand,
  CreateListenerCommand,
  CreateLoadBalancerCommand,
  CreateRuleCommand,
  CreateTargetGroupCommand,
  DeleteRuleCommand,
  DescribeAccountLimitsCommand,
  DescribeListenersCommand,
  DescribeLoadBalancersCommand,
  DescribeRulesCommand,
  DescribeTagsCommand,
  DescribeTargetGroupAttributesCommand,
  DescribeTargetHealthCommand,
  ElasticLoadBalancingV2Client,
  ModifyListenerCommand,
  ModifyRuleCommand,
  paginateDescribeRules,
  RegisterTargetsCommand,
  type Action,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import { beforeEach, expect, test } from "vitest";
import { serveServices } from "../control-plane.ts";
import { openWorld } from "../world/world.ts";
import { createElb, type ElbWorld } from "./service.ts";
import { get } from "./testing.ts";

/* The operations through the unmodified SDK: what is sent is understood, and what is answered is what was sent. */

let client: ElasticLoadBalancingV2Client;
let elb: ElbWorld;
const account = "111122223333";

beforeEach(async () => {
  const open = await openWorld({ speed: 100 });
  elb = createElb(open.world, { address: () => undefined }, { pageSize: 2 });
  const served = await serveServices(open, [elb.service]);
  const variables = served.environment();
  client = new ElasticLoadBalancingV2Client({
    endpoint: served.endpoint,
    region: variables["AWS_REGION"]!,
    credentials: {
      accessKeyId: variables["AWS_ACCESS_KEY_ID"]!,
      secretAccessKey: variables["AWS_SECRET_ACCESS_KEY"]!,
    },
    maxAttempts: 1,
  });
  return async () => {
    client.destroy();
    await served.stop();
    await elb.stop();
    await open.close();
  };
});

async function group(name: string): Promise<string> {
  const { TargetGroups } = await client.send(
    new CreateTargetGroupCommand({
      Name: name,
      Protocol: "HTTP",
      Port: 8080,
      VpcId: "vpc-1",
      HealthCheckPath: "/up",
    }),
  );
  expect(TargetGroups![0]).toMatchObject({
    HealthCheckPath: "/up",
    HealthCheckEnabled: true,
    Matcher: { HttpCode: "200" },
    LoadBalancerArns: [],
  });
  return TargetGroups![0]!.TargetGroupArn!;
}

async function listener(action: Action): Promise<string> {
  const { LoadBalancers } = await client.send(
    new CreateLoadBalancerCommand({
      Name: "shop-alb",
      Subnets: ["subnet-1", "subnet-2"],
      Tags: [{ Key: "a", Value: "" }],
    }),
  );
  expect(LoadBalancers![0]).toMatchObject({
    State: { Code: "active" },
    Type: "application",
    CreatedTime: expect.any(Date) as Date,
  });
  expect(LoadBalancers![0]!.AvailabilityZones!.map(({ SubnetId }) => SubnetId)).toEqual([
    "subnet-1",
    "subnet-2",
  ]);
  const { Listeners } = await client.send(
    new CreateListenerCommand({
      LoadBalancerArn: LoadBalancers![0]!.LoadBalancerArn!,
      Protocol: "HTTP",
      Port: 8000,
      DefaultActions: [action],
    }),
  );
  return Listeners![0]!.ListenerArn!;
}

const weighted = (blue: string, green: string, weights: readonly [number, number]): Action => ({
  Type: "forward",
  ForwardConfig: {
    TargetGroups: [
      { TargetGroupArn: blue, Weight: weights[0] },
      { TargetGroupArn: green, Weight: weights[1] },
    ],
    TargetGroupStickinessConfig: { Enabled: true, DurationSeconds: 60 },
  },
});

test("a weighted action is answered as it was sent, by listener and rule alike", async () => {
  const [blue, green] = [await group("shop-blue"), await group("shop-green")];
  const ListenerArn = await listener(weighted(blue, green, [100, 0]));
  const { Listeners } = await client.send(
    new ModifyListenerCommand({ ListenerArn, DefaultActions: [weighted(blue, green, [0, 100])] }),
  );
  expect(Listeners![0]!.DefaultActions).toEqual([weighted(blue, green, [0, 100])]);
  const { Rules } = await client.send(new DescribeRulesCommand({ ListenerArn }));
  expect(Rules).toMatchObject([
    { IsDefault: true, Priority: "default", Actions: [weighted(blue, green, [0, 100])] },
  ]);
  const again = await client.send(new DescribeListenersCommand({ ListenerArns: [ListenerArn] }));
  expect(again.Listeners![0]!.DefaultActions).toEqual([weighted(blue, green, [0, 100])]);
});

test("rules: every kind of condition comes back; they are paged and deleted", async () => {
  const ListenerArn = await listener({ Type: "fixed-response", FixedResponseConfig: { StatusCode: "404" } });
  const Conditions = [
    { Field: "host-header", HostHeaderConfig: { Values: ["shop.example"] } },
    { Field: "http-header", HttpHeaderConfig: { HttpHeaderName: "x-teal", Values: ["green"] } },
    { Field: "query-string", QueryStringConfig: { Values: [{ Key: "a", Value: "b" }] } },
  ];
  const Actions: Action[] = [
    {
      Type: "fixed-response",
      FixedResponseConfig: { StatusCode: "200", ContentType: "text/plain", MessageBody: "<&>" },
    },
  ];
  for (const Priority of [3, 1, 2, 4]) {
    await client.send(
      new CreateRuleCommand({
        ListenerArn,
        Priority,
        Conditions,
        Actions,
        Tags: [{ Key: "teal.dev/service", Value: "shop" }],
      }),
    );
  }
  const rules = [];
  let pages = 0;
  for await (const { Rules } of paginateDescribeRules({ client }, { ListenerArn })) {
    rules.push(...Rules!);
    pages += 1;
  }
  expect([pages, ...rules.map(({ Priority }) => Priority)]).toEqual([3, "1", "2", "3", "4", "default"]);
  expect(rules[0]).toMatchObject({ Conditions, Actions });
  const headers = { host: "shop.example", "x-teal": "green" };
  expect((await get(elb.nodes("shop-alb")[0]!.address, { headers, path: "/?a=b" })).body).toBe("<&>");
  await client.send(new DeleteRuleCommand({ RuleArn: rules[0]!.RuleArn! }));
  await expect(
    client.send(new DescribeRulesCommand({ RuleArns: [rules[0]!.RuleArn!] })),
  ).rejects.toMatchObject({
    name: "RuleNotFoundException",
  });
});

test("refusals carry the SDK's names", async () => {
  const ListenerArn = await listener({ Type: "fixed-response", FixedResponseConfig: { StatusCode: "404" } });
  const { Rules } = await client.send(new DescribeRulesCommand({ ListenerArn }));
  const bogus = `arn:aws:elasticloadbalancing:eu-central-1:${account}:targetgroup/nobody/0123456789abcdef`;
  const Actions: Action[] = [{ Type: "forward", TargetGroupArn: bogus }];
  const refused = (sent: Promise<unknown>) =>
    sent.then(
      () => "accepted",
      (error: Error) => error.name,
    );
  expect(await refused(client.send(new ModifyRuleCommand({ RuleArn: Rules![0]!.RuleArn!, Actions })))).toBe(
    "OperationNotPermittedException",
  );
  expect(
    await refused(client.send(new ModifyListenerCommand({ ListenerArn, DefaultActions: Actions }))),
  ).toBe("TargetGroupNotFoundException");
  expect(await refused(client.send(new DescribeTargetHealthCommand({ TargetGroupArn: bogus })))).toBe(
    "TargetGroupNotFoundException",
  );
  expect(await refused(client.send(new DescribeLoadBalancersCommand({ Names: ["nobody"] })))).toBe(
    "LoadBalancerNotFoundException",
  );
  expect(
    await refused(
      client.send(
        new ModifyListenerCommand({ ListenerArn, DefaultActions: [weighted(bogus, "x", [1000, 0])] }),
      ),
    ),
  ).toBe("ValidationError");
  const arn = await group("shop-blue");
  expect(
    await refused(client.send(new RegisterTargetsCommand({ TargetGroupArn: arn, Targets: [{ Id: "i-1" }] }))),
  ).toBe("InvalidTargetException");
});

test("tags, attributes, limits and target health", async () => {
  const arn = await group("shop-blue");
  await client.send(
    new AddTagsCommand({ ResourceArns: [arn], Tags: [{ Key: "teal.dev/fence", Value: "7" }] }),
  );
  const { TagDescriptions } = await client.send(new DescribeTagsCommand({ ResourceArns: [arn] }));
  expect(TagDescriptions).toEqual([{ ResourceArn: arn, Tags: [{ Key: "teal.dev/fence", Value: "7" }] }]);
  const { Attributes } = await client.send(new DescribeTargetGroupAttributesCommand({ TargetGroupArn: arn }));
  expect(Attributes).toContainEqual({ Key: "deregistration_delay.timeout_seconds", Value: "300" });
  const { TargetHealthDescriptions } = await client.send(
    new DescribeTargetHealthCommand({ TargetGroupArn: arn, Targets: [{ Id: "i-1" }] }),
  );
  expect(TargetHealthDescriptions).toMatchObject([
    { Target: { Id: "i-1", Port: 8080 }, TargetHealth: { State: "unused", Reason: "Target.NotRegistered" } },
  ]);
  const { Limits, NextMarker } = await client.send(new DescribeAccountLimitsCommand({}));
  expect([Limits!.length, typeof NextMarker]).toEqual([2, "string"]);
});
