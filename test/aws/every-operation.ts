import type { Step } from "./scenario.ts";

/* A life of a shop in which every operation of the simulator is called, and some that must be refused. */

type Input = Step["input"];
type Make = (
  operation: string,
  input: Input | object,
  remember?: (output: never) => Record<string, string>,
  name?: string,
) => Step;

/** Steps of one service; a step is called as its operation unless it is named. */
function of(service: Step["service"]): Make {
  return (operation, input, remember, name = operation) => ({
    name: `${service}:${name}`,
    service,
    operation,
    input: typeof input === "function" ? (input as Input) : () => input,
    ...(remember !== undefined && { remember }),
  });
}

const ec2 = of("ec2");
const elb = of("elasticloadbalancing");
const asg = of("autoscaling");
const ssm = of("ssm");
const s3 = of("s3");
const metrics = of("cloudwatch");

/** A path into an answer: `Vpc.VpcId`, `Subnets.0.SubnetId`. */
function keep(as: string, path: string): (output: never) => Record<string, string> {
  return (output) => {
    const value = path
      .split(".")
      .reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], output);
    if (typeof value !== "string") throw new Error(`no text ${path} in ${JSON.stringify(output)}`);
    return { [as]: value };
  };
}

const template = (m: Record<string, string>) => ({ LaunchTemplateId: m["template"], Version: "1" });
const group = { AutoScalingGroupName: "shop-blue" };
const forward = (m: Record<string, string>, blue = 100, green = 0) => [
  {
    Type: "forward",
    ForwardConfig: {
      TargetGroups: [
        { TargetGroupArn: m["blue"], Weight: blue },
        { TargetGroupArn: m["green"], Weight: green },
      ],
    },
  },
];
const host = (...Values: string[]) => [{ Field: "host-header", HostHeaderConfig: { Values } }];

const NETWORK: readonly Step[] = [
  of("sts")("GetCallerIdentity", {}),
  of("sts")("AssumeRoleWithWebIdentity", (m) => ({
    RoleArn: m["role"],
    RoleSessionName: "run-1",
    WebIdentityToken: "a-token-of-the-runner",
  })),
  of("iam")("SimulatePrincipalPolicy", (m) => ({
    PolicySourceArn: m["role"],
    ActionNames: ["elasticloadbalancing:ModifyRule"],
  })),
  ec2("DescribeAvailabilityZones", {}),
  ec2("CreateVpc", { CidrBlock: "10.20.0.0/16" }, keep("vpc", "Vpc.VpcId")),
  ec2("DescribeVpcs", (m) => ({ VpcIds: [m["vpc"]] })),
  ...["a", "b"].map((zone, index) =>
    ec2(
      "CreateSubnet",
      (m) => ({ VpcId: m["vpc"], CidrBlock: `10.20.${index}.0/24`, AvailabilityZone: `eu-central-1${zone}` }),
      keep(`subnet${zone}`, "Subnet.SubnetId"),
      `CreateSubnet ${zone}`,
    ),
  ),
  ec2("DescribeSubnets", (m) => ({ SubnetIds: [m["subneta"], m["subnetb"]] })),
  ec2(
    "CreateSecurityGroup",
    (m) => ({ GroupName: "shop", Description: "of the shop", VpcId: m["vpc"] }),
    keep("security", "GroupId"),
  ),
  ec2("DescribeSecurityGroups", (m) => ({ GroupIds: [m["security"]] })),
  ec2("DescribeImages", (m) => ({ ImageIds: [m["image"]] })),
  ec2("DescribeImages", { ImageIds: ["ami-0123456789abcdef0"] }, undefined, "DescribeImages of none"),
  ec2("DescribeInstanceTypeOfferings", {
    LocationType: "availability-zone",
    Filters: [{ Name: "instance-type", Values: ["t3.micro"] }],
  }),
  ec2(
    "CreateLaunchTemplate",
    (m) => ({
      LaunchTemplateName: "shop",
      LaunchTemplateData: { ImageId: m["image"], InstanceType: "t3.micro" },
    }),
    keep("template", "LaunchTemplate.LaunchTemplateId"),
  ),
  ec2("CreateLaunchTemplateVersion", (m) => ({
    LaunchTemplateId: m["template"],
    SourceVersion: "1",
    VersionDescription: "r2",
    LaunchTemplateData: { UserData: "cjI=" },
    ClientToken: "i1",
  })),
  ec2(
    "CreateLaunchTemplateVersion",
    (m) => ({
      LaunchTemplateId: m["template"],
      SourceVersion: "1",
      VersionDescription: "r2",
      LaunchTemplateData: { UserData: "cjI=" },
      ClientToken: "i1",
    }),
    undefined,
    "CreateLaunchTemplateVersion again",
  ),
  ec2("ModifyLaunchTemplate", (m) => ({ LaunchTemplateId: m["template"], DefaultVersion: "2" })),
  ec2("DescribeLaunchTemplates", (m) => ({ LaunchTemplateIds: [m["template"]] })),
  ec2("DescribeLaunchTemplateVersions", (m) => ({ LaunchTemplateId: m["template"], Versions: ["1", "2"] })),
  ec2(
    "DescribeLaunchTemplateVersions",
    (m) => ({ LaunchTemplateId: m["template"], Versions: ["99"] }),
    undefined,
    "DescribeLaunchTemplateVersions of none",
  ),
  ec2(
    "RunInstances",
    (m) => ({
      ImageId: m["image"],
      InstanceType: "t3.micro",
      MinCount: 1,
      MaxCount: 1,
      SubnetId: m["subneta"],
    }),
    keep("instance", "Instances.0.InstanceId"),
  ),
  {
    ...ec2("DescribeInstances", (m) => ({ InstanceIds: [m["instance"]] })),
    until: (output: never) => JSON.stringify(output).includes('"Name":"running"'),
  },
  ec2("DescribeInstanceStatus", (m) => ({ InstanceIds: [m["instance"]], IncludeAllInstances: true })),
  ec2("CreateTags", (m) => ({ Resources: [m["instance"]], Tags: [{ Key: "team", Value: "a<b>&c" }] })),
  ec2("DescribeTags", (m) => ({ Filters: [{ Name: "resource-id", Values: [m["instance"]] }] })),
  ec2("DeleteTags", (m) => ({ Resources: [m["instance"]], Tags: [{ Key: "team" }] })),
];

const BALANCER: readonly Step[] = [
  elb("DescribeAccountLimits", {}),
  elb(
    "CreateLoadBalancer",
    (m) => ({
      Name: "shop-alb",
      Subnets: [m["subneta"], m["subnetb"]],
      SecurityGroups: [m["security"]],
      Tags: [{ Key: "teal.dev/service", Value: "shop" }],
    }),
    keep("alb", "LoadBalancers.0.LoadBalancerArn"),
  ),
  elb("DescribeLoadBalancers", { Names: ["shop-alb"] }),
  elb("DescribeLoadBalancers", { Names: ["none"] }, undefined, "DescribeLoadBalancers of none"),
  elb("ModifyLoadBalancerAttributes", (m) => ({
    LoadBalancerArn: m["alb"],
    Attributes: [{ Key: "idle_timeout.timeout_seconds", Value: "30" }],
  })),
  elb("DescribeLoadBalancerAttributes", (m) => ({ LoadBalancerArn: m["alb"] })),
  elb("SetSubnets", (m) => ({ LoadBalancerArn: m["alb"], Subnets: [m["subneta"], m["subnetb"]] })),
  elb("SetSecurityGroups", (m) => ({ LoadBalancerArn: m["alb"], SecurityGroups: [m["security"]] })),
  elb("SetIpAddressType", (m) => ({ LoadBalancerArn: m["alb"], IpAddressType: "ipv4" })),
  ...["blue", "green"].map((slot) =>
    elb(
      "CreateTargetGroup",
      (m) => ({
        Name: `shop-${slot}`,
        Protocol: "HTTP",
        Port: 8080,
        VpcId: m["vpc"],
        HealthCheckPath: "/health",
      }),
      keep(slot, "TargetGroups.0.TargetGroupArn"),
      `CreateTargetGroup ${slot}`,
    ),
  ),
  elb("ModifyTargetGroup", (m) => ({
    TargetGroupArn: m["blue"],
    HealthCheckIntervalSeconds: 10,
    Matcher: { HttpCode: "200-299" },
  })),
  elb("ModifyTargetGroupAttributes", (m) => ({
    TargetGroupArn: m["blue"],
    Attributes: [{ Key: "deregistration_delay.timeout_seconds", Value: "5" }],
  })),
  elb("DescribeTargetGroupAttributes", (m) => ({ TargetGroupArn: m["blue"] })),
  elb(
    "CreateListener",
    (m) => ({
      LoadBalancerArn: m["alb"],
      Protocol: "HTTP",
      Port: 8080,
      DefaultActions: [
        {
          Type: "fixed-response",
          FixedResponseConfig: { StatusCode: "404", ContentType: "text/plain", MessageBody: "nobody" },
        },
      ],
    }),
    keep("listener", "Listeners.0.ListenerArn"),
  ),
  elb(
    "CreateListener",
    (m) => ({ LoadBalancerArn: m["alb"], Protocol: "HTTP", Port: 8080, DefaultActions: forward(m) }),
    undefined,
    "CreateListener of a port that is taken",
  ),
  elb("DescribeListeners", (m) => ({ ListenerArns: [m["listener"]] })),
  elb("DescribeListenerAttributes", (m) => ({ ListenerArn: m["listener"] })),
  elb("ModifyListenerAttributes", (m) => ({
    ListenerArn: m["listener"],
    Attributes: [{ Key: "routing.http.response.server.enabled", Value: "false" }],
  })),
  elb("ModifyListener", (m) => ({ ListenerArn: m["listener"], DefaultActions: forward(m) })),
  elb(
    "ModifyListener",
    (m) => ({
      ListenerArn: m["listener"],
      DefaultActions: [{ Type: "forward", TargetGroupArn: `${m["blue"]}0` }],
    }),
    undefined,
    "ModifyListener to a target group that is not there",
  ),
  elb(
    "CreateRule",
    (m) => ({
      ListenerArn: m["listener"],
      Priority: 20,
      Conditions: host("shop.example"),
      Actions: forward(m),
    }),
    keep("rule", "Rules.0.RuleArn"),
  ),
  elb(
    "CreateRule",
    (m) => ({
      ListenerArn: m["listener"],
      Priority: 10,
      Conditions: [
        { Field: "http-header", HttpHeaderConfig: { HttpHeaderName: "x-teal", Values: ["preview"] } },
      ],
      Actions: forward(m, 0, 1),
    }),
    keep("preview", "Rules.0.RuleArn"),
    "CreateRule of lower priority",
  ),
  elb(
    "CreateRule",
    (m) => ({ ListenerArn: m["listener"], Priority: 20, Conditions: host("b.example"), Actions: forward(m) }),
    undefined,
    "CreateRule of a priority that is taken",
  ),
  elb(
    "DescribeRules",
    (m) => ({ ListenerArn: m["listener"] }),
    (output: never) => ({
      defaultRule:
        (output as { Rules: { IsDefault: boolean; RuleArn: string }[] }).Rules.find((rule) => rule.IsDefault)
          ?.RuleArn ?? "",
    }),
  ),
  elb("ModifyRule", (m) => ({ RuleArn: m["rule"], Actions: forward(m, 0, 100) })),
  elb(
    "ModifyRule",
    (m) => ({ RuleArn: m["defaultRule"], Actions: forward(m) }),
    undefined,
    "ModifyRule of the default rule",
  ),
  elb(
    "ModifyRule",
    (m) => ({ RuleArn: m["rule"], Actions: forward(m, 5000, 0) }),
    undefined,
    "ModifyRule to a weight over 999",
  ),
  elb(
    "ModifyRule",
    (m) => ({ RuleArn: `${m["rule"]}0`, Actions: forward(m) }),
    undefined,
    "ModifyRule of none",
  ),
  elb("DeleteRule", (m) => ({ RuleArn: m["defaultRule"] }), undefined, "DeleteRule of the default rule"),
  elb("SetRulePriorities", (m) => ({ RulePriorities: [{ RuleArn: m["preview"], Priority: 5 }] })),
  elb("DescribeTargetGroups", (m) => ({ LoadBalancerArn: m["alb"] })),
  elb("RegisterTargets", (m) => ({ TargetGroupArn: m["green"], Targets: [{ Id: m["instance"] }] })),
  elb("DescribeTargetHealth", (m) => ({ TargetGroupArn: m["blue"] })),
  elb("DeregisterTargets", (m) => ({ TargetGroupArn: m["green"], Targets: [{ Id: m["instance"] }] })),
  elb(
    "DeregisterTargets",
    (m) => ({ TargetGroupArn: m["blue"], Targets: [{ Id: m["instance"] }] }),
    undefined,
    "DeregisterTargets of none",
  ),
  elb("AddTags", (m) => ({ ResourceArns: [m["blue"]], Tags: [{ Key: "teal.dev/fence", Value: "7" }] })),
  elb("DescribeTags", (m) => ({ ResourceArns: [m["blue"], m["alb"]] })),
  elb("RemoveTags", (m) => ({ ResourceArns: [m["blue"]], TagKeys: ["teal.dev/fence"] })),
  elb("DeleteTargetGroup", (m) => ({ TargetGroupArn: m["blue"] }), undefined, "DeleteTargetGroup in use"),
];

const member = (m: Record<string, string>) => ({ InstanceId: m["member"] });
/** Until the one instance of the group is in service; remembers it as `member`. */
function members(name: string): Step {
  type Described = { AutoScalingInstances?: { InstanceId: string; LifecycleState: string }[] };
  const found = (output: never) => (output as Described).AutoScalingInstances ?? [];
  return {
    ...asg("DescribeAutoScalingInstances", {}, (output) => ({ member: found(output)[0]!.InstanceId }), name),
    until: (output: never) =>
      found(output)
        .map((each) => each.LifecycleState)
        .join() === "InService",
  };
}

const SCALING: readonly Step[] = [
  asg("DescribeAccountLimits", {}),
  asg("CreateAutoScalingGroup", (m) => ({
    ...group,
    LaunchTemplate: template(m),
    MinSize: 1,
    MaxSize: 3,
    DesiredCapacity: 1,
    VPCZoneIdentifier: `${m["subneta"]},${m["subnetb"]}`,
    TargetGroupARNs: [m["blue"]],
    HealthCheckGracePeriod: 0,
    Tags: [{ Key: "teal.dev/slot", Value: "blue", PropagateAtLaunch: true }],
  })),
  asg(
    "CreateAutoScalingGroup",
    (m) => ({ ...group, LaunchTemplate: template(m), MinSize: 0, MaxSize: 0 }),
    undefined,
    "CreateAutoScalingGroup again",
  ),
  asg("DescribeAutoScalingGroups", { AutoScalingGroupNames: ["shop-blue", "none"] }),
  asg("PutLifecycleHook", {
    ...group,
    LifecycleHookName: "warm",
    LifecycleTransition: "autoscaling:EC2_INSTANCE_LAUNCHING",
    HeartbeatTimeout: 60,
    DefaultResult: "CONTINUE",
  }),
  asg("DescribeLifecycleHooks", group),
  asg("DeleteLifecycleHook", { ...group, LifecycleHookName: "warm" }),
  asg("SuspendProcesses", { ...group, ScalingProcesses: ["AZRebalance", "AlarmNotification"] }),
  asg(
    "DescribeAutoScalingGroups",
    { AutoScalingGroupNames: ["shop-blue"] },
    undefined,
    "DescribeAutoScalingGroups suspended",
  ),
  asg("ResumeProcesses", group),
  asg("UpdateAutoScalingGroup", { ...group, MaxSize: 4 }),
  asg(
    "SetDesiredCapacity",
    { ...group, DesiredCapacity: 9 },
    undefined,
    "SetDesiredCapacity over the maximum",
  ),
  asg("SetDesiredCapacity", { ...group, DesiredCapacity: 1 }),
  asg(
    "SetDesiredCapacity",
    { AutoScalingGroupName: "none", DesiredCapacity: 1 },
    undefined,
    "SetDesiredCapacity of none",
  ),
  asg("CreateOrUpdateTags", {
    Tags: [
      {
        ResourceId: "shop-blue",
        ResourceType: "auto-scaling-group",
        Key: "teal.dev/revision",
        Value: "{}",
        PropagateAtLaunch: false,
      },
    ],
  }),
  asg("DescribeTags", { Filters: [{ Name: "auto-scaling-group", Values: ["shop-blue"] }] }),
  asg("DeleteTags", {
    Tags: [{ ResourceId: "shop-blue", ResourceType: "auto-scaling-group", Key: "teal.dev/revision" }],
  }),
  asg("DetachTrafficSources", (m) => ({
    ...group,
    TrafficSources: [{ Identifier: m["blue"], Type: "elbv2" }],
  })),
  asg("AttachTrafficSources", (m) => ({
    ...group,
    TrafficSources: [{ Identifier: m["blue"], Type: "elbv2" }],
  })),
  asg("DescribeTrafficSources", group),
  asg("DetachLoadBalancerTargetGroups", (m) => ({ ...group, TargetGroupARNs: [m["blue"]] })),
  asg("AttachLoadBalancerTargetGroups", (m) => ({ ...group, TargetGroupARNs: [m["blue"]] })),
  asg("DescribeLoadBalancerTargetGroups", group),
  asg("PutScalingPolicy", {
    ...group,
    PolicyName: "more",
    PolicyType: "SimpleScaling",
    AdjustmentType: "ChangeInCapacity",
    ScalingAdjustment: 1,
  }),
  asg("DescribePolicies", group),
  asg("DeletePolicy", { ...group, PolicyName: "more" }),
  asg("ExecutePolicy", { ...group, PolicyName: "more" }, undefined, "ExecutePolicy of none"),
  asg("PutScheduledUpdateGroupAction", {
    ...group,
    ScheduledActionName: "night",
    Recurrence: "0 3 * * *",
    DesiredCapacity: 1,
  }),
  asg("DescribeScheduledActions", group),
  asg("DeleteScheduledAction", { ...group, ScheduledActionName: "night" }),
  asg("DescribeScalingActivities", group),
  members("DescribeAutoScalingInstances"),
  asg("SetInstanceProtection", (m) => ({
    ...group,
    InstanceIds: [m["member"]],
    ProtectedFromScaleIn: false,
  })),
  asg("SetInstanceHealth", (m) => ({
    ...member(m),
    HealthStatus: "Healthy",
    ShouldRespectGracePeriod: false,
  })),
  asg(
    "CompleteLifecycleAction",
    (m) => ({ ...group, ...member(m), LifecycleHookName: "none", LifecycleActionResult: "CONTINUE" }),
    undefined,
    "CompleteLifecycleAction of none",
  ),
  asg(
    "RecordLifecycleActionHeartbeat",
    (m) => ({ ...group, ...member(m), LifecycleHookName: "none" }),
    undefined,
    "RecordLifecycleActionHeartbeat of none",
  ),
  asg("StartInstanceRefresh", { ...group, Preferences: { MinHealthyPercentage: 0, InstanceWarmup: 0 } }),
  asg("DescribeInstanceRefreshes", group),
  asg("CancelInstanceRefresh", group),
  members("DescribeAutoScalingInstances after the refresh"),
  asg("TerminateInstanceInAutoScalingGroup", (m) => ({
    ...member(m),
    ShouldDecrementDesiredCapacity: false,
  })),
  asg("DeleteAutoScalingGroup", group, undefined, "DeleteAutoScalingGroup with instances"),
];

const OTHERS: readonly Step[] = [
  ssm("PutParameter", { Name: "/teal/shop/weights", Value: '{"blue":100}', Type: "String" }),
  ssm(
    "PutParameter",
    { Name: "/teal/shop/weights", Value: "x", Type: "String" },
    undefined,
    "PutParameter again",
  ),
  ssm("GetParameter", { Name: "/teal/shop/weights" }),
  ssm("DeleteParameter", { Name: "/teal/shop/weights" }),
  ssm("GetParameter", { Name: "/teal/shop/weights" }, undefined, "GetParameter of none"),
  s3("CreateBucket", {
    Bucket: "shop-state",
    CreateBucketConfiguration: { LocationConstraint: "eu-central-1" },
  }),
  s3("HeadBucket", { Bucket: "shop-state" }),
  s3(
    "PutObject",
    { Bucket: "shop-state", Key: "a/ü.json", Body: "{}", IfNoneMatch: "*", ContentType: "application/json" },
    keep("tag", "ETag"),
  ),
  s3(
    "PutObject",
    { Bucket: "shop-state", Key: "a/ü.json", Body: "[]", IfNoneMatch: "*" },
    undefined,
    "PutObject where something is",
  ),
  s3(
    "PutObject",
    { Bucket: "shop-state", Key: "a/ü.json", Body: "[]", IfMatch: '"0"' },
    undefined,
    "PutObject over something else",
  ),
  s3(
    "PutObject",
    { Bucket: "shop-state", Key: "none", Body: "[]", IfMatch: '"0"' },
    undefined,
    "PutObject over nothing",
  ),
  s3("HeadObject", { Bucket: "shop-state", Key: "a/ü.json" }),
  s3(
    "GetObject",
    (m) => ({ Bucket: "shop-state", Key: "a/ü.json", IfNoneMatch: m["tag"] }),
    undefined,
    "GetObject unchanged",
  ),
  s3("GetObject", { Bucket: "shop-state", Key: "none" }, undefined, "GetObject of none"),
  s3("GetObject", { Bucket: "nowhere-at-all", Key: "none" }, undefined, "GetObject of no bucket"),
  s3("ListObjectsV2", { Bucket: "shop-state", Prefix: "a/", MaxKeys: 1 }),
  s3("DeleteBucket", { Bucket: "shop-state" }, undefined, "DeleteBucket with objects"),
  s3(
    "DeleteObject",
    { Bucket: "shop-state", Key: "a/ü.json", IfMatch: '"0"' },
    undefined,
    "DeleteObject of another version",
  ),
  s3("DeleteObject", { Bucket: "shop-state", Key: "a/ü.json" }),
  s3("DeleteBucket", { Bucket: "shop-state" }),
  metrics("GetMetricData", {
    StartTime: new Date(0),
    EndTime: new Date(60_000),
    MetricDataQueries: [
      {
        Id: "a",
        MetricStat: {
          Metric: {
            Namespace: "AWS/ApplicationELB",
            MetricName: "RequestCount",
            Dimensions: [{ Name: "LoadBalancer", Value: "app/none/0" }],
          },
          Period: 60,
          Stat: "Sum",
        },
      },
    ],
  }),
  metrics("GetMetricStatistics", {
    Namespace: "AWS/ApplicationELB",
    MetricName: "RequestCount",
    Dimensions: [{ Name: "LoadBalancer", Value: "app/none/0" }],
    StartTime: new Date(0),
    EndTime: new Date(60_000),
    Period: 60,
    Statistics: ["Sum"],
  }),
];

const END: readonly Step[] = [
  asg("DeleteAutoScalingGroup", { ...group, ForceDelete: true }),
  elb("DeleteRule", (m) => ({ RuleArn: m["preview"] })),
  elb("DeleteListener", (m) => ({ ListenerArn: m["listener"] })),
  elb("DeleteTargetGroup", (m) => ({ TargetGroupArn: m["green"] })),
  elb("DeleteLoadBalancer", (m) => ({ LoadBalancerArn: m["alb"] })),
  ec2("StartInstances", (m) => ({ InstanceIds: [m["instance"]] })),
  ec2("StopInstances", (m) => ({ InstanceIds: [m["instance"]] })),
  ec2("TerminateInstances", (m) => ({ InstanceIds: [m["instance"]] })),
  ec2("DeleteLaunchTemplateVersions", (m) => ({ LaunchTemplateId: m["template"], Versions: ["1"] })),
  ec2("DeleteLaunchTemplate", (m) => ({ LaunchTemplateId: m["template"] })),
];

/** The memory begins with `image` and `role`, the id of an image and the ARN of a role that are there. */
export const EVERY_OPERATION: readonly Step[] = [...NETWORK, ...BALANCER, ...SCALING, ...OTHERS, ...END];
