import { AwsError, type CallContext, type Input, type Operation } from "../kernel.ts";
import { records, text, whole } from "../compute/input.ts";
import type { Asg } from "./context.ts";

type Handle = (input: Input, context: CallContext) => unknown;

/** Describe actions know no resources: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2autoscaling.html */
export function reads(name: string, handle: Handle): Operation {
  return { action: `autoscaling:${name}`, mutating: false, resources: () => ["*"], handle };
}

/** A write on the group that the input names, scoped by the group's ARN (the same page). */
export function writes(
  asg: Asg,
  name: string,
  handle: Handle,
  more: Pick<Operation, "also"> = {},
): Operation {
  return {
    action: `autoscaling:${name}`,
    mutating: true,
    resources: (input) => groupsOf(asg, input).map((group) => groupArn(asg, group)),
    conditions: requestTags,
    ...more,
    handle,
  };
}

export function groupArn(asg: Asg, name: string): string {
  return (
    asg.find(name)?.arn ??
    `arn:aws:autoscaling:${asg.world.region}:${asg.world.account}:autoScalingGroup:*:autoScalingGroupName/${name}`
  );
}

/** By its name, by tags that name it, or by an instance of it. */
function groupsOf({ state }: Asg, input: Input): readonly string[] {
  const name = text(input, "AutoScalingGroupName");
  if (name !== undefined) return [name];
  const tagged = records(input, "Tags").map((tag) => text(tag, "ResourceId") ?? "*");
  if (tagged.length > 0) return [...new Set(tagged)];
  const instance = text(input, "InstanceId");
  const owner = [...state.groups.values()].find((group) => group.members.some(({ id }) => id === instance));
  return [owner?.name ?? "*"];
}

function requestTags(input: Input): Record<string, readonly string[]> {
  const tags = records(input, "Tags");
  return {
    ...Object.fromEntries(
      tags.map((tag) => [`aws:RequestTag/${text(tag, "Key") ?? ""}`, [text(tag, "Value") ?? ""]]),
    ),
    ...(tags.length > 0 && { "aws:TagKeys": tags.map((tag) => text(tag, "Key") ?? "") }),
  };
}

/** "The default value is 50 and the maximum value is 100": MaxRecords of the Describe operations. */
export function recordsAtMost(input: Input, otherwise = 50): number {
  const asked = whole(input, "MaxRecords") ?? otherwise;
  if (asked >= 1 && asked <= 100) return asked;
  throw new AwsError("ValidationError", `MaxRecords must be between 1 and 100, got ${asked}.`);
}
