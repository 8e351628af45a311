import type { Input, Operation } from "../kernel.ts";
import { page } from "../compute/page.ts";
import { records, required, text, texts } from "../compute/input.ts";
import { suspends, type Asg } from "./context.ts";
import { reads, recordsAtMost, writes } from "./operation.ts";
import { invalid, targetGroupsOf } from "./rules.ts";
import type { Group } from "./types.ts";

/** Target groups of a group, by their former name and as traffic sources: the same list under both. */
export function trafficOperations(asg: Asg): Record<string, Operation> {
  function attach(input: Input, arns: readonly string[]): object {
    const group = asg.group(required(input, "AutoScalingGroupName"));
    const fresh = targetGroupsOf(asg, arns).filter(
      (arn) => !group.targetGroups.some((one) => one.arn === arn && !one.removing),
    );
    asg.changeGroup(group.name, {
      targetGroups: [...group.targetGroups, ...fresh.map((arn) => ({ arn, removing: false }))],
    });
    if (suspends(group, "AddToLoadBalancer")) return {};
    for (const arn of fresh) for (const { id } of inService(group)) asg.targets.register(arn, { id });
    return {};
  }

  /** "Removing" until the instances have drained, then "Removed", which is no longer listed. */
  function detach(input: Input, arns: readonly string[]): object {
    const group = asg.group(required(input, "AutoScalingGroupName"));
    const stranger = arns.find((arn) => !group.targetGroups.some((one) => one.arn === arn));
    if (stranger !== undefined)
      throw invalid(`Trying to remove Target Groups that are not part of the group: ${stranger}`);
    asg.changeGroup(group.name, {
      targetGroups: group.targetGroups.map((one) =>
        arns.includes(one.arn) ? { ...one, removing: true } : one,
      ),
    });
    for (const arn of arns) {
      const registered = group.members.filter(({ id }) => asg.targets.health(arn, id));
      void Promise.all(registered.map(({ id }) => asg.targets.deregister(arn, id))).then(() => {
        const left = asg.find(group.name)?.targetGroups.filter((one) => one.arn !== arn || !one.removing);
        if (left) asg.changeGroup(group.name, { targetGroups: left });
      });
    }
    return {};
  }

  const states = (input: Input, seenAt: number) => {
    const name = required(input, "AutoScalingGroupName");
    const group = asg.past.seen(seenAt).groups.get(name) ?? asg.group(name);
    const shown = page(group.targetGroups, {
      token: text(input, "NextToken"),
      atMost: recordsAtMost(input, 100),
    });
    return {
      items: shown.items.map((one) => ({ arn: one.arn, state: stateOf(asg, group, one) })),
      next: shown.next,
    };
  };

  const identifiers = (input: Input) =>
    records(input, "TrafficSources").map((source) => {
      const type = text(source, "Type") ?? "elbv2";
      if (type !== "elbv2") throw invalid(`Traffic sources of type ${type} are not simulated.`);
      return required(source, "Identifier");
    });

  return {
    AttachLoadBalancerTargetGroups: writes(asg, "AttachLoadBalancerTargetGroups", (input) =>
      attach(input, texts(input, "TargetGroupARNs")),
    ),
    AttachTrafficSources: writes(asg, "AttachTrafficSources", (input) => attach(input, identifiers(input))),
    DetachLoadBalancerTargetGroups: writes(asg, "DetachLoadBalancerTargetGroups", (input) =>
      detach(input, texts(input, "TargetGroupARNs")),
    ),
    DetachTrafficSources: writes(asg, "DetachTrafficSources", (input) => detach(input, identifiers(input))),
    DescribeLoadBalancerTargetGroups: reads("DescribeLoadBalancerTargetGroups", (input, { seenAt }) => {
      const { items, next } = states(input, seenAt);
      return {
        LoadBalancerTargetGroups: items.map(({ arn, state }) => ({
          LoadBalancerTargetGroupARN: arn,
          State: state,
        })),
        NextToken: next,
      };
    }),
    DescribeTrafficSources: reads("DescribeTrafficSources", (input, { seenAt }) => {
      const { items, next } = states(input, seenAt);
      const wanted = text(input, "TrafficSourceType") ?? "elbv2";
      return {
        TrafficSources: items
          .filter(() => wanted === "elbv2")
          .map(({ arn, state }) => ({ TrafficSource: arn, Identifier: arn, Type: "elbv2", State: state })),
        NextToken: next,
      };
    }),
  };
}

/** The states' meanings: https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_TrafficSourceState.html */
function stateOf(
  { targets }: Asg,
  group: Group,
  { arn, removing }: { arn: string; removing: boolean },
): string {
  if (removing) return "Removing";
  const health = inService(group).map(({ id }) => targets.health(arn, id)?.state);
  if (health.includes(undefined)) return "Adding";
  return health.includes("healthy") ? "InService" : "Added";
}

function inService(group: Group): Group["members"] {
  return group.members.filter((one) => one.state === "InService");
}
