import { stamp, suspends, type Asg } from "./context.ts";
import type { Lifecycle } from "./lifecycle.ts";
import type { Group, Member } from "./types.ts";

/* https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-health-checks.html */

/** Looks at each instance of a group, as the periodic health check does. */
export function checkHealth(asg: Asg, lifecycle: Lifecycle, group: Group): void {
  for (const member of group.members) {
    const state = asg.compute.state.instances.get(member.id)?.state;
    if (member.state.startsWith("Pending") && state !== "pending" && state !== "running") {
      lifecycle.lost(group.name, member.id);
    } else if (
      member.state === "InService" &&
      member.health === "Healthy" &&
      !suspends(group, "HealthCheck")
    ) {
      const failed = verdict(asg, group, member);
      if (failed !== undefined) asg.changeMember(group.name, member.id, { health: "Unhealthy", failed });
    }
  }
}

/** Why the instance is unhealthy, as its replacement's cause words it; undefined when it is not, or not yet. */
function verdict(asg: Asg, group: Group, member: Member): string | undefined {
  const instance = asg.compute.state.instances.get(member.id);
  // Not running: unhealthy at once, the grace period does not protect (health-check-grace-period.html, "Important").
  if (instance?.state !== "running")
    return "an EC2 health check indicating it has been terminated or stopped";
  if (inGrace(asg, group, member)) return undefined;
  if (instance.status === "impaired") return "EC2 instance status checks failure";
  if (!group.healthCheckType.split(",").includes("ELB")) return undefined;
  // "If any one of the target groups reports the instance as unhealthy" (health-checks-elb.html); initial, unused and
  // draining are no reports of ill health, and neither is a target that somebody deregistered (assumed).
  const reported = group.targetGroups.some(
    ({ arn }) => asg.targets.health(arn, member.id)?.state === "unhealthy",
  );
  return reported ? "an ELB system health check failure" : undefined;
}

/** A grace period of 0, the API's default, is none: health-check-grace-period.html. */
export function inGrace(asg: Asg, group: Group, member: Member): boolean {
  return member.inService === undefined || asg.world.clock.now() < member.inService + group.grace * 1000;
}

/**
 * "terminates that instance and launches a new one": the termination is this activity, the launch another one, which
 * follows because the group is short of one. Not while Terminate is suspended; with Launch suspended it goes on to
 * terminate: https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-suspend-resume-processes.html
 */
export function replaceUnhealthy(asg: Asg, lifecycle: Lifecycle, group: Group): void {
  if (suspends(group, "ReplaceUnhealthy") || suspends(group, "Terminate")) return;
  for (const member of group.members) {
    if (member.state !== "InService" || member.health === "Healthy") continue;
    const why = member.failed ?? "a user health-check";
    const at = stamp(asg.world.clock.now());
    lifecycle.terminate(
      group.name,
      member.id,
      `At ${at} an instance was taken out of service in response to ${why}.`,
    );
  }
}
