import type { Activity, AutoScalingGroup } from "@aws-sdk/client-auto-scaling";
import type { TargetHealthDescription } from "@aws-sdk/client-elastic-load-balancing-v2";
import type { SlotState } from "../../../core/observed.ts";
import type { Cause } from "../../../core/units.ts";
import { isTransient } from "../api/answers.ts";
import type { FoundSlot } from "../found.ts";
import { desiredOf, heldOf, suspendedIn } from "./capacity.ts";
import { healthOf, instancesOf, phaseOf } from "./state.ts";

/* Why a slot does not get ready. What will not pass by itself is told at the first look, with what to do about it. */

export type Stuck = NonNullable<SlotState["stuck"]>;

export interface Seen {
  readonly found: FoundSlot;
  readonly group: AutoScalingGroup;
  /** What the target group says, or why it does not. */
  readonly health: readonly TargetHealthDescription[] | Cause;
  /** Newest first; absent where nobody had to ask. */
  readonly activities?: readonly Activity[];
}

/** Whether the group's own account of what it did is needed to tell what is wrong. */
export function asksWhy({ group, health }: Seen): boolean {
  const instances = instancesOf(group);
  if (instances.length < desiredOf(group)) return true;
  return instances.some((instance) => {
    const phase = phaseOf(instance, "code" in health ? [] : health);
    return phase === "unready" || phase === "stopping";
  });
}

/** Undefined where the slot is as it is told to be, or needs nothing but time. */
export function diagnose(seen: Seen): Stuck | undefined {
  if (desiredOf(seen.group) === 0 && instancesOf(seen.group).length === 0) return undefined;
  return (
    ending(seen) ??
    suspended(seen) ??
    unasked(seen) ??
    unused(seen) ??
    unregistered(seen) ??
    failedLaunch(seen) ??
    replaced(seen) ??
    waiting(seen) ??
    unhealthy(seen)
  );
}

function ending({ found, group }: Seen): Stuck | undefined {
  if (group.Status === undefined) return undefined;
  const message = `Auto Scaling group ${found.group} is being deleted (${group.Status}). Create it again, then deploy.`;
  return sure("TEAL-A205", message);
}

/** Processes without which a slot cannot become what it is told to be. */
function suspended({ found, group, health }: Seen): Stuck | undefined {
  const off = suspendedIn(group);
  const instances = instancesOf(group);
  const few = instances.length < desiredOf(group);
  const lacking = instances.some(
    (each) =>
      each.LifecycleState === "InService" && !("code" in health) && healthOf(each, health) === undefined,
  );
  const needed = [
    ...(few ? ["Launch"] : []),
    ...(lacking ? ["AddToLoadBalancer"] : []),
    ...(instances.length > desiredOf(group) ? ["Terminate"] : []),
  ];
  const missing = needed.filter((process) => off.includes(process));
  if (missing.length === 0) return undefined;
  const names = missing.join(" and ");
  const next = `aws autoscaling resume-processes --auto-scaling-group-name ${found.group} --scaling-processes ${missing.join(" ")}`;
  return sure("TEAL-A206", `${names} of Auto Scaling group ${found.group} is suspended. Resume it: ${next}`);
}

function unasked({ health }: Seen): Stuck | undefined {
  if (!("code" in health)) return undefined;
  return { cause: health, sure: !isTransient(health) };
}

/** Reasons as in DescribeTargetHealth (API reference, TargetHealth). */
function unused(seen: Seen): Stuck | undefined {
  const { found } = seen;
  const name = found.targetGroup.name;
  for (const [id, target] of targetsInService(seen)) {
    const evidence = quoted(target);
    if (target.Reason === "Target.NotInUse") {
      const message = `target group ${name} is not health checked: no rule of the load balancer names it, or the load balancer is not in the availability zone of ${id}. Add it to the forward action at weight 0 (teal deploy does so, unless something takes it out again), or enable the zone.`;
      return sure("TEAL-A202", message, evidence);
    }
    if (target.Reason === "Target.InvalidState") {
      const message = `${id} in target group ${name} is stopped or terminated, though Auto Scaling group ${found.group} has it in service. Terminate it in the group, so that it is replaced: aws autoscaling terminate-instance-in-auto-scaling-group --instance-id ${id} --no-should-decrement-desired-capacity`;
      return sure("TEAL-A203", message, evidence);
    }
    if (target.Reason === "Target.IpUnusable") {
      const message = `the address of ${id} in target group ${name} cannot be used: a load balancer has it`;
      return sure("TEAL-A203", message, evidence);
    }
  }
  return undefined;
}

function unregistered({ found, group, health }: Seen): Stuck | undefined {
  if ("code" in health) return undefined;
  const { arn, name } = found.targetGroup;
  const attached =
    group.TargetGroupARNs?.includes(arn) === true ||
    group.TrafficSources?.some(({ Identifier }) => Identifier === arn) === true;
  if (attached) return undefined;
  const message = `Auto Scaling group ${found.group} does not register its instances with target group ${name} any more. Attach it: aws autoscaling attach-traffic-sources --auto-scaling-group-name ${found.group} --traffic-sources Identifier=${arn}`;
  return sure("TEAL-A204", message);
}

/** Failures that Auto Scaling overcomes by trying again: whoever has no capacity now may have some in a minute. */
const PASSING =
  /InsufficientInstanceCapacity|sufficient .*capacity|RequestLimitExceeded|Rate exceeded|InternalError|InternalFailure|Unavailable/u;

const ENDED: readonly string[] = ["Successful", "Failed", "Cancelled"];

/** The launches since the slot was told what to run; a later one that succeeded makes up for those before it. */
function failedLaunch({ found, group, activities = [] }: Seen): Stuck | undefined {
  const { since, known } = sinceTold(group, activities);
  const launches = since.filter(({ Description = "" }) =>
    Description.startsWith("Launching a new EC2 instance"),
  );
  // What is under way says nothing yet.
  const newest = launches.find(({ StatusCode = "" }) => ENDED.includes(StatusCode));
  if (newest === undefined || newest.StatusCode === "Successful") return undefined;
  const why = newest.StatusMessage ?? newest.StatusCode ?? "no reason was given";
  const message = `Auto Scaling group ${found.group} cannot launch: ${why}`;
  const evidence = [newest.Description ?? "", newest.Cause ?? ""].filter((line) => line !== "");
  return {
    cause: { code: "TEAL-A207", message, evidence },
    sure: known && !PASSING.test(why),
  };
}

/** So many instances that were replaced as unhealthy are no accident. */
const LOOP = 2;

function replaced({ found, group, activities = [] }: Seen): Stuck | undefined {
  const { since, known } = sinceTold(group, activities);
  const taken = since.filter(
    ({ Description = "", Cause: why = "" }) =>
      Description.startsWith("Terminating EC2 instance") && /health check|unhealthy/iu.test(why),
  );
  const [newest] = taken;
  if (newest === undefined) return undefined;
  const grace = group.HealthCheckGracePeriod ?? 0;
  const elb = group.HealthCheckType?.includes("ELB") === true;
  const hint = elb ? `, and is judged ${grace} s after it came into service` : "";
  const message = `Auto Scaling group ${found.group} has replaced ${taken.length} of its instances as unhealthy${hint}. Look at the instance's log, or give it more time to start: HealthCheckGracePeriod of the group.`;
  const evidence = [newest.Cause ?? ""].filter((line) => line !== "");
  return { cause: { code: "TEAL-A208", message, evidence }, sure: known && taken.length >= LOOP };
}

/** Not all of them are known where the slot was told before Teal kept note of it: then they may be another story. */
function sinceTold(group: AutoScalingGroup, activities: readonly Activity[]) {
  const after = heldOf(group)?.after;
  const until = activities.findIndex(({ ActivityId }) => ActivityId === after);
  return { since: until < 0 ? activities : activities.slice(0, until), known: after !== undefined };
}

function waiting({ found, group }: Seen): Stuck | undefined {
  const held = instancesOf(group).find(({ LifecycleState }) => LifecycleState === "Pending:Wait");
  if (held === undefined) return undefined;
  const message = `${held.InstanceId} of ${found.group} waits for a lifecycle hook`;
  return { cause: { code: "TEAL-A209", message }, sure: false };
}

function unhealthy(seen: Seen): Stuck | undefined {
  for (const [id, target] of targetsInService(seen)) {
    if (target.State !== "unhealthy") continue;
    const message = `${id} does not pass the health check of target group ${seen.found.targetGroup.name} (${target.Reason})`;
    return { cause: { code: "TEAL-A210", message, ...quoted(target) }, sure: false };
  }
  return undefined;
}

type Target = NonNullable<TargetHealthDescription["TargetHealth"]>;

function targetsInService({ group, health }: Seen): readonly (readonly [string, Target])[] {
  if ("code" in health) return [];
  return instancesOf(group).flatMap((instance) => {
    const target = healthOf(instance, health);
    return instance.LifecycleState !== "InService" || target === undefined
      ? []
      : [[instance.InstanceId ?? "", target] as const];
  });
}

function quoted({ Description }: Target): Pick<Cause, "evidence"> {
  return Description === undefined || Description === "" ? {} : { evidence: [Description] };
}

function sure(code: string, message: string, more: Pick<Cause, "evidence"> = {}): Stuck {
  return { cause: { code, message, ...more }, sure: true };
}
