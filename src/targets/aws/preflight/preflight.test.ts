import { describe, expect, test } from "vitest";
import { blueServes, planned, request } from "../../../core/planning/testing.ts";
import type { Plan } from "../../../core/plan.ts";
import { instant, millis } from "../../../core/units.ts";
import type { Answer } from "../api/api.ts";
import type { Found } from "../found.ts";
import type { AwsSettings } from "../settings.ts";
import { additionalInstances } from "./capacity.ts";
import { needsFor } from "./credentials.ts";
import type { Picture } from "./picture.ts";
import { findingsOf } from "./preflight.ts";

const NOW = Date.parse("2026-01-01T12:00:00Z");
const ok = <T>(value: T): Answer<T> => ({ is: "ok", value });

const health = { path: "/health", port: "traffic-port", statuses: "200", interval: 5, threshold: 2 };
const slot = (name: string) => ({
  group: `shop-${name}`,
  targetGroup: {
    arn: `arn:tg/${name}`,
    name: `shop-${name}`,
    port: 8080,
    protocol: "HTTP" as const,
    health,
  },
});
const listener = {
  arn: "arn:listener",
  port: 443,
  protocol: "HTTPS" as const,
  loadBalancer: { arn: "arn:alb", name: "shop-alb", dnsName: "x", subnets: [], internal: false },
};
const rule = (name: string) => ({
  arn: `arn:rule/${name}`,
  isDefault: false,
  listener,
  name,
  hosts: [],
  paths: [],
});
const FOUND: Found = {
  account: "111122223333",
  region: "eu-central-1",
  rules: [rule("one")],
  slots: { blue: slot("blue"), green: slot("green") },
  replicas: 2,
};
const SETTINGS: AwsSettings = {
  service: "shop",
  environment: "production",
  account: "111122223333",
  listeners: ["shop-alb:443"],
  match: {},
  template: { by: "image" },
  reach: { by: "address" },
  sticky: "wait",
  propagation: millis(15_000),
};

const group = (name: string, but: object = {}) => ({
  AutoScalingGroupName: `shop-${name}`,
  MinSize: 0,
  MaxSize: 4,
  DesiredCapacity: 2,
  DefaultCooldown: 300,
  AvailabilityZones: [],
  HealthCheckType: "ELB",
  HealthCheckGracePeriod: 300,
  CreatedTime: new Date(0),
  ...but,
});
const forwarding = (sticky?: number) => ({
  RuleArn: "arn:rule/one",
  Actions: [
    {
      Type: "forward" as const,
      ForwardConfig: {
        TargetGroups: [{ TargetGroupArn: "arn:tg/blue" }, { TargetGroupArn: "arn:tg/green" }],
        ...(sticky === undefined
          ? {}
          : { TargetGroupStickinessConfig: { Enabled: true, DurationSeconds: sticky } }),
      },
    },
  ],
});
const attributes = (but: Record<string, string> = {}) =>
  new Map(Object.entries({ "deregistration_delay.timeout_seconds": "20", ...but }));
const targetGroup = (name: string, but: object = {}) => ({
  TargetGroupName: `shop-${name}`,
  HealthCheckPath: "/health",
  HealthCheckPort: "traffic-port",
  Matcher: { HttpCode: "200" },
  ...but,
});

const QUIET: Picture = {
  caller: ok({ account: "111122223333", arn: "arn:role", renews: false }),
  groups: ok({ blue: group("blue"), green: group("green", { DesiredCapacity: 0 }) }),
  rules: ok([forwarding()]),
  listeners: ok([{ ListenerArn: "arn:listener", Protocol: "HTTPS", Certificates: [{}] }]),
  balancers: ok([{ LoadBalancerName: "shop-alb", State: { Code: "active" } }]),
  targetGroups: ok({ blue: targetGroup("blue"), green: targetGroup("green") }),
  attributes: ok({ blue: attributes(), green: attributes() }),
  tags: ok(new Map([["arn:tg/blue", new Map([["Name", "shop"]])]])),
  targets: ok({ blue: 5, green: 0 }),
  activities: ok([]),
  policies: ok({ blue: [{ is: "policy", name: "cpu" }], green: [] }),
  version: ok({ template: "lt-1", version: 1, instanceType: "m7i.large", data: "{}" }),
  image: ok({ id: "ami-1", state: "available" }),
  subnets: ok([
    { id: "subnet-a", zone: "a", freeAddresses: 100 },
    { id: "subnet-b", zone: "b", freeAddresses: 100 },
  ]),
  zones: ok(["a", "b"]),
};

function findings(
  but: Partial<Picture>,
  plan: Plan = planned(request("blueGreen")),
  settings: AwsSettings = SETTINGS,
  found: Found = FOUND,
) {
  return findingsOf({ settings, found, now: NOW }, plan, { ...QUIET, ...but }).map(
    ({ is, cause }) => `${is} ${cause.code} ${cause.message}`,
  );
}

test("nothing is said where all is well", () => {
  expect(findings({})).toEqual([]);
});

describe("credentials", () => {
  const plan = planned(request("blueGreen"));
  const caller = (left: number, renews = false) => ({
    caller: ok({ account: "1", arn: "a", renews, expires: instant(NOW + left) }),
  });

  test("have to outlast everything but the time that the previous slot is kept warm", () => {
    // ensure 120 s, probe 1 s, shift 0.1 s, confirm 15.2 s, bake 30 s, drain 1 s, retire 300 s
    expect(needsFor(plan)).toBe(120_000 + 1_000 + 100 + 15_200 + 30_000 + 1_000 + 300_000);
    expect(findings(caller(needsFor(plan)), plan)).toEqual([]);
    expect(findings(caller(60_000, true), plan)).toEqual([]);
    expect(findings(caller(5 * 60_000), plan)[0]).toMatch(/^warns TEAL-A601 .*end in 5 min/);
    expect(findings(caller(60_000), plan)[0]).toMatch(/^blocks TEAL-A601/);
    expect(findings(caller(-5), plan)[0]).toMatch(/^blocks TEAL-A601 .*end in 0 s/);
  });
});

describe("stickiness", () => {
  const sticky = { rules: ok([forwarding(3_600)]) };
  const drain = (ms: number) => planned(request("blueGreen", {}, { drainCap: millis(ms) }));

  test("blocks a drain that ends before the cookies that it should wait for", () => {
    expect(findings(sticky, drain(30_000))).toEqual([
      "blocks TEAL-A602 cookies hold users at blue for up to 1 h after the cutover, and the drain that should wait for them ends after 30 s: those who are left then get 503",
    ]);
    expect(findings(sticky, drain(3_600_000))[0]).toMatch(/^warns TEAL-A602 .*the drain waits for them$/);
  });

  test("is told where it is cut off, and where nobody serves there are no cookies", () => {
    const cut = { ...SETTINGS, sticky: "cut" } as const;
    expect(findings(sticky, drain(30_000), cut)[0]).toMatch(/^warns .*stickiness off in the same call/);
  });
});

describe("groups", () => {
  const green = (but: object) => ({
    groups: ok({ blue: group("blue"), green: group("green", { DesiredCapacity: 0, ...but }) }),
  });
  const process = (...names: string[]) => ({
    SuspendedProcesses: names.map((ProcessName) => ({ ProcessName })),
  });

  test.each([
    [process("Launch", "AZRebalance"), /^blocks TEAL-A604 .*shop-green has Launch suspended/],
    [process("AddToLoadBalancer"), /^blocks TEAL-A604/],
    [process("Terminate"), /^warns TEAL-A604 .*instances stay/],
    [{ HealthCheckGracePeriod: 0 }, /^warns TEAL-A603 .*0 s after its start/],
    [{ Status: "Delete in progress" }, /^blocks TEAL-A620 .*Delete in progress/],
    [
      {
        MixedInstancesPolicy: {
          LaunchTemplate: { Overrides: [{ LaunchTemplateSpecification: { LaunchTemplateId: "lt-2" } }] },
        },
      },
      /^blocks TEAL-A606/,
    ],
  ])("%j", (but, expected) => {
    const [first, ...more] = findings(green(but));
    expect(first).toMatch(expected);
    expect(more).toEqual([]);
  });

  test("processes that a deployment does without", () => {
    expect(findings(green(process("AZRebalance", "ScheduledActions")))).toEqual([]);
  });

  test("a launch that failed lately, unless a later one worked", () => {
    const activity = (StatusCode: "Failed" | "Successful", ago: number) => ({
      ActivityId: "1",
      AutoScalingGroupName: "shop-green",
      Description: "Launching a new EC2 instance",
      Cause: "",
      StatusCode,
      StatusMessage: "VcpuLimitExceeded",
      StartTime: new Date(NOW - ago),
    });
    expect(findings({ activities: ok([activity("Failed", 1_000)]) })[0]).toMatch(/^warns TEAL-A621/);
    expect(findings({ activities: ok([activity("Successful", 1), activity("Failed", 2)]) })).toEqual([]);
    expect(findings({ activities: ok([activity("Failed", 2 * 3_600_000)]) })).toEqual([]);
  });

  test("scheduled actions", () => {
    const policies = ok({ blue: [{ is: "schedule" as const, name: "night" }], green: [] });
    expect(findings({ policies })[0]).toMatch(/^warns TEAL-A608 .*shop-blue.*night/);
  });
});

describe("capacity", () => {
  const subnets = (a: number, b: number) => ({
    subnets: ok([
      { id: "subnet-a", zone: "a", freeAddresses: a },
      { id: "subnet-b", zone: "b", freeAddresses: b },
    ]),
  });

  test("is what the strategy adds at the most", () => {
    const more = (kind: "blueGreen" | "canary" | "rolling" | "recreate") =>
      additionalInstances(planned(request(kind), blueServes(5)));
    expect([more("blueGreen"), more("canary"), more("rolling"), more("recreate")]).toEqual([5, 5, 2, 0]);
  });

  test("needs addresses", () => {
    expect(findings(subnets(3, 1))[0]).toMatch(/^blocks TEAL-A611 .*needs 5 addresses.*have 4 free/);
    expect(findings(subnets(5, 0))[0]).toMatch(/^warns TEAL-A611 .*subnet-b/);
    expect(findings(subnets(2, 0), planned(request("rolling")))[0]).toMatch(/^warns/);
  });

  test("needs the instance type in the zones", () => {
    expect(findings({ zones: ok(["a"]) })[0]).toMatch(/^warns TEAL-A612 m7i.large is not offered in b/);
    expect(findings({ zones: ok([]) })[0]).toMatch(/^blocks TEAL-A612/);
  });

  test("needs room among the targets", () => {
    expect(findings({ targets: ok({ blue: 996, green: 0 }) })[0]).toMatch(/^warns TEAL-A610 .*1001 targets/);
  });
});

describe("traffic", () => {
  test("several rules are switched in turn", () => {
    const found = { ...FOUND, rules: [rule("one"), rule("two")] };
    expect(findings({}, undefined, SETTINGS, found)[0]).toMatch(/^warns TEAL-A609 2 rules .*one, two/);
  });

  test("a load balancer that is not there yet, and a listener without a certificate", () => {
    const balancers = ok([{ LoadBalancerName: "shop-alb", State: { Code: "provisioning" as const } }]);
    expect(findings({ balancers })[0]).toMatch(/^blocks TEAL-A613 .*provisioning/);
    const listeners = ok([{ ListenerArn: "arn:listener", Protocol: "HTTPS" as const }]);
    expect(findings({ listeners })[0]).toMatch(/^blocks TEAL-A613 .*certificate/);
  });

  test("target groups that leave or start more slowly than the steps last", () => {
    const pair = (but: Record<string, string>) => ({
      attributes: ok({ blue: attributes(), green: attributes(but) }),
    });
    expect(findings(pair({ "slow_start.duration_seconds": "60" }))[0]).toMatch(/^warns TEAL-A607/);
    expect(findings(pair({ "slow_start.duration_seconds": "30" }))).toEqual([]);
    expect(findings(pair({ "deregistration_delay.timeout_seconds": "3600" }))[0]).toMatch(/^warns TEAL-A605/);
  });

  test("health checks that differ", () => {
    const targetGroups = ok({
      blue: targetGroup("blue"),
      green: targetGroup("green", { HealthCheckPath: "/", Matcher: { HttpCode: "200-499" } }),
    });
    expect(findings({ targetGroups })[0]).toMatch(/^warns TEAL-A616 .*differ in path, statuses/);
  });

  test("an owner that may write back", () => {
    const tags = ok(new Map([["arn:tg/blue", new Map([["ManagedBy", "Terraform"]])]]));
    expect(findings({ tags })[0]).toMatch(/^unproven TEAL-A619/);
  });
});

describe("what cannot be read", () => {
  const failed = (code: string) => ({
    is: "failed" as const,
    code,
    cause: { code: "TEAL-A104", message: `not allowed: something (${code})` },
    sure: true,
  });

  test("is a missing right that refuses, told once, or not proven", () => {
    const denied = failed("AccessDenied");
    expect(findings({ subnets: denied, zones: denied })).toEqual([
      "blocks TEAL-A104 not allowed: something (AccessDenied)",
    ]);
    expect(findings({ activities: failed("Throttling") })[0]).toMatch(/^unproven TEAL-A600/);
  });
});
