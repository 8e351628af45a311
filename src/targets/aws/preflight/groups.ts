import type { Activity, AutoScalingGroup } from "@aws-sdk/client-auto-scaling";
import type { Plan } from "../../../core/plan.ts";
import { otherSlot, SLOTS, type Slot } from "../../../core/units.ts";
import type { Finding } from "../../../ports/target.ts";
import type { Found } from "../found.ts";

type Pair<T> = Readonly<Record<Slot, T>>;

/**
 * Processes without which the candidate gets no instances, or none that get traffic (EC2 Auto Scaling User Guide,
 * "Suspend and resume Amazon EC2 Auto Scaling processes").
 */
const NEEDED = ["Launch", "AddToLoadBalancer"];

/** Shorter grace (s) than most boots: a group that asks the load balancer replaces instances that are still starting. */
const SHORT_GRACE = 60;

export function groupFindings(groups: Pair<AutoScalingGroup>, plan: Plan): readonly Finding[] {
  const { slot } = plan.candidate;
  const candidate = groups[slot];
  return [
    ...SLOTS.flatMap((each) => deletedFindings(groups[each])),
    ...suspendedFindings(candidate, groups[otherSlot(slot)]),
    ...graceFindings(candidate),
    ...mixedFindings(candidate),
  ];
}

function deletedFindings({
  AutoScalingGroupName: name,
  Status: status,
}: AutoScalingGroup): readonly Finding[] {
  if (status === undefined) return [];
  const cause = { code: "TEAL-A620", message: `Auto Scaling group ${name}: ${status}` };
  return [{ is: "blocks", cause, next: "name a group that stays: aws.groups in teal.yaml" }];
}

function suspendedFindings(candidate: AutoScalingGroup, other: AutoScalingGroup): readonly Finding[] {
  const missing = suspended(candidate).filter((name) => NEEDED.includes(name));
  const name = candidate.AutoScalingGroupName;
  const starts: readonly Finding[] =
    missing.length === 0
      ? []
      : [
          {
            is: "blocks",
            cause: {
              code: "TEAL-A604",
              message: `Auto Scaling group ${name} has ${missing.join(" and ")} suspended: the candidate would get no instances, or no traffic`,
            },
            next: `aws autoscaling resume-processes --auto-scaling-group-name ${name} --scaling-processes ${missing.join(" ")}`,
          },
        ];
  const lingering = [candidate, other].filter((group) => suspended(group).includes("Terminate"));
  return [
    ...starts,
    ...lingering.map((group): Finding => {
      const own = group.AutoScalingGroupName;
      const message = `Auto Scaling group ${own} has Terminate suspended: its instances stay when the slot is retired`;
      const next = `aws autoscaling resume-processes --auto-scaling-group-name ${own} --scaling-processes Terminate`;
      return { is: "warns", cause: { code: "TEAL-A604", message }, next };
    }),
  ];
}

function suspended(group: AutoScalingGroup): readonly string[] {
  return (group.SuspendedProcesses ?? []).map((each) => each.ProcessName ?? "");
}

/** The API's own default is 0, which the console hides by filling in 300. */
function graceFindings(group: AutoScalingGroup): readonly Finding[] {
  const { AutoScalingGroupName: name, HealthCheckType: type = "EC2" } = group;
  const grace = group.HealthCheckGracePeriod ?? 0;
  if (!type.includes("ELB") || grace >= SHORT_GRACE) return [];
  const message = `Auto Scaling group ${name} replaces what the load balancer calls unhealthy ${grace} s after its start: an instance that boots longer is replaced for ever`;
  const next = `aws autoscaling update-auto-scaling-group --auto-scaling-group-name ${name} --health-check-grace-period 300`;
  return [{ is: "warns", cause: { code: "TEAL-A603", message }, next }];
}

/** Overrides with a launch template of their own would start something else than the revision. */
function mixedFindings({ AutoScalingGroupName: name, MixedInstancesPolicy: mixed }: AutoScalingGroup) {
  const own = mixed?.LaunchTemplate?.Overrides?.filter((each) => each.LaunchTemplateSpecification) ?? [];
  if (own.length === 0) return [];
  const message = `Auto Scaling group ${name} has overrides with launch templates of their own: their instances would not be the revision`;
  const next = "leave LaunchTemplateSpecification out of the overrides";
  return [{ is: "blocks", cause: { code: "TEAL-A606", message }, next } as const];
}

/** How long (ms) a failed launch counts as recent. */
const RECENT = 60 * 60_000;

/** Only a failure that nothing that worked came after. */
export function activityFindings(activities: readonly Activity[], now: number): readonly Finding[] {
  const [last] = activities.filter(
    (each) => each.StatusCode === "Failed" || each.StatusCode === "Successful",
  );
  if (last?.StatusCode !== "Failed" || now - (last.StartTime?.getTime() ?? 0) > RECENT) return [];
  const { AutoScalingGroupName: name, Description: did = "", StatusMessage: why = "" } = last;
  const cause = {
    code: "TEAL-A621",
    message: `the last thing that Auto Scaling group ${name} tried has failed: ${did}`,
    evidence: [why],
  };
  const next = `aws autoscaling describe-scaling-activities --auto-scaling-group-name ${name}`;
  return [{ is: "warns", cause, next }];
}

type Policy = { readonly is: "policy" | "schedule"; readonly name: string };

/** Policies may only let a group grow while a deployment is open; schedules write sizes, and are suspended meanwhile. */
export function policyFindings(policies: Pair<readonly Policy[]>, { slots }: Found): readonly Finding[] {
  return SLOTS.flatMap((slot): readonly Finding[] => {
    const schedules = policies[slot].filter((each) => each.is === "schedule").map(({ name }) => name);
    if (schedules.length === 0) return [];
    const message = `Auto Scaling group ${slots[slot].group} has scheduled actions (${schedules.join(", ")}): they are held while a deployment is open, and one that falls into it does not happen`;
    const next = "deploy at another time, or scale by a policy";
    return [{ is: "warns", cause: { code: "TEAL-A608", message }, next }];
  });
}
