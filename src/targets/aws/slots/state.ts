import { createHash } from "node:crypto";
import type { AutoScalingGroup, Instance } from "@aws-sdk/client-auto-scaling";
import type { TargetHealthDescription } from "@aws-sdk/client-elastic-load-balancing-v2";
import type { Replica, SlotState } from "../../../core/observed.ts";
import { canonicalJson } from "../../../core/planning/canonical.ts";
import { sameRevision, version, type Revision, type Slot, type Version } from "../../../core/units.ts";
import { TAGS } from "../names.ts";
import { templateOf } from "../template.ts";
import { boundsOf, desiredOf, suspendedIn, tagOf } from "./capacity.ts";
import { versionOfInstance } from "./revision.ts";

/** What is known of the revisions behind the versions of a slot's launch template. */
export type RevisionOfVersion = (version: number) => Revision | undefined;

/** Instances of a warm pool are none of the group's capacity. */
export function instancesOf(group: AutoScalingGroup): readonly Instance[] {
  return (group.Instances ?? []).filter(({ LifecycleState = "" }) => !LifecycleState.startsWith("Warmed"));
}

/** What the target group says of one instance, where it is registered. */
export function healthOf(
  { InstanceId }: Instance,
  health: readonly TargetHealthDescription[],
): TargetHealthDescription["TargetHealth"] {
  return health.find(({ Target }) => Target?.Id === InstanceId)?.TargetHealth;
}

/**
 * Lifecycle states as in the user guide of Auto Scaling ("Amazon EC2 Auto Scaling instance lifecycle"); target states as
 * in DescribeTargetHealth. An instance is ready when it is in service and its target healthy: a load balancer without a
 * healthy target sends to all of them, which proves nothing.
 */
export function phaseOf(instance: Instance, health: readonly TargetHealthDescription[]): Replica["phase"] {
  const state = instance.LifecycleState ?? "";
  if (state.startsWith("Terminating") || state === "Terminated" || state.startsWith("Detach"))
    return "stopping";
  if (state.startsWith("Pending")) return "starting";
  if (state !== "InService") return "unready";
  const target = healthOf(instance, health)?.State;
  if (target === undefined || target === "initial" || target === "unused") return "starting";
  return target === "healthy" ? "ready" : "unready";
}

export function stateOf(
  slot: Slot,
  group: AutoScalingGroup,
  health: readonly TargetHealthDescription[],
  revision: Revision | undefined,
  revisionOf: RevisionOfVersion,
): SlotState {
  const replicas = instancesOf(group).map((instance): Replica => {
    const id = instance.InstanceId ?? "";
    const number = versionOfInstance(instance);
    const own = number === undefined ? undefined : revisionOf(number);
    const differs = own !== undefined && !sameRevision(own, revision);
    const phase = phaseOf(instance, health);
    return { id, incarnation: id, phase, restarts: 0, ...(differs ? { revision: own } : {}) };
  });
  const wanted = desiredOf(group);
  const resting = replicas.every(
    (each) => (each.phase === "ready" || each.phase === "unready") && each.revision === undefined,
  );
  return {
    slot,
    ...(revision === undefined ? {} : { revision }),
    wanted,
    settled: replicas.length === wanted && resting,
    replicas,
  };
}

/**
 * Changes with everything anybody tells the slot (what to launch, how many, what is suspended) and with nothing that only
 * happens to it.
 */
export function versionOf(group: AutoScalingGroup): Version {
  const told = {
    arn: group.AutoScalingGroupARN ?? group.AutoScalingGroupName ?? "",
    template: templateOf(group) ?? null,
    bounds: boundsOf(group),
    desired: desiredOf(group),
    suspended: suspendedIn(group),
    revision: tagOf(group, TAGS.revision) ?? null,
    capacity: tagOf(group, TAGS.capacity) ?? null,
  };
  return version(createHash("sha256").update(canonicalJson(told)).digest("hex").slice(0, 16));
}
