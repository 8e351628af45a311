import type { Input, Operation } from "../kernel.ts";
import { page } from "../compute/page.ts";
import { flag, required, structure, text, texts, whole } from "../compute/input.ts";
import { suspends, type Asg } from "./context.ts";
import { refuseInCooldown } from "./capacity.ts";
import { reads, recordsAtMost, writes } from "./operation.ts";
import type { Reconciler } from "./reconcile.ts";
import { invalid } from "./rules.ts";
import type { Group, Policy } from "./types.ts";

/** A period of the metric, ms; and how many of them in a row raise either alarm: as seen, documented nowhere (assumed). */
const PERIOD_MS = 60_000;
const HIGH_PERIODS = 3;
const LOW_PERIODS = 15;
/** The lower alarm leaves a margin below the target (as seen: assumed). */
const LOW_MARGIN = 0.9;

export interface Policies {
  readonly operations: Record<string, Operation>;
  metric(group: string, value: (inService: number) => number): void;
  stop(): void;
}

/** https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-scaling-target-tracking.html and as-scaling-simple-step.html */
export function createPolicies(asg: Asg, reconciler: Reconciler): Policies {
  const { clock } = asg.world;
  const metrics = new Map<string, (inService: number) => number>();
  const breaches = new Map<string, { high: number; low: number }>();
  let stopped = false;

  function tick(): void {
    if (stopped) return;
    for (const group of asg.state.groups.values()) track(group);
    clock.after(PERIOD_MS, tick);
  }
  clock.after(PERIOD_MS, tick);

  /**
   * "scale out if any of the target tracking policies are ready for scale out, but will scale in only if all of the target
   * tracking policies (with the scale-in portion enabled) are ready to scale in" (user guide, "Multiple target tracking policies").
   */
  function track(group: Group): void {
    const value = metrics.get(group.name);
    const serving = group.members.filter((one) => one.state === "InService").length;
    if (value === undefined || serving === 0) return;
    const tracking = [...asg.state.policies.values()].filter(
      (one) => one.group === group.name && one.type === "TargetTrackingScaling" && one.enabled,
    );
    const wants = tracking.map((policy) => ({ policy, ...proposal(policy, serving, value(serving)) }));
    const shrinking = wants.filter(({ policy }) => trackingOf(policy).disableScaleIn !== true);
    const outwards = wants.flatMap(({ out, policy }) => (out === undefined ? [] : [{ size: out, policy }]));
    const inwards = shrinking.flatMap(({ back, policy }) =>
      back === undefined ? [] : [{ size: back, policy }],
    );
    const all = outwards.length > 0 ? outwards : inwards.length === shrinking.length ? inwards : [];
    const chosen = all.toSorted((a, b) => b.size - a.size)[0];
    if (chosen === undefined || suspends(group, "AlarmNotification")) return;
    const direction = outwards.length > 0 ? "AlarmHigh" : "AlarmLow";
    const grown =
      outwards.length > 0 ? Math.max(group.desired, chosen.size) : Math.min(group.desired, chosen.size);
    // An alarm triggers no scale-out while Launch, and no scale-in while Terminate is suspended: as-suspend-resume-processes.html
    if (suspends(group, grown > group.desired ? "Launch" : "Terminate")) return;
    resize(
      group,
      grown,
      `a monitor alarm ${alarm(chosen.policy, direction)} in state ALARM triggered policy ${chosen.policy.name}`,
    );
  }

  /** Sizes that the policy's alarms ask for now: the metric per instance over the target, rounded up. */
  function proposal(policy: Policy, serving: number, value: number): { out?: number; back?: number } {
    const { targetValue } = trackingOf(policy);
    const counts = breaches.get(policy.arn) ?? { high: 0, low: 0 };
    counts.high = value > targetValue ? counts.high + 1 : 0;
    counts.low = value < targetValue * LOW_MARGIN ? counts.low + 1 : 0;
    breaches.set(policy.arn, counts);
    const size = Math.ceil((serving * value) / targetValue);
    return {
      ...(counts.high >= HIGH_PERIODS && { out: size }),
      ...(counts.low >= LOW_PERIODS && { back: size }),
    };
  }

  /** Policies never leave the group's bounds: "Amazon EC2 Auto Scaling never scales above MaxSize or below MinSize". */
  function resize(group: Group, size: number, why: string): void {
    const desired = Math.min(group.max, Math.max(group.min, size));
    if (desired === group.desired) return;
    asg.changeGroup(group.name, { desired });
    reconciler.because(
      group.name,
      `${why} changing the desired capacity from ${group.desired} to ${desired}.`,
    );
    asg.wake(group.name);
  }

  function put(input: Input): object {
    const group = asg.group(required(input, "AutoScalingGroupName"));
    const name = required(input, "PolicyName");
    const key = `${group.name}/${name}`;
    const known = asg.state.policies.get(key);
    const policy: Policy = {
      group: group.name,
      name,
      arn:
        known?.arn ??
        `arn:aws:autoscaling:${asg.world.region}:${asg.world.account}:scalingPolicy:${asg.uuid()}:autoScalingGroupName/${group.name}:policyName/${name}`,
      enabled: flag(input, "Enabled") ?? true,
      ...configured(input),
    };
    asg.putPolicy(key, policy);
    return { PolicyARN: policy.arn, Alarms: alarms(asg, policy) };
  }

  function execute(input: Input): object {
    const group = asg.group(required(input, "AutoScalingGroupName"));
    const policy = known(asg, group.name, required(input, "PolicyName"));
    if (policy.type !== "SimpleScaling") throw invalid("Only simple scaling policies can be executed here.");
    if (flag(input, "HonorCooldown")) refuseInCooldown(asg, group);
    const by = Number(policy.configuration["ScalingAdjustment"]);
    resize(
      group,
      adjusted(group.desired, String(policy.configuration["AdjustmentType"]), by),
      `a user request executed policy ${policy.name}`,
    );
    return {};
  }

  return {
    metric: (group, value) => void metrics.set(group, value),
    stop: () => {
      stopped = true;
    },
    operations: {
      PutScalingPolicy: writes(asg, "PutScalingPolicy", put),
      ExecutePolicy: writes(asg, "ExecutePolicy", execute),
      DeletePolicy: writes(asg, "DeletePolicy", (input) => {
        const group = asg.group(required(input, "AutoScalingGroupName"));
        const policy = known(asg, group.name, required(input, "PolicyName"));
        breaches.delete(policy.arn);
        asg.putPolicy(`${group.name}/${policy.name}`, undefined);
        return {};
      }),
      DescribePolicies: reads("DescribePolicies", (input, { seenAt }) => {
        const [group, names, types] = [
          text(input, "AutoScalingGroupName"),
          texts(input, "PolicyNames"),
          texts(input, "PolicyTypes"),
        ];
        const found = [...asg.past.seen(seenAt).policies.values()].filter(
          (one) =>
            (group ?? one.group) === one.group &&
            (names.length === 0 || names.includes(one.name) || names.includes(one.arn)) &&
            (types.length === 0 || types.includes(one.type)),
        );
        const shown = page(found, { token: text(input, "NextToken"), atMost: recordsAtMost(input) });
        return { ScalingPolicies: shown.items.map((one) => policyView(asg, one)), NextToken: shown.next };
      }),
    },
  };
}

function known({ state }: Asg, group: string, name: string): Policy {
  const policy = [...state.policies.values()].find(
    (one) => one.group === group && (one.name === name || one.arn === name),
  );
  if (policy) return policy;
  throw invalid(`PolicyName ${name} not found for AutoScalingGroup ${group}.`);
}

/** https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_PutScalingPolicy.html; "The default is SimpleScaling" */
function configured(input: Input): Pick<Policy, "type" | "configuration"> {
  const type = text(input, "PolicyType") ?? "SimpleScaling";
  if (type === "TargetTrackingScaling") {
    const tracking = structure(input, "TargetTrackingConfiguration");
    if (tracking === undefined || !(Number(text(tracking, "TargetValue")) > 0)) {
      throw invalid(
        "TargetTrackingConfiguration with a TargetValue above 0 is required for TargetTrackingScaling policies.",
      );
    }
    return { type, configuration: { TargetTrackingConfiguration: tracking } };
  }
  if (type !== "SimpleScaling") throw invalid(`Policies of type ${type} are not simulated.`);
  const adjustment = text(input, "AdjustmentType") ?? "";
  if (!["ChangeInCapacity", "ExactCapacity", "PercentChangeInCapacity"].includes(adjustment))
    throw invalid(`Invalid AdjustmentType: ${adjustment}`);
  const by = whole(input, "ScalingAdjustment");
  if (by === undefined) throw invalid("ScalingAdjustment is required for SimpleScaling policies.");
  return {
    type,
    configuration: { AdjustmentType: adjustment, ScalingAdjustment: by, Cooldown: whole(input, "Cooldown") },
  };
}

function trackingOf({ configuration }: Policy): { targetValue: number; disableScaleIn: boolean | undefined } {
  const tracking = configuration["TargetTrackingConfiguration"] as Input;
  return {
    targetValue: Number(text(tracking, "TargetValue")),
    disableScaleIn: flag(tracking, "DisableScaleIn"),
  };
}

/** Percentages above 1 are rounded down, between 0 and 1 up to 1, and below likewise: as-scaling-simple-step.html, "Scaling adjustment types" */
function adjusted(desired: number, type: string, by: number): number {
  if (type === "ExactCapacity") return by;
  if (type === "ChangeInCapacity") return desired + by;
  const change = (desired * by) / 100;
  return desired + (Math.abs(change) > 1 ? Math.trunc(change) : Math.sign(change));
}

function alarm(policy: Policy, direction: "AlarmHigh" | "AlarmLow"): string {
  return `TargetTracking-${policy.group}-${direction}-${policy.arn.split(":")[6]}`;
}

function alarms({ world }: Asg, policy: Policy): object[] {
  if (policy.type !== "TargetTrackingScaling") return [];
  return (["AlarmHigh", "AlarmLow"] as const).map((direction) => ({
    AlarmName: alarm(policy, direction),
    AlarmARN: `arn:aws:cloudwatch:${world.region}:${world.account}:alarm:${alarm(policy, direction)}`,
  }));
}

function policyView(asg: Asg, policy: Policy): object {
  return {
    AutoScalingGroupName: policy.group,
    PolicyName: policy.name,
    PolicyARN: policy.arn,
    PolicyType: policy.type,
    Enabled: policy.enabled,
    Alarms: alarms(asg, policy),
    ...policy.configuration,
  };
}
