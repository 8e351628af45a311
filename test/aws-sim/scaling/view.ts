import { zoneId } from "../compute/catalogue.ts";
import type { ComputeState } from "../compute/types.ts";
import type { Activity, Group, GroupTag, Member, TemplateOf } from "./types.ts";

/* How groups, instances and activities are shown: names as in the API reference. */

export function groupView(compute: ComputeState, group: Group): object {
  const zones = [...new Set(group.subnets.map((id) => compute.subnets.get(id)?.zone ?? ""))];
  const targetGroups = group.targetGroups.filter(({ removing }) => !removing).map(({ arn }) => arn);
  return {
    AutoScalingGroupName: group.name,
    AutoScalingGroupARN: group.arn,
    LaunchTemplate: templateView(group.template),
    MinSize: group.min,
    MaxSize: group.max,
    DesiredCapacity: group.desired,
    DefaultCooldown: group.cooldown,
    AvailabilityZones: zones,
    AvailabilityZoneIds: zones.map(zoneId),
    LoadBalancerNames: [],
    TargetGroupARNs: targetGroups,
    TrafficSources: targetGroups.map((Identifier) => ({ Identifier, Type: "elbv2" })),
    HealthCheckType: group.healthCheckType,
    HealthCheckGracePeriod: group.grace,
    DefaultInstanceWarmup: group.warmup,
    Instances: group.members.map(memberView),
    CreatedTime: new Date(group.created),
    SuspendedProcesses: [...group.suspended].map(([ProcessName, SuspensionReason]) => ({
      ProcessName,
      SuspensionReason,
    })),
    VPCZoneIdentifier: group.subnets.join(","),
    EnabledMetrics: [],
    ...(group.deleting && { Status: "Delete in progress" }),
    Tags: group.tags.map((tag) => tagView(group.name, tag)),
    TerminationPolicies: group.terminationPolicies,
    NewInstancesProtectedFromScaleIn: group.protectNew,
    CapacityRebalance: false,
  };
}

export function templateView({ id, name, version }: TemplateOf): object {
  return { LaunchTemplateId: id, LaunchTemplateName: name, Version: version };
}

export function memberView(member: Member): object {
  return {
    InstanceId: member.id,
    InstanceType: member.type,
    AvailabilityZone: member.zone,
    AvailabilityZoneId: zoneId(member.zone),
    LifecycleState: member.state,
    HealthStatus: member.health,
    LaunchTemplate: templateView(member.template),
    ProtectedFromScaleIn: member.protected,
  };
}

export function tagView(group: string, { key, value, propagate }: GroupTag): object {
  return {
    ResourceId: group,
    ResourceType: "auto-scaling-group",
    Key: key,
    Value: value,
    PropagateAtLaunch: propagate,
  };
}

export function activityView(activity: Activity, groupExists: boolean): object {
  return {
    ActivityId: activity.id,
    AutoScalingGroupName: activity.group,
    AutoScalingGroupARN: activity.arn,
    ...(!groupExists && { AutoScalingGroupState: "Deleted" }),
    Description: activity.description,
    Cause: activity.cause,
    StartTime: new Date(activity.started),
    EndTime: activity.ended === undefined ? undefined : new Date(activity.ended),
    StatusCode: activity.status,
    StatusMessage: activity.message,
    Progress: activity.progress,
    Details: JSON.stringify(activity.details),
  };
}
