import { beforeEach, describe, expect, test } from "vitest";
import {
  forward,
  MACHINE_PORT,
  openStage,
  QUICK,
  shop,
  type Answered,
  type Shop,
  type Stage,
} from "./testing.ts";

/* One test for each ELB row of "where moto is wrong or silent", named after it, and for the rules around them. */

let stage: Stage;
let it: Shop;

beforeEach(async () => {
  stage = await openStage();
  it = shop(stage);
  return () => stage.close();
});

const fixed = { Type: "fixed-response", FixedResponseConfig: { StatusCode: "200" } };
const byPath = (path: string) => [{ Field: "path-pattern", Values: [path] }];

function ruleAt(priority: number, actions: unknown[] = [forward({ [it.blue]: 1 })]): string {
  return stage.call<Answered>("CreateRule", {
    ListenerArn: it.listener,
    Priority: priority,
    Conditions: byPath(`/${priority}`),
    Actions: actions,
  }).Rules[0]!.RuleArn;
}

const rules = () => stage.call<Answered>("DescribeRules", { ListenerArn: it.listener }).Rules;
const group = (name: string) =>
  stage.call<Answered>("CreateTargetGroup", { Name: name, Protocol: "HTTP", Port: 80, VpcId: "vpc-1" })
    .TargetGroups[0]!.TargetGroupArn;
const usedBy = (arn: string) =>
  stage.call<Answered>("DescribeTargetGroups", { TargetGroupArns: [arn] }).TargetGroups[0]!.LoadBalancerArns;
const health = (arn: string, targets?: unknown[]) =>
  stage.call<Answered>("DescribeTargetHealth", { TargetGroupArn: arn, Targets: targets })
    .TargetHealthDescriptions;

describe("rules", () => {
  test("ModifyRule on the default rule is refused; ModifyListener changes rule and listener alike", () => {
    const actions = [forward({ [it.blue]: 0, [it.green]: 100 })];
    expect(stage.refusal("ModifyRule", { RuleArn: it.rule, Actions: actions })).toBe("OperationNotPermitted");
    expect(rules()[0]!.Actions[0]!.ForwardConfig!.TargetGroups[0]!.Weight).toBe(100);
    const { Listeners } = stage.call<Answered>("ModifyListener", {
      ListenerArn: it.listener,
      DefaultActions: actions,
    });
    expect(Listeners[0]!.DefaultActions).toEqual(rules()[0]!.Actions);
    expect(rules()[0]!.Actions[0]!.ForwardConfig!.TargetGroups.map(({ Weight }) => Weight)).toEqual([0, 100]);
  });

  test.each([
    [-1, "ValidationError"],
    [1000, "ValidationError"],
    [5000, "ValidationError"],
    [0, "accepted"],
    [999, "accepted"],
  ])("a weight of %s: %s", (weight, code) => {
    const change = {
      ListenerArn: it.listener,
      DefaultActions: [forward({ [it.blue]: weight, [it.green]: 1 })],
    };
    expect(stage.refusal("ModifyListener", change)).toBe(code);
  });

  test("at most 5 target groups in an action", () => {
    const groups = ["a", "b", "c", "d", "e", "f"].map(group);
    const split = (count: number) => ({
      ListenerArn: it.listener,
      DefaultActions: [forward(Object.fromEntries(groups.slice(0, count).map((arn) => [arn, 1])))],
    });
    expect(stage.refusal("ModifyListener", split(6))).toBe("TooManyTargetGroups");
    expect(stage.refusal("ModifyListener", split(5))).toBe("accepted");
  });

  test("ModifyListener validates target groups", () => {
    const bogus = it.blue.replace("shop-blue", "nobody");
    const change = { ListenerArn: it.listener, DefaultActions: [forward({ [bogus]: 1 })] };
    expect(stage.refusal("ModifyListener", change)).toBe("TargetGroupNotFound");
    expect(
      stage.refusal("CreateRule", {
        ListenerArn: it.listener,
        Priority: 1,
        Conditions: byPath("/"),
        Actions: [forward({ [bogus]: 1 })],
      }),
    ).toBe("TargetGroupNotFound");
  });

  test("deleting the default rule is refused", () => {
    expect(stage.refusal("DeleteRule", { RuleArn: it.rule })).toBe("OperationNotPermitted");
    const other = ruleAt(1);
    stage.call("DeleteRule", { RuleArn: other });
    expect(stage.refusal("DescribeRules", { RuleArns: [other] })).toBe("RuleNotFound");
  });

  test("rules are ordered by priority, the default one last", () => {
    for (const priority of [30, 5, 200]) ruleAt(priority);
    expect(rules().map(({ Priority }) => Priority)).toEqual(["5", "30", "200", "default"]);
    expect(rules().map(({ IsDefault }) => IsDefault)).toEqual([false, false, false, true]);
  });

  test("a priority is taken once, also when priorities are set", () => {
    const first = ruleAt(1);
    const second = ruleAt(2);
    const create = { ListenerArn: it.listener, Priority: 2, Conditions: byPath("/x"), Actions: [fixed] };
    expect(stage.refusal("CreateRule", create)).toBe("PriorityInUse");
    expect(stage.refusal("SetRulePriorities", { RulePriorities: [{ RuleArn: first, Priority: 2 }] })).toBe(
      "PriorityInUse",
    );
    stage.call("SetRulePriorities", {
      RulePriorities: [
        { RuleArn: first, Priority: 2 },
        { RuleArn: second, Priority: 1 },
      ],
    });
    expect(rules().map(({ RuleArn }) => RuleArn)).toEqual([second, first, it.rule]);
    expect(stage.refusal("SetRulePriorities", { RulePriorities: [{ RuleArn: it.rule, Priority: 9 }] })).toBe(
      "OperationNotPermitted",
    );
  });

  test("TargetGroupArn and ForwardConfig must agree; both are answered for a single group", () => {
    const both = (single: string, groups: Readonly<Record<string, number>>) => ({
      ListenerArn: it.listener,
      DefaultActions: [{ ...forward(groups), TargetGroupArn: single }],
    });
    expect(stage.refusal("ModifyListener", both(it.blue, { [it.green]: 1 }))).toBe(
      "InvalidLoadBalancerAction",
    );
    expect(stage.refusal("ModifyListener", both(it.blue, { [it.blue]: 1, [it.green]: 1 }))).toBe(
      "InvalidLoadBalancerAction",
    );
    expect(stage.refusal("ModifyListener", both(it.blue, { [it.blue]: 7 }))).toBe("accepted");
    const plain = {
      ListenerArn: it.listener,
      DefaultActions: [{ Type: "forward", TargetGroupArn: it.green }],
    };
    stage.call("ModifyListener", plain);
    const [action] = rules()[0]!.Actions;
    expect(action!.TargetGroupArn).toBe(it.green);
    expect(action!.ForwardConfig!.TargetGroups).toEqual([{ TargetGroupArn: it.green, Weight: 1 }]);
  });

  test("stickiness of targets among several groups needs stickiness of the groups, whoever comes first", () => {
    const sticky = (value: string) => ({
      TargetGroupArn: it.blue,
      Attributes: [{ Key: "stickiness.enabled", Value: value }],
    });
    expect(stage.refusal("ModifyTargetGroupAttributes", sticky("true"))).toBe("InvalidConfigurationRequest");
    const both = { [it.blue]: 1, [it.green]: 1 };
    stage.call("ModifyListener", { ListenerArn: it.listener, DefaultActions: [forward(both, 60)] });
    expect(stage.refusal("ModifyTargetGroupAttributes", sticky("true"))).toBe("accepted");
    const without = { ListenerArn: it.listener, DefaultActions: [forward(both)] };
    expect(stage.refusal("ModifyListener", without)).toBe("InvalidConfigurationRequest");
  });

  test.each([0, 604_801])("a group's stickiness of %s seconds is refused", (seconds) => {
    const change = { ListenerArn: it.listener, DefaultActions: [forward({ [it.blue]: 1 }, seconds)] };
    expect(stage.refusal("ModifyListener", change)).toBe("ValidationError");
  });

  test("a rule ends with exactly one routing action; authentication needs HTTPS", () => {
    const change = (actions: unknown[]) =>
      stage.refusal("ModifyListener", { ListenerArn: it.listener, DefaultActions: actions });
    expect(
      change([
        { ...fixed, Order: 1 },
        { ...fixed, Order: 2 },
      ]),
    ).toBe("InvalidLoadBalancerAction");
    const cognito = {
      Type: "authenticate-cognito",
      Order: 1,
      AuthenticateCognitoConfig: { UserPoolArn: "a", UserPoolClientId: "b", UserPoolDomain: "c" },
    };
    expect(change([cognito])).toBe("InvalidLoadBalancerAction");
    expect(change([cognito, { ...fixed, Order: 2 }])).toBe("InvalidLoadBalancerAction");
  });

  test("conditions: at most 5 values and wildcards, one host condition", () => {
    const create = (Conditions: unknown[]) =>
      stage.refusal("CreateRule", { ListenerArn: it.listener, Priority: 9, Conditions, Actions: [fixed] });
    const host = (...Values: string[]) => ({ Field: "host-header", HostHeaderConfig: { Values } });
    expect(create([host("a", "b", "c", "d", "e", "f")])).toBe("ValidationError");
    expect(create([host("***"), ...byPath("/***")])).toBe("ValidationError");
    expect(create([host("a"), host("b")])).toBe("ValidationError");
    expect(create([{ Field: "weather", Values: ["rain"] }])).toBe("ValidationError");
    expect(create([host("a"), ...byPath("/a")])).toBe("accepted");
  });

  test("100 rules besides the default ones", () => {
    for (let priority = 1; priority <= 100; priority += 1) ruleAt(priority, [fixed]);
    const create = { ListenerArn: it.listener, Priority: 101, Conditions: byPath("/"), Actions: [fixed] };
    expect(stage.refusal("CreateRule", create)).toBe("TooManyRules");
  });
});

describe("listeners and load balancers", () => {
  test("a port has one listener; the same settings again are the same listener", () => {
    const create = (action: unknown, port = 8000) => ({
      LoadBalancerArn: it.balancer,
      Protocol: "HTTP",
      Port: port,
      DefaultActions: [action],
    });
    expect(stage.refusal("CreateListener", create(fixed))).toBe("DuplicateListener");
    const again = stage.call<Answered>("CreateListener", create(forward({ [it.blue]: 100, [it.green]: 0 })));
    expect(again.Listeners[0]!.ListenerArn).toBe(it.listener);
    const other = stage.call<Answered>("CreateListener", create(fixed, 8001)).Listeners[0]!.ListenerArn;
    expect(stage.refusal("ModifyListener", { ListenerArn: other, Port: 8000 })).toBe("DuplicateListener");
  });

  test("HTTPS needs a certificate", () => {
    const create = (Certificates?: unknown[]) =>
      stage.refusal("CreateListener", {
        LoadBalancerArn: it.balancer,
        Protocol: "HTTPS",
        Port: 8443,
        Certificates,
        DefaultActions: [fixed],
      });
    expect(create()).toBe("ValidationError");
    expect(create([{ CertificateArn: "nowhere" }])).toBe("CertificateNotFound");
    expect(
      stage.refusal("CreateListener", {
        LoadBalancerArn: it.balancer,
        Protocol: "TCP",
        Port: 9,
        DefaultActions: [fixed],
      }),
    ).toBe("UnsupportedProtocol");
  });

  test("names, zones, and the same name again", () => {
    const create = (Name: string, ...Subnets: string[]) =>
      stage.refusal("CreateLoadBalancer", { Name, Subnets });
    expect(create("-x", "subnet-1", "subnet-2")).toBe("ValidationError");
    expect(create("internal-x", "subnet-1", "subnet-2")).toBe("ValidationError");
    expect(create("x".repeat(33), "subnet-1", "subnet-2")).toBe("ValidationError");
    expect(create("x", "subnet-1")).toBe("ValidationError");
    expect(create("x", "subnet-1", "subnet-1")).toBe("InvalidConfigurationRequest");
    expect(create("shop-alb", "subnet-1", "subnet-2")).toBe("accepted");
    expect(create("shop-alb", "subnet-1", "subnet-3")).toBe("DuplicateLoadBalancerName");
  });

  test("deletion protection; what is deleted twice is deleted", () => {
    const protect = (Value: string) =>
      stage.call("ModifyLoadBalancerAttributes", {
        LoadBalancerArn: it.balancer,
        Attributes: [{ Key: "deletion_protection.enabled", Value }],
      });
    protect("true");
    expect(stage.refusal("DeleteLoadBalancer", { LoadBalancerArn: it.balancer })).toBe(
      "OperationNotPermitted",
    );
    protect("false");
    stage.call("DeleteLoadBalancer", { LoadBalancerArn: it.balancer });
    stage.call("DeleteLoadBalancer", { LoadBalancerArn: it.balancer });
    expect(stage.refusal("DescribeRules", { RuleArns: [it.rule] })).toBe("RuleNotFound");
    expect(stage.refusal("DeleteTargetGroup", { TargetGroupArn: it.blue })).toBe("accepted");
  });
});

describe("target groups and targets", () => {
  test("LoadBalancerArns follow the rules", () => {
    expect([usedBy(it.blue), usedBy(it.green)]).toEqual([[it.balancer], [it.balancer]]);
    ruleAt(1, [forward({ [it.blue]: 1 })]);
    stage.call("ModifyListener", { ListenerArn: it.listener, DefaultActions: [forward({ [it.blue]: 1 })] });
    expect([usedBy(it.blue), usedBy(it.green)]).toEqual([[it.balancer], []]);
    stage.call("ModifyListener", { ListenerArn: it.listener, DefaultActions: [fixed] });
    expect(usedBy(it.blue)).toEqual([it.balancer]);
    stage.call("DeleteRule", { RuleArn: rules()[0]!.RuleArn });
    expect(usedBy(it.blue)).toEqual([]);
  });

  test("one load balancer per target group", () => {
    const other = stage.call<Answered>("CreateLoadBalancer", {
      Name: "other",
      Subnets: ["subnet-1", "subnet-2"],
    }).LoadBalancers[0]!;
    const create = {
      LoadBalancerArn: other.LoadBalancerArn,
      Protocol: "HTTP",
      Port: 80,
      DefaultActions: [forward({ [it.blue]: 1 })],
    };
    expect(stage.refusal("CreateListener", create)).toBe("TargetGroupAssociationLimit");
  });

  test("a target group in use, at weight 0 too, cannot be deleted", () => {
    expect(stage.refusal("DeleteTargetGroup", { TargetGroupArn: it.green })).toBe("ResourceInUse");
    stage.call("ModifyListener", { ListenerArn: it.listener, DefaultActions: [forward({ [it.blue]: 1 })] });
    expect(stage.refusal("DeleteTargetGroup", { TargetGroupArn: it.green })).toBe("accepted");
    expect(stage.refusal("DescribeTargetHealth", { TargetGroupArn: it.green })).toBe("TargetGroupNotFound");
  });

  test("the same name again is the same group, or a duplicate with other settings", () => {
    const create = (Port: number) =>
      stage.refusal("CreateTargetGroup", {
        Name: "shop-blue",
        Protocol: "HTTP",
        Port,
        VpcId: "vpc-1",
        ...QUICK,
      });
    expect([create(MACHINE_PORT), create(9)]).toEqual(["accepted", "DuplicateTargetGroupName"]);
    expect(stage.call<Answered>("DescribeTargetGroups", {}).TargetGroups).toHaveLength(2);
  });

  test("slow start needs round robin; attributes have their ranges", () => {
    const set = (...pairs: [string, string][]) =>
      stage.refusal("ModifyTargetGroupAttributes", {
        TargetGroupArn: it.blue,
        Attributes: pairs.map(([Key, Value]) => ({ Key, Value })),
      });
    expect(set(["slow_start.duration_seconds", "29"])).toBe("ValidationError");
    expect(set(["deregistration_delay.timeout_seconds", "3601"])).toBe("ValidationError");
    expect(set(["no.such.attribute", "1"])).toBe("ValidationError");
    expect(set(["slow_start.duration_seconds", "30"])).toBe("accepted");
    expect(set(["load_balancing.algorithm.type", "least_outstanding_requests"])).toBe(
      "InvalidConfigurationRequest",
    );
  });

  test("health check settings have their ranges", () => {
    const set = (change: object) =>
      stage.refusal("ModifyTargetGroup", { TargetGroupArn: it.blue, ...change });
    expect(set({ HealthCheckIntervalSeconds: 4 })).toBe("ValidationError");
    expect(set({ HealthCheckTimeoutSeconds: 5 })).toBe("ValidationError");
    expect(set({ HealthyThresholdCount: 11 })).toBe("ValidationError");
    expect(set({ Matcher: { HttpCode: "503" } })).toBe("ValidationError");
    expect(set({ Matcher: { HttpCode: "200,204-299" }, HealthCheckPort: "9000" })).toBe("accepted");
  });

  test("deregistering an unknown target is fine", () => {
    expect(
      stage.refusal("DeregisterTargets", { TargetGroupArn: it.blue, Targets: [{ Id: "i-nobody" }] }),
    ).toBe("accepted");
  });

  test("a target is its id and port", async () => {
    await stage.machine("i-1");
    const register = (...Targets: object[]) =>
      stage.call("RegisterTargets", { TargetGroupArn: it.blue, Targets });
    register({ Id: "i-1" }, { Id: "i-1", Port: 9001 }, { Id: "i-1", Port: MACHINE_PORT });
    expect(health(it.blue).map(({ Target }) => Target.Port)).toEqual([MACHINE_PORT, 9001]);
    stage.call("DeregisterTargets", { TargetGroupArn: it.blue, Targets: [{ Id: "i-1", Port: 9001 }] });
    expect(health(it.blue).map(({ TargetHealth }) => TargetHealth.State)).toEqual(["initial", "draining"]);
  });

  test("what is not there or does not run cannot be registered", async () => {
    const machine = await stage.machine("i-1");
    machine.state = "pending";
    const register = (Id: string) =>
      stage.refusal("RegisterTargets", { TargetGroupArn: it.blue, Targets: [{ Id }] });
    expect([register("i-nobody"), register("i-1")]).toEqual(["InvalidTarget", "InvalidTarget"]);
    expect(health(it.blue, [{ Id: "i-1" }])[0]!.TargetHealth).toMatchObject({
      State: "unused",
      Reason: "Target.NotRegistered",
    });
  });
});

describe("tags and pages", () => {
  const tags = (count: number, from = 0) =>
    Array.from({ length: count }, (_, index) => ({ Key: `key-${from + index}`, Value: "x" }));

  test("50 tags", () => {
    const add = (count: number, from: number) =>
      stage.refusal("AddTags", { ResourceArns: [it.blue], Tags: tags(count, from) });
    expect([add(50, 0), add(50, 0), add(1, 50)]).toEqual(["accepted", "accepted", "TooManyTags"]);
    stage.call("RemoveTags", { ResourceArns: [it.blue], TagKeys: ["key-0"] });
    expect(add(1, 50)).toBe("accepted");
    const [described] = stage.call<Answered>("DescribeTags", { ResourceArns: [it.blue] }).TagDescriptions;
    expect(described!.Tags).toHaveLength(50);
    expect(stage.elb.service.tagsOf(it.blue)).toMatchObject({ "key-50": "x" });
  });

  test("tags of what is not there, twice the same key, more than 20 resources", () => {
    const nowhere = it.rule.replace(/.$/, "_");
    expect(stage.refusal("AddTags", { ResourceArns: [nowhere], Tags: tags(1) })).toBe("RuleNotFound");
    expect(stage.refusal("AddTags", { ResourceArns: [it.blue], Tags: [...tags(1), ...tags(1)] })).toBe(
      "DuplicateTagKeys",
    );
    expect(stage.refusal("DescribeTags", { ResourceArns: Array.from({ length: 21 }, () => it.blue) })).toBe(
      "ValidationError",
    );
  });

  test.each(["DescribeTargetGroups", "DescribeRules", "DescribeListeners", "DescribeLoadBalancers"])(
    "%s pages",
    (operation) => {
      for (let index = 1; index <= 4; index += 1) {
        group(`more-${index}`);
        ruleAt(index);
        stage.call("CreateListener", {
          LoadBalancerArn: it.balancer,
          Protocol: "HTTP",
          Port: 8000 + index,
          DefaultActions: [fixed],
        });
        stage.call("CreateLoadBalancer", { Name: `alb-${index}`, Subnets: ["subnet-1", "subnet-2"] });
      }
      const of = {
        DescribeRules: { ListenerArn: it.listener },
        DescribeListeners: { LoadBalancerArn: it.balancer },
      };
      const input = of[operation as keyof typeof of] ?? {};
      const whole = entries(stage.call(operation, input));
      const found: unknown[] = [];
      let Marker: string | undefined;
      let pages = 0;
      do {
        const answer: Answered = stage.call(operation, { ...input, PageSize: 2, Marker });
        found.push(...entries(answer));
        Marker = answer.NextMarker;
        pages += 1;
      } while (Marker !== undefined);
      expect(pages).toBe(3);
      expect(found).toEqual(whole);
      expect(stage.refusal(operation, { ...input, Marker: "bogus" })).toBe("ValidationError");
    },
  );

  const entries = (answer: Answered): readonly unknown[] =>
    answer.Rules ?? answer.Listeners ?? answer.LoadBalancers ?? answer.TargetGroups;
});
