import type { AwsSettings } from "../settings.ts";

/*
 * Every permission that Teal needs, from the configuration alone: what `teal init` writes as a policy. Which resources
 * an action can be limited to is from the Service Authorization Reference
 * (https://docs.aws.amazon.com/service-authorization/latest/reference/), a page per service.
 */

export interface Permission {
  /** As in IAM policies. */
  readonly action: string;
  /** The method of `AwsApi` or of the state store that needs it. */
  readonly by: string;
  readonly writes: boolean;
  /** ARNs, with `*` for what only AWS chooses; `*` alone where the action knows no resources. */
  readonly resources: readonly string[];
  /** What else must hold, as a policy writes it. */
  readonly condition?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** What the permissions are limited to. Names may stand for what is not there yet. */
export interface Scope {
  readonly region: string;
  readonly account: string;
  /** `aws`, `aws-cn`, `aws-us-gov` */
  readonly partition: string;
  readonly rules: readonly { readonly arn: string; readonly isDefault: boolean; readonly listener: string }[];
  /** ARN of the listener for tests, where probes go in by one: `shop-alb:8443` in the configuration has none. */
  readonly testListener?: string;
  /** ARNs of both target groups, with `*` for the id of one that is not there yet. */
  readonly targetGroups: readonly string[];
  /** Names of both Auto Scaling groups. */
  readonly groups: readonly string[];
  /** Ids of their launch templates. */
  readonly templates: readonly string[];
  /** Names of the roles of their instances. */
  readonly roles: readonly string[];
  /** ARN of the role or user that runs Teal. */
  readonly principal: string;
}

type Wanted = Pick<AwsSettings, "service" | "environment" | "reach" | "state" | "publish">;

/** Reads know no resources: neither ELB's, Auto Scaling's nor EC2's Describe actions, nor GetMetricData. */
const READS = {
  "elb.loadBalancers": "elasticloadbalancing:DescribeLoadBalancers",
  "elb.listeners": "elasticloadbalancing:DescribeListeners",
  "elb.rules": "elasticloadbalancing:DescribeRules",
  "elb.targetGroups": "elasticloadbalancing:DescribeTargetGroups",
  "elb.targetGroupAttributes": "elasticloadbalancing:DescribeTargetGroupAttributes",
  "elb.targetHealth": "elasticloadbalancing:DescribeTargetHealth",
  "elb.tags": "elasticloadbalancing:DescribeTags",
  "scaling.groups": "autoscaling:DescribeAutoScalingGroups",
  "scaling.activities": "autoscaling:DescribeScalingActivities",
  "scaling.policies": "autoscaling:DescribePolicies",
  "scaling.policies (schedules)": "autoscaling:DescribeScheduledActions",
  "compute.templateVersions": "ec2:DescribeLaunchTemplateVersions",
  "compute.images": "ec2:DescribeImages",
  "compute.instances": "ec2:DescribeInstances",
  "compute.subnets": "ec2:DescribeSubnets",
  "compute.offered": "ec2:DescribeInstanceTypeOfferings",
  "metrics.sums": "cloudwatch:GetMetricData",
} as const;

/** Everything that a deployment, its way back and looking at it need; `sts:GetCallerIdentity` needs no permission. */
export function permissionsOf(wanted: Wanted, scope: Scope): readonly Permission[] {
  return [
    ...Object.entries(READS).map(([by, action]) => ({ by, action, writes: false, resources: ["*"] })),
    ...routing(wanted, scope),
    ...scaling(scope),
    ...launching(scope),
    ...stored(wanted, scope),
    // Without it a plan cannot tell whether the others are there before the first of them is used.
    {
      by: "rights.decide",
      action: "iam:SimulatePrincipalPolicy",
      writes: false,
      resources: [scope.principal],
    },
  ];
}

function routing(
  { reach, service }: Wanted,
  { rules, targetGroups, testListener }: Scope,
): readonly Permission[] {
  const others = rules.filter((rule) => !rule.isDefault).map(({ arn }) => arn);
  const listeners = [...new Set(rules.filter((rule) => rule.isDefault).map(({ listener }) => listener))];
  const probes = reach.by === "headerRule" ? rules.slice(0, 1).map(({ listener }) => listener) : [];
  const below = probes.map((listener) => `${listener.replace(":listener/", ":listener-rule/")}/*`);
  const ours = { StringEquals: { "aws:ResourceTag/teal.dev/service": service } };
  const asked = { StringEquals: { "aws:RequestTag/teal.dev/service": service } };
  return [
    ...write("elb.modifyRule", "elasticloadbalancing:ModifyRule", others),
    ...write("elb.modifyListener", "elasticloadbalancing:ModifyListener", listeners),
    ...write("elb.addTags", "elasticloadbalancing:AddTags", targetGroups),
    ...write("elb.createRule", "elasticloadbalancing:CreateRule", probes, asked),
    ...write("elb.createRule (its tags)", "elasticloadbalancing:AddTags", below, asked),
    ...write("elb.modifyRule (for probes)", "elasticloadbalancing:ModifyRule", below, ours),
    ...write("elb.deleteRule", "elasticloadbalancing:DeleteRule", below, ours),
    ...write(
      "elb.modifyListener (for probes)",
      "elasticloadbalancing:ModifyListener",
      reach.by === "testListener" && testListener !== undefined ? [testListener] : [],
    ),
  ];
}

function scaling({ partition, region, account, groups }: Scope): readonly Permission[] {
  const arns = groups.map(
    (name) =>
      `arn:${partition}:autoscaling:${region}:${account}:autoScalingGroup:*:autoScalingGroupName/${name}`,
  );
  return [
    ...write("scaling.update", "autoscaling:UpdateAutoScalingGroup", arns),
    ...write("scaling.suspend", "autoscaling:SuspendProcesses", arns),
    ...write("scaling.resume", "autoscaling:ResumeProcesses", arns),
    ...write("scaling.protect", "autoscaling:SetInstanceProtection", arns),
    ...write("scaling.tag", "autoscaling:CreateOrUpdateTags", arns),
  ];
}

/**
 * Whoever points a group to a version of a launch template must be allowed to launch what it says
 * (https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-launch-template-permissions.html).
 */
function launching({ partition, region, account, templates, roles }: Scope): readonly Permission[] {
  const ec2 = `arn:${partition}:ec2:${region}`;
  return [
    ...write(
      "compute.createTemplateVersion",
      "ec2:CreateLaunchTemplateVersion",
      templates.map((id) => `${ec2}:${account}:launch-template/${id}`),
    ),
    ...write("scaling.update (its launches)", "ec2:RunInstances", [
      `${ec2}:${account}:*/*`,
      `${ec2}::image/*`,
    ]),
    ...write("scaling.update (tags of its instances)", "ec2:CreateTags", [
      `${ec2}:${account}:instance/*`,
      `${ec2}:${account}:volume/*`,
    ]),
    ...write(
      "scaling.update (the instances' role)",
      "iam:PassRole",
      roles.map((name) => `arn:${partition}:iam::${account}:role/${name}`),
      // IAM knows the service with every PassRole; where it is not said there is none to limit.
      { StringEqualsIfExists: { "iam:PassedToService": "ec2.amazonaws.com" } },
    ),
  ];
}

function stored({ state, publish }: Wanted, { partition, region, account }: Scope): readonly Permission[] {
  const bucket = state === undefined ? [] : [`arn:${partition}:s3:::${state.bucket}`];
  const under = state === undefined || state.prefix === "" ? "" : `${state.prefix}/`;
  const objects = bucket.map((arn) => `${arn}/${under}*`);
  const name = publish === undefined ? [] : [publish.replace(/^\//u, "")];
  const read = (by: string, action: string, resources: readonly string[]): readonly Permission[] =>
    resources.length === 0 ? [] : [{ by, action, writes: false, resources }];
  return [
    ...read("state (read)", "s3:GetObject", objects),
    ...read("state (list)", "s3:ListBucket", bucket),
    ...write("state (write)", "s3:PutObject", objects),
    ...write("state (prune)", "s3:DeleteObject", objects),
    ...write(
      "parameters.put",
      "ssm:PutParameter",
      name.map((each) => `arn:${partition}:ssm:${region}:${account}:parameter/${each}`),
    ),
  ];
}

/** One write; none where there is nothing that it could be about. */
function write(
  by: string,
  action: string,
  resources: readonly string[],
  condition?: Permission["condition"],
): readonly Permission[] {
  if (resources.length === 0) return [];
  return [{ by, action, writes: true, resources, ...(condition === undefined ? {} : { condition }) }];
}

/** An IAM policy document that allows exactly these. Actions with the same resources and conditions share a statement. */
export function policyDocument(permissions: readonly Permission[]): object {
  const statements = new Map<string, { actions: Set<string>; permission: Permission }>();
  for (const permission of permissions) {
    const { resources, condition } = permission;
    const key = JSON.stringify([resources, condition]);
    const known = statements.get(key);
    if (known === undefined) statements.set(key, { actions: new Set([permission.action]), permission });
    else known.actions.add(permission.action);
  }
  return {
    Version: "2012-10-17",
    Statement: [...statements.values()].map(({ actions, permission: { resources, condition } }) => ({
      Effect: "Allow",
      Action: [...actions].toSorted(),
      Resource: resources,
      ...(condition === undefined ? {} : { Condition: condition }),
    })),
  };
}
