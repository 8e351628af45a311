import { expect, test } from "vitest";
import type { Answer, CallBy, Decision, RightsAsked } from "../api/api.ts";
import type { Found } from "../found.ts";
import type { AwsSettings } from "../settings.ts";
import type { Picture } from "./picture.ts";
import { rightsFindings } from "./rights.ts";
import { millis } from "../../../core/units.ts";

/* Whole plans under the generated policy: test/aws/rights.aws.test.ts. Here: what IAM's answers mean. */

const LISTENER = "arn:aws:elasticloadbalancing:eu-central-1:111122223333:listener/app/shop/1/2";
const TESTS = LISTENER.replace(/2$/u, "7");
const RULE = "arn:aws:elasticloadbalancing:eu-central-1:111122223333:listener-rule/app/shop/1/2/3";
const targetGroup = (slot: string) =>
  `arn:aws:elasticloadbalancing:eu-central-1:111122223333:targetgroup/${slot}/1`;
const groupArn = (slot: string) =>
  `arn:aws:autoscaling:eu-central-1:111122223333:autoScalingGroup:5e3f:autoScalingGroupName/shop-${slot}`;

const slot = (name: string) => ({
  group: `shop-${name}`,
  targetGroup: {
    arn: targetGroup(name),
    name,
    port: 8080,
    protocol: "HTTP" as const,
    health: { path: "/", port: "traffic-port", statuses: "200", interval: 5, threshold: 2 },
  },
});
const FOUND: Found = {
  account: "111122223333",
  region: "eu-central-1",
  rules: [
    {
      arn: RULE,
      isDefault: false,
      name: "shop",
      hosts: [],
      paths: [],
      listener: {
        arn: LISTENER,
        port: 443,
        protocol: "HTTPS",
        loadBalancer: { arn: "arn:alb", name: "shop-alb", dnsName: "x", subnets: [], internal: false },
      },
    },
  ],
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
const ok = <T>(value: T): Answer<T> => ({ is: "ok", value });
const group = (name: string) => ({
  AutoScalingGroupName: `shop-${name}`,
  AutoScalingGroupARN: groupArn(name),
  MinSize: 0,
  MaxSize: 4,
  DesiredCapacity: 2,
  DefaultCooldown: 300,
  AvailabilityZones: [],
  HealthCheckType: "ELB",
  CreatedTime: new Date(0),
  LaunchTemplate: { LaunchTemplateId: "lt-1", Version: "1" },
  Tags: [{ Key: "team", Value: "web" }],
});

function picture(arn: string): Picture {
  const data = JSON.stringify({ IamInstanceProfile: { Name: "shop-web" } });
  return {
    caller: ok({ account: "111122223333", arn, renews: false }),
    groups: ok({ blue: group("blue"), green: group("green") }),
    version: ok({ template: "lt-1", version: 1, imageId: "ami-1", data }),
  } as unknown as Picture;
}

type Decide = (action: string, resource: string, asked: RightsAsked) => Partial<Decision>;

async function findings(
  decide: Decide | "denied",
  arn = "arn:aws:sts::111122223333:assumed-role/teal-shop/run-1",
  settings = SETTINGS,
) {
  const asked: RightsAsked[] = [];
  const tags = new Map([[RULE, new Map([["teal.dev/service", "shop"]])]]);
  const denied = { code: "TEAL-A104", message: "not allowed: iam:SimulatePrincipalPolicy" };
  const api = {
    elb: {
      tags: async () => ok(tags),
      listeners: async () =>
        ok([
          { ListenerArn: LISTENER, Port: 443 },
          { ListenerArn: TESTS, Port: 8443 },
        ]),
    },
    rights: {
      decide: async (question: RightsAsked, _call: CallBy): Promise<Answer<readonly Decision[]>> => {
        asked.push(question);
        if (decide === "denied") return { is: "failed", code: "AccessDenied", cause: denied, sure: true };
        return ok(
          question.actions.flatMap((action) =>
            question.resources.map((resource) => ({
              action,
              resource,
              is: "allowed" as const,
              missing: [],
              ...decide(action, resource, question),
            })),
          ),
        );
      },
    },
  } as unknown as Parameters<typeof rightsFindings>[0]["api"];
  const signal = new AbortController().signal;
  const found = await rightsFindings({ api, settings, found: FOUND }, picture(arn), { signal });
  return { asked, told: found.map(({ is, cause }) => `${is} ${cause.code} ${cause.message}`) };
}

test("a session's rights are its role's; what is asked about is what there is, with its tags", async () => {
  const { asked, told } = await findings(() => ({}));
  expect(told).toEqual([]);
  expect(new Set(asked.map(({ principal }) => principal))).toEqual(
    new Set(["arn:aws:iam::111122223333:role/teal-shop"]),
  );
  const about = (action: string) => asked.filter(({ actions }) => actions.includes(action));
  expect(about("autoscaling:UpdateAutoScalingGroup")).toMatchObject([
    { resources: [groupArn("blue"), groupArn("green")], context: { "aws:ResourceTag/team": "web" } },
  ]);
  expect(about("elasticloadbalancing:ModifyRule")).toMatchObject([
    { resources: [RULE], context: { "aws:ResourceTag/teal.dev/service": "shop" } },
  ]);
  expect(about("iam:PassRole")).toMatchObject([
    {
      resources: ["arn:aws:iam::111122223333:role/shop-web"],
      context: { "iam:PassedToService": "ec2.amazonaws.com" },
    },
  ]);
  const reads = asked.filter(({ resources }) => resources.includes("*"));
  expect(reads).toHaveLength(1);
  expect(reads[0]?.actions).toContain("cloudwatch:GetMetricData");
  expect(asked.length).toBeLessThanOrEqual(10);
});

test.each(["shop-alb:8443", "8443", TESTS])(
  "a test listener %s has to be allowed to be changed",
  async (listener) => {
    const settings: AwsSettings = { ...SETTINGS, reach: { by: "testListener", listener } };
    const { told } = await findings(
      (action) => (action === "elasticloadbalancing:ModifyListener" ? { is: "denied" } : {}),
      undefined,
      settings,
    );
    expect(told).toEqual([
      `blocks TEAL-A617 arn:aws:iam::111122223333:role/teal-shop is not allowed elasticloadbalancing:ModifyListener on ${TESTS}`,
    ]);
  },
);

test("what is denied blocks, by action and resource", async () => {
  const { told } = await findings((action, resource) =>
    action === "autoscaling:SuspendProcesses" && resource === groupArn("green") ? { is: "denied" } : {},
  );
  expect(told).toEqual([
    `blocks TEAL-A617 arn:aws:iam::111122223333:role/teal-shop is not allowed autoscaling:SuspendProcesses on ${groupArn("green")}`,
  ]);
});

test("what depends on keys that nobody can know here is not proven, and does not block", async () => {
  const { told } = await findings((action) =>
    action === "elasticloadbalancing:ModifyRule" ? { is: "denied", missing: ["aws:SourceVpc"] } : {},
  );
  expect(told).toHaveLength(1);
  expect(told[0]).toMatch(
    /^unproven TEAL-A615 .*elasticloadbalancing:ModifyRule \(policies make them depend/,
  );
});

test.each([
  ["without the right to ask", "denied" as const, undefined, "not allowed: iam:SimulatePrincipalPolicy"],
  ["as root", () => ({}), "arn:aws:iam::111122223333:root", "not of arn:aws:iam::111122223333:root"],
])("%s every write is named as not proven", async (_, decide, arn, why) => {
  const { told } = await findings(decide, arn);
  expect(told).toHaveLength(1);
  expect(told[0]).toMatch(/^unproven TEAL-A615/);
  for (const action of [
    "elasticloadbalancing:ModifyRule",
    "autoscaling:UpdateAutoScalingGroup",
    "iam:PassRole",
  ])
    expect(told[0]).toContain(action);
  expect(told[0]).toContain(why);
});
