import { AwsError, type Input, type Operation } from "../kernel.ts";
import { page } from "../compute/page.ts";
import { flag, given, records, required, text, texts, whole } from "../compute/input.ts";
import type { Asg } from "./context.ts";
import { hookOf } from "./hooks.ts";
import { reads, recordsAtMost, writes } from "./operation.ts";
import type { Reconciler } from "./reconcile.ts";
import {
  healthCheckTypeOf,
  invalid,
  mergedTags,
  seconds,
  sizes,
  subnetsOf,
  tagsOf,
  targetGroupsOf,
  templateOf,
  updatedSizes,
} from "./rules.ts";
import { knownPolicies } from "./termination.ts";
import type { Group } from "./types.ts";
import { groupView, memberView } from "./view.ts";

/** "Default: 200 Auto Scaling groups per Region" until 2021, 500 since: https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-quotas.html */
const MOST_GROUPS = 500;

/** What launching needs besides: https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-launch-template-permissions.html */
function launching({ compute, world }: Asg): Operation["also"] {
  return (input) => {
    if (input["LaunchTemplate"] === undefined) return [];
    return [
      { action: "ec2:RunInstances", resources: [`arn:aws:ec2:${world.region}:${world.account}:instance/*`] },
      ...passed(),
    ];
    function passed() {
      try {
        const { id, name, version } = templateReference(input);
        const { data } = compute.template({ id, name, version }).version;
        const profile = (data["iamInstanceProfile"] as { arn?: string; name?: string } | undefined)?.name;
        return [
          ...(data["tagSpecificationSet"] === undefined
            ? []
            : [
                {
                  action: "ec2:CreateTags",
                  resources: [`arn:aws:ec2:${world.region}:${world.account}:instance/*`],
                },
              ]),
          ...(profile === undefined
            ? []
            : [{ action: "iam:PassRole", resources: [`arn:aws:iam::${world.account}:role/${profile}`] }]),
        ];
      } catch {
        // An unknown template is refused by the operation itself.
        return [];
      }
    }
  };
}

function templateReference(input: Input): {
  id: string | undefined;
  name: string | undefined;
  version: string | undefined;
} {
  const by = records({ of: [input["LaunchTemplate"]] }, "of")[0] ?? {};
  return {
    id: text(by, "LaunchTemplateId"),
    name: text(by, "LaunchTemplateName"),
    version: text(by, "Version"),
  };
}

export function groupOperations(
  asg: Asg,
  reconciler: Reconciler,
  forceDelete: (group: Group) => void,
): Record<string, Operation> {
  return {
    CreateAutoScalingGroup: writes(asg, "CreateAutoScalingGroup", (input) => create(asg, reconciler, input), {
      also: launching(asg)!,
    }),
    UpdateAutoScalingGroup: writes(asg, "UpdateAutoScalingGroup", (input) => update(asg, reconciler, input), {
      also: launching(asg)!,
    }),
    DeleteAutoScalingGroup: writes(asg, "DeleteAutoScalingGroup", (input) => {
      const group = asg.group(required(input, "AutoScalingGroupName"));
      if (flag(input, "ForceDelete")) {
        forceDelete(group);
        return {};
      }
      // https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_DeleteAutoScalingGroup.html: "If the group has instances
      // or scaling activities in progress, you must specify the option to force the deletion"
      if (group.members.length > 0 || group.desired > 0) {
        throw new AwsError(
          "ResourceInUse",
          "You cannot delete an AutoScalingGroup while there are instances or pending Spot instance request(s) still in the group.",
        );
      }
      if (asg.state.activities.some((one) => one.arn === group.arn && one.ended === undefined)) {
        throw new AwsError(
          "ScalingActivityInProgress",
          "You cannot delete an AutoScalingGroup while there are scaling activities in progress for that group.",
        );
      }
      asg.dropGroup(group.name);
      return {};
    }),
    DescribeAutoScalingGroups: reads("DescribeAutoScalingGroups", (input, { seenAt }) => {
      const names = texts(input, "AutoScalingGroupNames");
      const found = [...asg.past.seen(seenAt).groups.values()]
        // Names that nobody has are left out without a word (API reference: no error for them).
        .filter((group) => names.length === 0 || names.includes(group.name))
        .filter((group) => hasTags(group, input));
      const shown = page(found, { token: text(input, "NextToken"), atMost: recordsAtMost(input) });
      return {
        AutoScalingGroups: shown.items.map((group) => groupView(asg.compute.state, group)),
        NextToken: shown.next,
      };
    }),
    DescribeAutoScalingInstances: reads("DescribeAutoScalingInstances", (input, { seenAt }) => {
      const ids = texts(input, "InstanceIds");
      const found = [...asg.past.seen(seenAt).groups.values()].flatMap((group) =>
        group.members
          .filter(({ id }) => ids.length === 0 || ids.includes(id))
          // Here, and only here, the health status is in capitals: API_AutoScalingInstanceDetails.
          .map((member) => ({
            ...memberView(member),
            AutoScalingGroupName: group.name,
            HealthStatus: member.health.toUpperCase(),
          })),
      );
      const shown = page(found, { token: text(input, "NextToken"), atMost: recordsAtMost(input) });
      return { AutoScalingInstances: shown.items, NextToken: shown.next };
    }),
    DescribeAccountLimits: reads("DescribeAccountLimits", () => ({
      MaxNumberOfAutoScalingGroups: MOST_GROUPS,
      MaxNumberOfLaunchConfigurations: 200,
      NumberOfAutoScalingGroups: asg.state.groups.size,
      NumberOfLaunchConfigurations: 0,
    })),
  };
}

function create(asg: Asg, reconciler: Reconciler, input: Input): object {
  const name = required(input, "AutoScalingGroupName");
  if (asg.find(name)) {
    throw new AwsError(
      "AlreadyExists",
      `AutoScalingGroup by this name already exists - A group with the name ${name} already exists`,
    );
  }
  if (asg.state.groups.size >= MOST_GROUPS)
    throw new AwsError("LimitExceeded", `You have reached the limit of ${MOST_GROUPS} Auto Scaling groups.`);
  const template = templateOf(asg, input);
  if (template === undefined) {
    throw invalid(
      "Valid requests must contain either LaunchTemplate, LaunchConfigurationName, InstanceId or MixedInstancesPolicy parameter.",
    );
  }
  const subnets = subnetsOf(asg, input);
  if (subnets === undefined) throw invalid("At least one Availability Zone or VPC Subnet is required.");
  const [min, max] = [whole(input, "MinSize"), whole(input, "MaxSize")];
  if (min === undefined || max === undefined) throw invalid("MinSize and MaxSize are required.");
  const warmup = seconds(input, "DefaultInstanceWarmup");
  const { world } = asg;
  const group: Group = {
    name,
    arn: `arn:aws:autoscaling:${world.region}:${world.account}:autoScalingGroup:${asg.uuid()}:autoScalingGroupName/${name}`,
    created: world.clock.now(),
    template,
    // "If you do not specify a desired capacity, the default is the minimum size of the group."
    ...sizes({ min, max, desired: whole(input, "DesiredCapacity") ?? min }),
    cooldown: seconds(input, "DefaultCooldown") ?? 300,
    subnets,
    healthCheckType: healthCheckTypeOf(input) ?? "EC2",
    // "Default: 0 seconds" (API reference); only the console fills in 300.
    grace: seconds(input, "HealthCheckGracePeriod") ?? 0,
    ...(warmup !== undefined && { warmup }),
    terminationPolicies: knownPolicies(texts(input, "TerminationPolicies")),
    protectNew: flag(input, "NewInstancesProtectedFromScaleIn") ?? false,
    tags: mergedTags(tagsOf(input)),
    targetGroups: targetGroupsOf(asg, [
      ...texts(input, "TargetGroupARNs"),
      ...records(input, "TrafficSources").map((source) => required(source, "Identifier")),
    ]).map((arn) => ({ arn, removing: false })),
    suspended: new Map(),
    hooks: records(input, "LifecycleHookSpecificationList").map((hook) => hookOf(hook)),
    members: [],
    deleting: false,
  };
  asg.putGroup(group);
  reconciler.because(
    name,
    `a user request created an AutoScalingGroup changing the desired capacity from 0 to ${group.desired}.`,
  );
  asg.wake(name);
  return {};
}

function update(asg: Asg, reconciler: Reconciler, input: Input): object {
  const group = asg.group(required(input, "AutoScalingGroupName"));
  if (group.deleting) throw invalid(`AutoScalingGroup ${group.name} is being deleted.`);
  const next = updatedSizes(group, input);
  const warmup = seconds(input, "DefaultInstanceWarmup");
  // Each part is checked before anything changes. Instances that run are not touched by another template or other subnets'
  // order: "the new settings take effect on any scaling activity after this call returns" (API_UpdateAutoScalingGroup).
  const change: Partial<Group> = {
    ...next,
    template: templateOf(asg, input) ?? group.template,
    subnets: subnetsOf(asg, input) ?? group.subnets,
    cooldown: seconds(input, "DefaultCooldown") ?? group.cooldown,
    healthCheckType: healthCheckTypeOf(input) ?? group.healthCheckType,
    grace: seconds(input, "HealthCheckGracePeriod") ?? group.grace,
    ...(warmup !== undefined && { warmup }),
    ...(given(input, "TerminationPolicies") && {
      terminationPolicies: knownPolicies(texts(input, "TerminationPolicies")),
    }),
    protectNew: flag(input, "NewInstancesProtectedFromScaleIn") ?? group.protectNew,
  };
  asg.changeGroup(group.name, change);
  if (next.desired === group.desired) reconciler.retry(group.name);
  else {
    reconciler.because(
      group.name,
      `a user request update of AutoScalingGroup constraints to min: ${next.min}, max: ${next.max}, desired: ${next.desired} changing the desired capacity from ${group.desired} to ${next.desired}.`,
    );
  }
  asg.wake(group.name);
  return {};
}

/** `tag:KEY`, `tag-key` and `tag-value`, all of which must hold: API_DescribeAutoScalingGroups (Filters). */
function hasTags(group: Group, input: Input): boolean {
  return records(input, "Filters").every((filter) => {
    const [name, values] = [required(filter, "Name"), texts(filter, "Values")];
    if (name.startsWith("tag:")) {
      return group.tags.some((tag) => tag.key === name.slice("tag:".length) && values.includes(tag.value));
    }
    if (name === "tag-key") return group.tags.some((tag) => values.includes(tag.key));
    if (name === "tag-value") return group.tags.some((tag) => values.includes(tag.value));
    throw invalid(
      `Filter type ${name} is not correct. Allowed Filter types are: tag-key, tag-value, tag:<key>.`,
    );
  });
}
