import { AwsError, type Input } from "../kernel.ts";
import { records, required, structure, text, whole } from "../compute/input.ts";
import { knownImage } from "../compute/images.ts";
import type { Asg } from "./context.ts";
import type { Group, GroupTag, TemplateOf } from "./types.ts";

/* What an Auto Scaling group may look like. Texts that AWS documents nowhere are as they were seen; see README.md. */

export function invalid(message: string): AwsError {
  return new AwsError("ValidationError", message);
}

/** The three sizes after a change; "must be greater than or equal to the minimum size … and less than or equal to the maximum size". */
export function sizes(group: Pick<Group, "min" | "max" | "desired">): typeof group {
  const { min, max, desired } = group;
  for (const size of [min, max, desired]) {
    if (!Number.isInteger(size) || size < 0)
      throw invalid(`The size ${size} is not a whole number of 0 or more.`);
  }
  if (min > max) throw invalid(`Max bound, ${max}, must be greater than or equal to min bound, ${min}`);
  if (desired < min || desired > max) {
    throw invalid(
      `Desired capacity:${desired} must be between the specified min size:${min} and max size:${max}`,
    );
  }
  return { min, max, desired };
}

/**
 * Sizes after UpdateAutoScalingGroup. "If a new value for MinSize is specified without setting DesiredCapacity, and the new
 * MinSize is larger than the current size of the group, this sets the group's DesiredCapacity to the new MinSize value", and
 * MaxSize likewise: https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_UpdateAutoScalingGroup.html
 */
export function updatedSizes(group: Group, input: Input): Pick<Group, "min" | "max" | "desired"> {
  const min = whole(input, "MinSize") ?? group.min;
  const max = whole(input, "MaxSize") ?? group.max;
  const kept = min > max ? group.desired : Math.min(max, Math.max(min, group.desired));
  return sizes({ min, max, desired: whole(input, "DesiredCapacity") ?? kept });
}

/** The template as it was named, with both its names; refused when its version could not be launched for want of an image. */
export function templateOf({ compute }: Asg, input: Input): TemplateOf | undefined {
  for (const name of ["LaunchConfigurationName", "MixedInstancesPolicy", "InstanceId"]) {
    if (input[name] !== undefined) throw invalid(`${name} is not simulated: use LaunchTemplate.`);
  }
  const by = structure(input, "LaunchTemplate");
  if (by === undefined) return undefined;
  const [id, name] = [text(by, "LaunchTemplateId"), text(by, "LaunchTemplateName")];
  // "The version … can be a number, $Latest or $Default. The default is $Default": API_LaunchTemplateSpecification
  const version = text(by, "Version") ?? "$Default";
  if ((id === undefined) === (name === undefined)) {
    throw invalid("Valid requests must contain either launchTemplateId or LaunchTemplateName");
  }
  try {
    const found = compute.template({ id, name, version });
    knownImage(compute.state, String(found.version.data["imageId"]));
    return { id: found.template.id, name: found.template.name, version };
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    throw invalid(`You must use a valid fully-formed launch template. ${error.message}`);
  }
}

export function subnetsOf({ compute }: Asg, input: Input): readonly string[] | undefined {
  const identifier = text(input, "VPCZoneIdentifier");
  if (identifier === undefined) return undefined;
  const subnets = identifier.split(",").map((id) => id.trim());
  const unknown = subnets.find((id) => !compute.state.subnets.has(id));
  if (unknown !== undefined) throw invalid(`The subnet ID '${unknown}' does not exist`);
  return subnets;
}

export function targetGroupsOf({ targets }: Asg, arns: readonly string[]): readonly string[] {
  if (arns.every((arn) => targets.exists(arn))) return arns;
  throw invalid("Provided Target Groups may not be valid. Please ensure they exist and try again.");
}

/** "The valid values are EC2, EBS, ELB, and VPC_LATTICE. EC2 is the default health check and cannot be disabled." */
export function healthCheckTypeOf(input: Input): string | undefined {
  const type = text(input, "HealthCheckType");
  const known = ["EC2", "EBS", "ELB", "VPC_LATTICE"];
  if (type === undefined || type.split(",").every((one) => known.includes(one))) return type;
  throw invalid(`Invalid health check type: ${type}`);
}

export function seconds(input: Input, name: string): number | undefined {
  const value = whole(input, name);
  if (value === undefined || (Number.isInteger(value) && value >= 0)) return value;
  throw invalid(`${name} must be a number of seconds, 0 or more.`);
}

export function tagsOf(input: Input): GroupTag[] {
  return records(input, "Tags").map((tag) => ({
    key: required(tag, "Key"),
    value: text(tag, "Value") ?? "",
    propagate: text(tag, "PropagateAtLaunch") === "true",
  }));
}

/** Tags by key, later ones over earlier ones; 50 at most: https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-tagging.html */
export function mergedTags(tags: readonly GroupTag[]): readonly GroupTag[] {
  const merged = new Map(tags.map((tag) => [tag.key, tag]));
  if (merged.size > 50)
    throw new AwsError(
      "LimitExceeded",
      "The maximum number of tags per Auto Scaling group, 50, was exceeded.",
    );
  if ([...merged.keys()].some((key) => key.startsWith("aws:")))
    throw invalid("Tag keys may not begin with aws:.");
  return [...merged.values()];
}
