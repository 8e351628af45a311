import { AwsError } from "../kernel.ts";
import { INSTANCE_TYPES, type InstanceType } from "./catalogue.ts";
import type { Ec2 } from "./context.ts";
import { knownImage } from "./images.ts";
import { freeAddresses, unknownSecurityGroup, unknownSubnet } from "./network.ts";
import type { ComputeState, Image, LaunchData, LaunchFailure, Subnet } from "./types.ts";

/* Whether EC2 accepts a launch. Codes: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html */

/** What tests decide about launches. */
export interface LaunchLimits {
  vcpus: number;
  failures: { readonly failure: LaunchFailure; left: number }[];
  offered(type: string, zone: string): boolean;
}

export interface Accepted {
  readonly image: Image;
  readonly type: InstanceType;
  readonly subnet: Subnet;
  readonly securityGroups: readonly string[];
}

/** @throws AwsError as RunInstances answers for this launch. Uses up declared failures. */
export function accepted(ec2: Ec2, limits: LaunchLimits, data: LaunchData, subnetId: string): Accepted {
  const { state } = ec2;
  const image = usableImage(state, data["imageId"]);
  const subnet = state.subnets.get(subnetId);
  if (subnet === undefined) throw unknownSubnet(subnetId);
  const type = offeredType(limits, data["instanceType"] ?? "m1.small", subnet.zone);
  if (image.architecture !== type.architecture) {
    throw new AwsError(
      "InvalidParameterValue",
      `The architecture '${type.architecture}' of the specified instance type does not match the architecture '${image.architecture}' of the specified AMI. Specify an instance type and an AMI that have matching architectures, and try again. You can use 'describe-instance-types' or 'describe-images' to discover the architecture of the instance type or AMI.`,
    );
  }
  const securityGroups = (data["securityGroupIdSet"] as readonly string[] | undefined) ?? [];
  for (const id of securityGroups) if (!state.securityGroups.has(id)) throw unknownSecurityGroup(id);
  if (image.behaviour.refused)
    throw new AwsError(image.behaviour.refused.code, image.behaviour.refused.message);
  refuseAsDeclared(limits, type, subnet.zone);
  if (freeAddresses(state, subnet) < 1) {
    throw new AwsError(
      "InsufficientFreeAddressesInSubnet",
      `There are not enough free addresses in subnet '${subnet.id}' to satisfy the requested number of instances.`,
    );
  }
  if (vcpusInUse(state) + type.vcpus > limits.vcpus)
    throw new AwsError("VcpuLimitExceeded", vcpuText(limits.vcpus));
  return { image, type, subnet, securityGroups };
}

function usableImage(state: ComputeState, id: unknown): Image {
  if (typeof id !== "string")
    throw new AwsError("MissingParameter", "The request must contain the parameter ImageId");
  const image = knownImage(state, id);
  if (image.state === "available") return image;
  // https://docs.aws.amazon.com/autoscaling/ec2/userguide/ts-as-instancelaunchfailure.html: "AMI <AMI ID> is pending, and cannot be run."
  throw new AwsError("InvalidAMIID.Unavailable", `AMI ${id} is ${image.state}, and cannot be run.`);
}

function offeredType(limits: LaunchLimits, name: unknown, zone: string): InstanceType {
  const type = INSTANCE_TYPES.get(String(name));
  if (type === undefined)
    throw new AwsError("InvalidParameterValue", `Invalid value '${String(name)}' for InstanceType.`);
  if (limits.offered(type.name, zone)) return type;
  throw new AwsError(
    "Unsupported",
    `Your requested instance type (${type.name}) is not supported in your requested Availability Zone (${zone}).`,
  );
}

function refuseAsDeclared(limits: LaunchLimits, type: InstanceType, zone: string): void {
  const hit = limits.failures.find(
    ({ failure, left }) =>
      left > 0 && (failure.zone ?? zone) === zone && (failure.type ?? type.name) === type.name,
  );
  if (hit === undefined) return;
  hit.left -= 1;
  const { code, message } = hit.failure;
  throw new AwsError(code, message ?? knownText(code, { type: type.name, zone, vcpus: limits.vcpus }));
}

/** Texts as https://docs.aws.amazon.com/autoscaling/ec2/userguide/ts-as-capacity.html quotes them; the vCPU one is EC2's. */
function knownText(code: string, of: { type: string; zone: string; vcpus: number }): string {
  if (code === "InsufficientInstanceCapacity") {
    return `We currently do not have sufficient ${of.type} capacity in the Availability Zone you requested (${of.zone}). Our system will be working on provisioning additional capacity. You can currently get ${of.type} capacity by not specifying an Availability Zone in your request or choosing another one.`;
  }
  if (code === "VcpuLimitExceeded") return vcpuText(of.vcpus);
  return "The request was refused.";
}

function vcpuText(limit: number): string {
  return `You have requested more vCPU capacity than your current vCPU limit of ${limit} allows for the instance bucket that the specified instance type belongs to. Please visit http://aws.amazon.com/contact-us/ec2-request to request an adjustment to this limit.`;
}

function vcpusInUse(state: ComputeState): number {
  return [...state.instances.values()]
    .filter((one) => one.state === "pending" || one.state === "running")
    .reduce((sum, one) => sum + (INSTANCE_TYPES.get(one.type)?.vcpus ?? 0), 0);
}
