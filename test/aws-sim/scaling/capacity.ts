import { AwsError, type Operation } from "../kernel.ts";
import { page } from "../compute/page.ts";
import { flag, required, text, texts, whole } from "../compute/input.ts";
import { stamp, type Asg } from "./context.ts";
import { inGrace } from "./health.ts";
import type { Lifecycle } from "./lifecycle.ts";
import { reads, recordsAtMost, writes } from "./operation.ts";
import type { Reconciler } from "./reconcile.ts";
import { invalid } from "./rules.ts";
import { PROCESSES, type Group } from "./types.ts";
import { activityView } from "./view.ts";

/** Sizes, suspended processes, health by hand, single terminations, and what the group did. */
export function capacityOperations(
  asg: Asg,
  reconciler: Reconciler,
  lifecycle: Lifecycle,
): Record<string, Operation> {
  const now = () => asg.world.clock.now();
  return {
    SetDesiredCapacity: writes(asg, "SetDesiredCapacity", (input) => {
      const group = asg.group(required(input, "AutoScalingGroupName"));
      const desired = whole(input, "DesiredCapacity") ?? Number.NaN;
      if (!Number.isInteger(desired) || desired < 0)
        throw invalid("DesiredCapacity must be a number of 0 or more.");
      const bound =
        desired > group.max
          ? (["above max", group.max] as const)
          : desired < group.min
            ? (["below min", group.min] as const)
            : undefined;
      if (bound)
        throw invalid(
          `New SetDesiredCapacity value ${desired} is ${bound[0]} value ${bound[1]} for the AutoScalingGroup.`,
        );
      // "By default, Amazon EC2 Auto Scaling does not honor the cooldown period during manual scaling activities."
      if (flag(input, "HonorCooldown")) refuseInCooldown(asg, group);
      asg.changeGroup(group.name, { desired });
      if (desired !== group.desired) {
        reconciler.because(
          group.name,
          `a user request explicitly set group desired capacity changing the desired capacity from ${group.desired} to ${desired}.`,
        );
      }
      asg.wake(group.name);
      return {};
    }),
    SuspendProcesses: writes(asg, "SuspendProcesses", (input) => {
      const group = asg.group(required(input, "AutoScalingGroupName"));
      const suspended = new Map(group.suspended);
      for (const name of processes(texts(input, "ScalingProcesses")))
        suspended.set(name, `User suspended at ${stamp(now())}`);
      asg.changeGroup(group.name, { suspended });
      return {};
    }),
    ResumeProcesses: writes(asg, "ResumeProcesses", (input) => {
      const group = asg.group(required(input, "AutoScalingGroupName"));
      const resumed = processes(texts(input, "ScalingProcesses"));
      asg.changeGroup(group.name, {
        suspended: new Map([...group.suspended].filter(([name]) => !resumed.includes(name))),
      });
      reconciler.retry(group.name);
      asg.wake(group.name);
      return {};
    }),
    SetInstanceHealth: writes(asg, "SetInstanceHealth", (input) => {
      const [group, id] = owner(asg, required(input, "InstanceId"));
      const health = required(input, "HealthStatus");
      if (health !== "Healthy" && health !== "Unhealthy") throw invalid(`Invalid health status: ${health}`);
      const member = asg.member(group.name, id)!;
      // "If the Auto Scaling group … has a HealthCheckGracePeriod specified, by default, this call respects the grace period."
      if (
        health === "Unhealthy" &&
        flag(input, "ShouldRespectGracePeriod") !== false &&
        inGrace(asg, group, member)
      )
        return {};
      asg.changeMember(group.name, id, { health, failed: "a user health-check" });
      asg.wake(group.name);
      return {};
    }),
    SetInstanceProtection: writes(asg, "SetInstanceProtection", (input) => {
      const group = asg.group(required(input, "AutoScalingGroupName"));
      const ids = texts(input, "InstanceIds");
      const stranger = ids.find((id) => !group.members.some((one) => one.id === id));
      if (stranger !== undefined)
        throw invalid(`The instance ${stranger} is not part of Auto Scaling group ${group.name}.`);
      for (const id of ids)
        asg.changeMember(group.name, id, { protected: flag(input, "ProtectedFromScaleIn") ?? false });
      return {};
    }),
    TerminateInstanceInAutoScalingGroup: writes(asg, "TerminateInstanceInAutoScalingGroup", (input) => {
      const [group, id] = owner(asg, required(input, "InstanceId"));
      const decrement = flag(input, "ShouldDecrementDesiredCapacity");
      if (decrement === undefined) throw invalid("ShouldDecrementDesiredCapacity is required.");
      // A group at its minimum cannot be made smaller by one (wording as seen, not documented).
      if (decrement && group.desired - 1 < group.min) {
        throw invalid(
          "Currently, desiredSize equals minSize. Terminating instance without replacement will violate group's min size constraint. Either set shouldDecrementDesiredCapacity flag to false or lower group's min size.",
        );
      }
      const activity = lifecycle.terminate(
        group.name,
        id,
        `At ${stamp(now())} instance ${id} was taken out of service in response to a user request${decrement ? `, shrinking the capacity from ${group.desired} to ${group.desired - 1}` : ""}.`,
      );
      if (activity === undefined)
        throw new AwsError("ScalingActivityInProgress", `The instance ${id} is already being terminated.`);
      if (decrement) asg.changeGroup(group.name, { desired: group.desired - 1 });
      asg.wake(group.name);
      return {
        Activity: activityView(
          asg.state.activities.find((one) => one.id === activity)!,
          true,
        ),
      };
    }),
    DescribeScalingActivities: reads("DescribeScalingActivities", (input, { seenAt }) => {
      const state = asg.past.seen(seenAt);
      const [name, ids] = [text(input, "AutoScalingGroupName"), texts(input, "ActivityIds")];
      const there = (arn: string) => [...state.groups.values()].some((group) => group.arn === arn);
      if (name !== undefined && !state.groups.has(name) && !flag(input, "IncludeDeletedGroups"))
        asg.group(name);
      const found = state.activities
        .filter(
          (one) => (name === undefined || one.group === name) && (ids.length === 0 || ids.includes(one.id)),
        )
        .filter((one) => there(one.arn) || flag(input, "IncludeDeletedGroups"));
      // "The default value is 100 and the maximum value is 100": API_DescribeScalingActivities, newest first
      const shown = page(found, { token: text(input, "NextToken"), atMost: recordsAtMost(input, 100) });
      return {
        Activities: shown.items.map((one) => activityView(one, there(one.arn))),
        NextToken: shown.next,
      };
    }),
  };
}

/** All processes when none is named: API_SuspendProcesses. */
function processes(names: readonly string[]): readonly string[] {
  const unknown = names.find((name) => !PROCESSES.some((known) => known === name));
  if (unknown !== undefined)
    throw invalid(`${unknown} is not a valid scaling process. Valid processes: ${PROCESSES.join(", ")}`);
  return names.length > 0 ? names : PROCESSES;
}

function owner(asg: Asg, id: string): readonly [Group, string] {
  const group = [...asg.state.groups.values()].find((one) => one.members.some((member) => member.id === id));
  if (group) return [group, id];
  throw invalid(`Instance Id not found - No managed instance found for instance ID: ${id}`);
}

/** The cooldown counts from the end of the last activity: https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-scaling-cooldowns.html */
export function refuseInCooldown(asg: Asg, group: Group): void {
  const last = asg.state.activities.find((one) => one.arn === group.arn && one.status !== "Failed");
  if (last === undefined) return;
  if (last.ended === undefined || asg.world.clock.now() < last.ended + group.cooldown * 1000) {
    throw new AwsError(
      "ScalingActivityInProgress",
      `Scaling activity ${last.id} is in progress and blocks this action`,
    );
  }
}
