/** A way in which the simulator and moto differ, and whose answer is AWS's. */
export interface KnownDifference {
  /** `<step> <path>` as `differences` names it; `*` stands for anything. */
  readonly where: string;
  /** `neither`: both are free to answer so, or AWS answers something else again. */
  readonly right: "simulator" | "moto" | "neither";
  readonly because: string;
  /** Where AWS says so: an API reference page or a guide's section; `assumed` where it does not. */
  readonly source: string;
}

type Row = readonly [where: string, right: KnownDifference["right"], because: string, source: string];

const ROUTING: readonly Row[] = [
  [
    "elasticloadbalancing:CreateListener of a port that is taken error",
    "simulator",
    "moto makes a second listener on the port",
    "ELBv2 API, CreateListener, errors: DuplicateListener",
  ],
  [
    "elasticloadbalancing:ModifyListener to a target group that is not there error",
    "simulator",
    "moto keeps an ARN of nothing",
    "ELBv2 API, ModifyListener, errors: TargetGroupNotFound",
  ],
  [
    "elasticloadbalancing:ModifyRule of the default rule error",
    "simulator",
    "the default rule is changed by ModifyListener",
    "ELBv2 API, ModifyRule: description and OperationNotPermitted",
  ],
  [
    "elasticloadbalancing:ModifyRule to a weight over 999 error",
    "simulator",
    "moto takes any weight",
    "ELBv2 API, TargetGroupTuple: 0 to 999",
  ],
  [
    "elasticloadbalancing:DeleteRule of the default rule error",
    "simulator",
    "moto fails",
    "ELBv2 API, DeleteRule: You can't delete the default rule",
  ],
  [
    "elasticloadbalancing:DeregisterTargets of none error",
    "simulator",
    "what is not registered may be deregistered",
    "ELBv2 API, DeregisterTargets: you can specify targets that are not registered",
  ],
  [
    "elasticloadbalancing:DeleteTargetGroup error",
    "simulator",
    "the rules that used it went with their listener",
    "ELBv2 API, DeleteTargetGroup: not referenced by any actions",
  ],
  [
    "elasticloadbalancing:*Listener* Listeners[].SslPolicy",
    "simulator",
    "a policy belongs to HTTPS and TLS listeners",
    "ELBv2 API, Listener: SslPolicy",
  ],
  [
    "elasticloadbalancing:*Rule* Rules[].Conditions[].Values[]",
    "simulator",
    "host and path conditions are told in both forms",
    "ELBv2 API, DescribeRules, example",
  ],
  [
    "elasticloadbalancing:DescribeRules Rules[].Actions[]*",
    "simulator",
    "moto went on from a ModifyListener that AWS refuses",
    "follows from ModifyListener to a target group that is not there",
  ],
  [
    "elasticloadbalancing:DescribeTargetGroups TargetGroups[].LoadBalancerArns[]",
    "simulator",
    "moto appends the load balancer again with every rule",
    "ELBv2 API, TargetGroup: you can use each target group with only one load balancer",
  ],
  [
    "elasticloadbalancing:CreateLoadBalancer LoadBalancers[].State.Code",
    "moto",
    "a load balancer begins as provisioning; here it is ready at once",
    "ELBv2 API, LoadBalancerState",
  ],
  [
    "elasticloadbalancing:*LoadBalancer* LoadBalancers[].Scheme",
    "simulator",
    "internet-facing is the default",
    "ELBv2 API, CreateLoadBalancer: Scheme",
  ],
  [
    "elasticloadbalancing:*LoadBalancer* LoadBalancers[].DNSName",
    "neither",
    "a name that AWS makes up",
    "assumed",
  ],
  [
    "elasticloadbalancing:*LoadBalancer* LoadBalancers[].CanonicalHostedZoneId",
    "simulator",
    "the zone of the region",
    "General Reference, Elastic Load Balancing endpoints",
  ],
  [
    "elasticloadbalancing:SetSubnets IpAddressType",
    "simulator",
    "a member of the answer",
    "ELBv2 API, SetSubnets, response elements",
  ],
  [
    "elasticloadbalancing:*Attributes Attributes[].*",
    "simulator",
    "moto knows fewer attributes, and of listeners those of TCP",
    "ELBv2 API, LoadBalancerAttribute, TargetGroupAttribute, ListenerAttribute",
  ],
  [
    "elasticloadbalancing:DescribeAccountLimits Limits[].*",
    "neither",
    "limits are an account's own",
    "assumed",
  ],
];

const SCALING: readonly Row[] = [
  [
    "autoscaling:DescribeAccountLimits error",
    "simulator",
    "moto does not know it",
    "Auto Scaling API, DescribeAccountLimits",
  ],
  [
    "autoscaling:CreateAutoScalingGroup again error",
    "simulator",
    "a name that is taken has an error of its own",
    "Auto Scaling API, CreateAutoScalingGroup, errors: AlreadyExists",
  ],
  [
    "autoscaling:SetDesiredCapacity over the maximum error",
    "simulator",
    "moto takes any size",
    "Auto Scaling API, SetDesiredCapacity: between the minimum and maximum size",
  ],
  [
    "autoscaling:SetDesiredCapacity of none error",
    "simulator",
    "moto fails",
    "Auto Scaling API, Common errors: ValidationError",
  ],
  [
    "autoscaling:*TrafficSources error",
    "simulator",
    "moto does not know it",
    "Auto Scaling API, AttachTrafficSources",
  ],
  [
    "autoscaling:ExecutePolicy of none error",
    "simulator",
    "moto fails",
    "Auto Scaling API, Common errors: ValidationError",
  ],
  [
    "autoscaling:*Lifecycle* of none error",
    "simulator",
    "moto does not know it",
    "Auto Scaling API, CompleteLifecycleAction",
  ],
  [
    "autoscaling:*InstanceRefresh* error",
    "simulator",
    "moto does not know it",
    "Auto Scaling API, StartInstanceRefresh",
  ],
  [
    "autoscaling:DeleteAutoScalingGroup with instances error",
    "simulator",
    "moto deletes it",
    "Auto Scaling API, DeleteAutoScalingGroup, errors: ResourceInUse",
  ],
  [
    "autoscaling:DeleteAutoScalingGroup error",
    "simulator",
    "moto had deleted it before",
    "follows from DeleteAutoScalingGroup with instances",
  ],
  [
    "autoscaling:DescribeAutoScalingGroups* AutoScalingGroups[].HealthCheckGracePeriod",
    "simulator",
    "moto makes 300 of 0",
    "Auto Scaling API, CreateAutoScalingGroup: Default: 0 seconds",
  ],
  [
    "autoscaling:DescribeAutoScalingGroups* AutoScalingGroups[].Instances[]*",
    "simulator",
    "instances take their time, and keep the template version that they were launched with; moto tells the template's default",
    "Auto Scaling API, Instance: LaunchTemplate; User Guide, instance lifecycle",
  ],
  [
    "autoscaling:DescribeAutoScalingGroups* AutoScalingGroups[].AvailabilityZoneIds[]",
    "simulator",
    "a member of the answer",
    "Auto Scaling API, AutoScalingGroup",
  ],
  [
    "autoscaling:DescribeAutoScalingGroups* AutoScalingGroups[].TrafficSources[]*",
    "simulator",
    "a member of the answer",
    "Auto Scaling API, AutoScalingGroup",
  ],
  [
    "autoscaling:DescribeAutoScalingGroups* AutoScalingGroups[].ServiceLinkedRoleARN",
    "moto",
    "roles are not simulated",
    "Auto Scaling API, AutoScalingGroup",
  ],
  [
    "autoscaling:DescribeAutoScalingGroups* AutoScalingGroups[].SuspendedProcesses[].SuspensionReason",
    "simulator",
    "AWS says who suspended and when",
    "Auto Scaling API, SuspendedProcess",
  ],
  [
    "autoscaling:DescribeAutoScalingInstances* AutoScalingInstances[].*",
    "simulator",
    "the launched template version, the zone's id, and HEALTHY in capitals",
    "Auto Scaling API, AutoScalingInstanceDetails, example",
  ],
  [
    "autoscaling:DescribeLifecycleHooks LifecycleHooks[].GlobalTimeout",
    "simulator",
    "a hundred times the heartbeat, at most 48 hours",
    "Auto Scaling API, LifecycleHook: GlobalTimeout",
  ],
  [
    "autoscaling:DescribeLifecycleHooks LifecycleHooks[].*ARN",
    "simulator",
    "moto tells a queue and a role that nobody gave",
    "Auto Scaling API, PutLifecycleHook",
  ],
  [
    "autoscaling:PutScalingPolicy PolicyARN",
    "simulator",
    "a member of the answer",
    "Auto Scaling API, PutScalingPolicy, response elements",
  ],
  [
    "autoscaling:DescribePolicies ScalingPolicies[].*",
    "simulator",
    "enabled by default, and no cooldown of its own unless given",
    "Auto Scaling API, PutScalingPolicy: Enabled, Cooldown",
  ],
  [
    "autoscaling:DescribeScheduledActions ScheduledUpdateGroupActions[].ScheduledActionARN",
    "simulator",
    "a member of the answer",
    "Auto Scaling API, ScheduledUpdateGroupAction",
  ],
  [
    "autoscaling:DescribeScalingActivities Activities[].*",
    "simulator",
    "moto records no activities",
    "Auto Scaling API, DescribeScalingActivities",
  ],
  [
    "autoscaling:TerminateInstanceInAutoScalingGroup Activity.*",
    "simulator",
    "an activity that is under way has no end, and waits for the load balancer",
    "Auto Scaling API, Activity: StatusCode",
  ],
];

const MACHINES: readonly Row[] = [
  [
    "ec2:CreateLaunchTemplateVersion* LaunchTemplateVersion.LaunchTemplateData.*",
    "simulator",
    "a new version takes from its source what it does not change",
    "EC2 API, CreateLaunchTemplateVersion: SourceVersion",
  ],
  [
    "ec2:DescribeLaunchTemplateVersions LaunchTemplateVersions[].LaunchTemplateData.*",
    "simulator",
    "the same",
    "EC2 API, CreateLaunchTemplateVersion: SourceVersion",
  ],
  [
    "ec2:CreateLaunchTemplateVersion again LaunchTemplateVersion.VersionNumber",
    "simulator",
    "moto makes another version of the same token",
    "EC2 API, CreateLaunchTemplateVersion: ClientToken",
  ],
  [
    "ec2:*LaunchTemplate* *LatestVersionNumber",
    "simulator",
    "the same",
    "EC2 API, CreateLaunchTemplateVersion: ClientToken",
  ],
  [
    "ec2:*LaunchTemplate* *CreatedBy",
    "simulator",
    "moto tells the account's root",
    "EC2 API, LaunchTemplate: the principal that created it",
  ],
  [
    "ec2:DeleteLaunchTemplate LaunchTemplate.CreateTime",
    "simulator",
    "a member of the answer",
    "EC2 API, DeleteLaunchTemplate",
  ],
  [
    "ec2:DeleteLaunchTemplateVersions error",
    "simulator",
    "moto fails",
    "EC2 API, DeleteLaunchTemplateVersions",
  ],
  [
    "ec2:StartInstances error",
    "neither",
    "the simulator starts only what is stopped; nobody here starts what runs",
    "assumed",
  ],
  [
    "ec2:TerminateInstances TerminatingInstances[].PreviousState.*",
    "simulator",
    "stopping takes its time",
    "EC2 User Guide, instance lifecycle",
  ],
  [
    "ec2:*Instances *Private*",
    "simulator",
    "instances listen on the loopback",
    "test/aws-sim: a real process each",
  ],
  [
    "ec2:*Instance* *Placement.AvailabilityZoneId",
    "simulator",
    "a member of the answer",
    "EC2 API, Placement",
  ],
  ["ec2:*Instances *ClientToken", "neither", "of whoever called", "EC2 API, Instance: ClientToken, if any"],
  ["ec2:DescribeImages Images[].*", "neither", "another image, with more members in moto", "EC2 API, Image"],
  ["ec2:RunInstances *", "moto", "members that nobody here reads", "EC2 API, Instance"],
  ["ec2:DescribeInstance* *", "moto", "members that nobody here reads", "EC2 API, Instance"],
  ["ec2:CreateVpc *", "moto", "members that nobody here reads", "EC2 API, Vpc"],
  ["ec2:DescribeVpcs *", "moto", "members that nobody here reads", "EC2 API, Vpc"],
  ["ec2:CreateSubnet* *", "moto", "members that nobody here reads", "EC2 API, Subnet"],
  ["ec2:DescribeSubnets *", "moto", "members that nobody here reads", "EC2 API, Subnet"],
  ["ec2:*SecurityGroup* *", "moto", "members that nobody here reads", "EC2 API, SecurityGroup"],
  ["ec2:DescribeAvailabilityZones *", "moto", "members that nobody here reads", "EC2 API, AvailabilityZone"],
];

const OTHERS: readonly Row[] = [
  [
    "iam:SimulatePrincipalPolicy error",
    "simulator",
    "moto does not know it, or not the role",
    "IAM API, SimulatePrincipalPolicy",
  ],
  ["sts:GetCallerIdentity *", "neither", "another caller", "test set-up"],
  ["sts:AssumeRoleWithWebIdentity *", "neither", "keys that are made up", "STS API, Credentials"],
  [
    "s3:HeadBucket BucketRegion",
    "moto",
    "S3 tells the region in a header, which the simulator leaves out",
    "S3 API, HeadBucket: x-amz-bucket-region",
  ],
  [
    "s3:PutObject ChecksumCRC32",
    "moto",
    "S3 keeps the checksum that the SDK sends",
    "S3 User Guide, Checking object integrity",
  ],
  [
    "s3:ListObjectsV2 Contents[].ChecksumAlgorithm[]",
    "moto",
    "the same",
    "S3 User Guide, Checking object integrity",
  ],
  [
    "cloudwatch:GetMetricData MetricDataResults[].Label",
    "neither",
    "without a label given CloudWatch makes one",
    "CloudWatch API, MetricDataQuery: Label",
  ],
];

export const KNOWN_DIFFERENCES: readonly KnownDifference[] = [
  ...ROUTING,
  ...SCALING,
  ...MACHINES,
  ...OTHERS,
].map(([where, right, because, source]) => ({ where, right, because, source }));
