import {
  AutoScalingClient,
  CreateAutoScalingGroupCommand,
  CreateOrUpdateTagsCommand,
  DeleteAutoScalingGroupCommand,
  DeleteTagsCommand,
} from "@aws-sdk/client-auto-scaling";
import {
  CreateRuleCommand,
  CreateTargetGroupCommand,
  DeleteRuleCommand,
  ElasticLoadBalancingV2Client,
  ModifyRuleCommand,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { clientConfig } from "../../../test/aws-sim/sdk.ts";
import { standardShop, type Shop } from "../../../test/aws-sim/shop.ts";
import { startSimulator, type Simulator } from "../../../test/aws-sim/simulator.ts";
import { millis } from "../../core/units.ts";
import { connectAws } from "./api/connect.ts";
import type { Sought } from "./found.ts";
import { inferFrom } from "./infer.ts";
import { prepare, recall } from "./prepare.ts";
import type { AwsSettings } from "./settings.ts";

let simulator: Simulator;
let shop: Shop;
let scaling: AutoScalingClient;
let elb: ElasticLoadBalancingV2Client;

beforeAll(async () => {
  simulator = await startSimulator({ speed: 50, throttling: "off" });
  shop = await standardShop(simulator, { listeners: [{ port: 8080 }, { port: 8443 }] });
  const config = clientConfig(simulator.environment());
  scaling = new AutoScalingClient(config);
  elb = new ElasticLoadBalancingV2Client(config);
});

afterAll(async () => {
  scaling.destroy();
  elb.destroy();
  await simulator.stop();
});

function settings(but: Partial<AwsSettings> = {}): AwsSettings {
  return {
    service: "shop",
    environment: "production",
    account: simulator.account,
    listeners: ["shop-alb:8080"],
    match: { host: "shop.example" },
    template: { by: "image" },
    reach: { by: "headerRule", header: "x-teal-slot" },
    sticky: "wait",
    propagation: millis(1_000),
    ...but,
  };
}

async function seek(but: Partial<AwsSettings> = {}): Promise<Sought> {
  const wanted = settings(but);
  const connected = await connectAws(wanted, { environment: simulator.environment() });
  if (connected.is === "failed") throw new Error(connected.cause.message);
  try {
    const call = { signal: AbortSignal.timeout(20_000), purse: "plan" } as const;
    return await inferFrom(connected.api, wanted).found(call);
  } finally {
    await connected.api.close();
  }
}

async function refusal(but: Partial<AwsSettings> = {}) {
  const sought = await seek(but);
  if (sought.is !== "refused") throw new Error(`expected a refusal, got ${sought.is}`);
  const { cause, next } = sought;
  return { code: cause.code, message: cause.message, next };
}

const tag = (group: string, key: string, value: string) => ({
  ResourceId: group,
  ResourceType: "auto-scaling-group",
  Key: key,
  Value: value,
  PropagateAtLaunch: true,
});

/** The groups' tags, taken away for the length of a test. */
async function without<T>(keys: readonly string[], run: () => Promise<T>): Promise<T> {
  const all = (["blue", "green"] as const).flatMap((slot) => [
    tag(shop.groups[slot], "teal.dev/service", "shop"),
    tag(shop.groups[slot], "teal.dev/slot", slot),
  ]);
  const tags = all.filter(({ Key }) => keys.includes(Key));
  await scaling.send(new DeleteTagsCommand({ Tags: tags }));
  try {
    return await run();
  } finally {
    await scaling.send(new CreateOrUpdateTagsCommand({ Tags: tags }));
  }
}

const BOTH = ["teal.dev/service", "teal.dev/slot"];

describe("what an account and a listener mean", () => {
  test("rule, groups, target groups, health path and capacity are found by tags", async () => {
    const sought = await seek();
    expect(sought).toMatchObject({
      is: "found",
      found: {
        account: simulator.account,
        region: simulator.region,
        replicas: 2,
        rules: [
          {
            arn: shop.listeners[0]?.rule,
            isDefault: false,
            name: "shop-alb:8080 host shop.example",
            hosts: ["shop.example"],
            listener: { port: 8080, protocol: "HTTP", loadBalancer: { dnsName: shop.loadBalancer.dnsName } },
          },
        ],
        slots: {
          blue: {
            group: "shop-blue",
            targetGroup: { arn: shop.targetGroups.blue, port: 8080, health: { path: "/health" } },
          },
          green: { group: "shop-green", targetGroup: { arn: shop.targetGroups.green } },
        },
      },
    });
  });

  test("several listeners are switched in the order in which they are named, by name or ARN", async () => {
    const [http, https] = shop.listeners;
    const sought = await seek({ listeners: ["shop-alb:8443", http!.arn] });
    if (sought.is !== "found") throw new Error(sought.cause.message);
    expect(sought.found.rules.map(({ arn }) => arn)).toEqual([https!.rule, http!.rule]);
    expect(sought.found.rules[0]?.listener.protocol).toBe("HTTPS");
    const named = await seek({ listeners: [], match: {}, rules: [https!.rule, http!.rule] });
    if (named.is !== "found") throw new Error(named.cause.message);
    expect(named.found.rules).toEqual(sought.found.rules);
  });

  test("without tags the rule tells, and names tell the slots apart", async () => {
    await without(BOTH, async () => {
      expect(await seek()).toMatchObject({ is: "found", found: { slots: { blue: { group: "shop-blue" } } } });
    });
  });

  test("groups and target groups by name", async () => {
    const sought = await seek({
      service: "other",
      groups: { blue: "shop-green", green: "shop-blue" },
      targetGroups: { blue: "shop-green", green: shop.targetGroups.blue },
    });
    expect(sought).toMatchObject({
      is: "found",
      found: { slots: { blue: { targetGroup: { arn: shop.targetGroups.green } } } },
    });
  });
});

describe("refused with what was found and what to write", () => {
  test("credentials of another account, before anything else is asked", async () => {
    const before = simulator.recorded.length;
    const { code, message } = await refusal({ account: "999988887777", listeners: ["nothing:1"] });
    expect(code).toBe("TEAL-A150");
    expect(message).toContain(`account ${simulator.account}`);
    expect(simulator.recorded.slice(before).map(({ action }) => action)).toEqual(["sts:GetCallerIdentity"]);
  });

  test("a load balancer, a port and a rule that are not there", async () => {
    expect(await refusal({ listeners: ["shop:8080"] })).toMatchObject({
      code: "TEAL-A350",
      message: `there is no load balancer shop in ${simulator.region}; there are shop-alb`,
    });
    expect(await refusal({ listeners: ["shop-alb:81"] })).toMatchObject({
      code: "TEAL-A350",
      message: "load balancer shop-alb has no listener on port 81; it has shop-alb:8080, shop-alb:8443",
    });
    expect(await refusal({ match: { host: "shop.test" } })).toMatchObject({
      code: "TEAL-A352",
      message: "shop-alb:8080 has no rule with host shop.test; it has host shop.example, default rule",
    });
    const gone = shop.listeners[0]!.rule.replace(/[^/]+$/, "0000000000000000");
    expect((await refusal({ listeners: [], match: {}, rules: [gone] })).code).toBe("TEAL-A352");
  });

  test("a rule that forwards nowhere", async () => {
    expect(await refusal({ match: {} })).toMatchObject({
      code: "TEAL-A354",
      message: "shop-alb:8080 default rule forwards to no target group: its action is fixed-response",
    });
  });

  test("a rule that forwards to a stranger as well", async () => {
    const { TargetGroups: made } = await elb.send(
      new CreateTargetGroupCommand({ Name: "stranger", Protocol: "HTTP", Port: 80, VpcId: shop.vpc }),
    );
    const { rule } = shop.listeners[0]!;
    const forward = (...arns: string[]) => ({
      Type: "forward" as const,
      ForwardConfig: { TargetGroups: arns.map((TargetGroupArn) => ({ TargetGroupArn, Weight: 1 })) },
    });
    const { blue, green } = shop.targetGroups;
    const stranger = made![0]!.TargetGroupArn!;
    await elb.send(new ModifyRuleCommand({ RuleArn: rule, Actions: [forward(blue, stranger)] }));
    const refused = await refusal();
    await elb.send(new ModifyRuleCommand({ RuleArn: rule, Actions: [forward(blue, green)] }));
    expect(refused.code).toBe("TEAL-A355");
    expect(refused.message).toContain("besides or instead of shop-blue and shop-green");
  });

  test("two rules of one host, with what to write; the rule of probes is none of them", async () => {
    const rules: string[] = [];
    const host = { Field: "host-header", HostHeaderConfig: { Values: ["shop.example"] } };
    const add = async (priority: number, ...conditions: object[]) => {
      const { Rules: made } = await elb.send(
        new CreateRuleCommand({
          ListenerArn: shop.listeners[0]!.arn,
          Priority: priority,
          Conditions: [host, ...conditions],
          Actions: [{ Type: "forward", TargetGroupArn: shop.targetGroups.green }],
        }),
      );
      rules.push(made![0]!.RuleArn!);
    };
    try {
      await add(1, {
        Field: "http-header",
        HttpHeaderConfig: { HttpHeaderName: "X-Teal-Slot", Values: ["s3cret"] },
      });
      await add(2, { Field: "path-pattern", PathPatternConfig: { Values: ["/api/*"] } });
      // The one with exactly this condition is meant.
      expect((await seek()).is).toBe("found");
      const path = await seek({ match: { path: "/api/*" } });
      expect(path).toMatchObject({ is: "found", found: { rules: [{ arn: rules[1] }] } });
      await add(3);
      const refused = await refusal();
      expect(refused).toMatchObject({
        code: "TEAL-A353",
        message: "shop-alb:8080 has 2 rules with host shop.example: host shop.example, host shop.example",
      });
      expect(refused.next).toContain(rules[2]);
      expect(refused.next).toContain(shop.listeners[0]?.rule);
    } finally {
      for (const rule of rules) await elb.send(new DeleteRuleCommand({ RuleArn: rule }));
    }
  });

  test("groups by other tags, by half of the tags, and of another service", async () => {
    await without(["teal.dev/slot"], async () => {
      const { code, message, next } = await refusal();
      expect(code).toBe("TEAL-A250");
      expect(message).toContain("shop-blue (teal.dev/slot=none), shop-green (teal.dev/slot=none)");
      expect(next).toContain("groups: { blue: NAME, green: NAME }");
    });
    expect(await refusal({ service: "other" })).toMatchObject({ code: "TEAL-A257" });
    expect(await refusal({ groups: { blue: "shop-blue", green: "shop-grun" } })).toMatchObject({
      code: "TEAL-A250",
      message: `there is no Auto Scaling group shop-grun in ${simulator.region}`,
    });
    expect(await refusal({ targetGroups: { blue: "shop-green", green: "shop-blue" } })).toMatchObject({
      code: "TEAL-A252",
    });
    expect(await refusal({ targetGroups: { blue: "shop-blu", green: "shop-green" } })).toMatchObject({
      code: "TEAL-A255",
    });
  });

  test("two groups for one slot", async () => {
    const name = "shop-blue-2";
    await scaling.send(
      new CreateAutoScalingGroupCommand({
        AutoScalingGroupName: name,
        LaunchTemplate: { LaunchTemplateId: shop.template.id, Version: "1" },
        MinSize: 0,
        MaxSize: 0,
        VPCZoneIdentifier: shop.subnets.join(","),
        TargetGroupARNs: [shop.targetGroups.blue],
        Tags: [tag(name, "teal.dev/service", "shop"), tag(name, "teal.dev/slot", "blue")],
      }),
    );
    try {
      const { code, message } = await refusal();
      expect(code).toBe("TEAL-A251");
      expect(message).toContain("shop-blue-2 (teal.dev/slot=blue)");
    } finally {
      await scaling.send(new DeleteAutoScalingGroupCommand({ AutoScalingGroupName: name }));
    }
  });
});

describe("a revision's name", () => {
  async function using<T>(run: (with_: Parameters<typeof prepare>[0]) => Promise<T>): Promise<T> {
    const wanted = settings();
    const connected = await connectAws(wanted, { environment: simulator.environment() });
    if (connected.is === "failed") throw new Error(connected.cause.message);
    const { api } = connected;
    try {
      const signal = AbortSignal.timeout(20_000);
      const sought = await inferFrom(api, wanted).found({ signal, purse: "plan" });
      if (sought.is !== "found") throw new Error(sought.cause.message);
      return await run({ api, settings: wanted, found: sought.found });
    } finally {
      await api.close();
    }
  }
  const signal = AbortSignal.timeout(60_000);

  test("is an AMI that is there, available and of the right architecture, and nothing is written", async () => {
    await using(async (given) => {
      const before = simulator.recorded.length;
      const image = simulator.compute.registerImage({ name: "shop-r2", behaviour: { revision: "r2" } });
      const ready = await prepare(given, image, signal);
      expect(ready).toMatchObject({ is: "ready", revision: { id: image }, replicas: 2 });
      if (ready.is !== "ready") return;
      expect(await recall(given, ready.revision, signal)).toMatchObject({
        is: "ready",
        revision: ready.revision,
      });
      const other = { ...ready.revision, config: "0123456789ab" };
      expect(await recall(given, other, signal)).toMatchObject({ cause: { code: "TEAL-A275" } });
      for (const [name, code] of [
        ["lt:7", "TEAL-A273"],
        ["shop-r2", "TEAL-A270"],
        [undefined, "TEAL-A270"],
        ["ami-0123456789abcdef0", "TEAL-A276"],
      ] as const)
        expect(await prepare(given, name, signal)).toMatchObject({ is: "refused", cause: { code } });
      simulator.compute.deregisterImage(image);
      expect(await prepare(given, image, signal)).toMatchObject({ cause: { code: "TEAL-A276" } });
      expect(simulator.recorded.slice(before).filter(({ mutating }) => mutating)).toEqual([]);
    });
  });

  test("is a version of the launch template", async () => {
    await using(async (given) => {
      const first = await prepare(given, "lt:1", signal);
      expect(first).toMatchObject({ is: "ready", revision: { id: "lt:1" } });
      expect(await prepare(given, "1", signal)).toEqual(first);
    });
  });
});
