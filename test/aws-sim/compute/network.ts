import { AwsError, type Operation } from "../kernel.ts";
import { zoneId, zones } from "./catalogue.ts";
import { pageSize, reads, specifiedTags, tagSet, writes, type Ec2 } from "./context.ts";
import { passes } from "./filters.ts";
import { required, text, texts } from "./input.ts";
import { page } from "./page.ts";
import type { ComputeState, Subnet, Vpc } from "./types.ts";

/** VPCs, subnets, security groups and zones: what an Auto Scaling group and a load balancer must name. */
export function networkOperations(ec2: Ec2): Record<string, Operation> {
  return {
    CreateVpc: writes("CreateVpc", {
      resources: () => [ec2.arn("vpc/*")],
      handle: (input) => {
        const vpc = { id: ec2.newId("vpc"), cidr: required(input, "CidrBlock") };
        size(vpc.cidr);
        ec2.change("vpcs", vpc.id, vpc);
        ec2.tag(vpc.id, specifiedTags(input, "vpc"));
        return { vpc: vpcView(ec2, ec2.state, vpc) };
      },
    }),
    DescribeVpcs: reads("DescribeVpcs", (input, { seenAt }) => {
      const state = ec2.past.seen(seenAt);
      const found = byIds(
        state.vpcs,
        texts(input, "VpcId"),
        (id) => new AwsError("InvalidVpcID.NotFound", `The vpc ID '${id}' does not exist`),
      ).filter((vpc) =>
        passes(input, {
          fields: { "vpc-id": vpc.id, cidr: vpc.cidr, state: "available", "is-default": "false" },
          tags: state.tags.get(vpc.id) ?? {},
        }),
      );
      const shown = page(found, { token: text(input, "NextToken"), atMost: pageSize(input) });
      return { vpcSet: shown.items.map((vpc) => vpcView(ec2, state, vpc)), nextToken: shown.next };
    }),
    CreateSubnet: writes("CreateSubnet", {
      resources: (input) => [ec2.arn("subnet/*"), ec2.arn(`vpc/${text(input, "VpcId") ?? "*"}`)],
      handle: (input) => {
        const vpc = knownVpc(ec2, required(input, "VpcId"));
        const zone = text(input, "AvailabilityZone") ?? zones(ec2.world.region)[0]!;
        if (!zones(ec2.world.region).includes(zone)) {
          throw new AwsError(
            "InvalidParameterValue",
            `Value (${zone}) for parameter availabilityZone is invalid. Subnets can currently only be created in the following availability zones: ${zones(ec2.world.region).join(", ")}.`,
          );
        }
        const subnet = { id: ec2.newId("subnet"), vpc: vpc.id, zone, cidr: required(input, "CidrBlock") };
        size(subnet.cidr);
        ec2.change("subnets", subnet.id, subnet);
        ec2.tag(subnet.id, specifiedTags(input, "subnet"));
        return { subnet: subnetView(ec2, ec2.state, subnet) };
      },
    }),
    DescribeSubnets: reads("DescribeSubnets", (input, { seenAt }) => {
      const state = ec2.past.seen(seenAt);
      const found = byIds(state.subnets, texts(input, "SubnetId"), unknownSubnet).filter((subnet) =>
        passes(input, {
          fields: {
            "subnet-id": subnet.id,
            "vpc-id": subnet.vpc,
            "availability-zone": subnet.zone,
            "cidr-block": subnet.cidr,
            state: "available",
          },
          tags: state.tags.get(subnet.id) ?? {},
        }),
      );
      const shown = page(found, { token: text(input, "NextToken"), atMost: pageSize(input) });
      return {
        subnetSet: shown.items.map((subnet) => subnetView(ec2, state, subnet)),
        nextToken: shown.next,
      };
    }),
    CreateSecurityGroup: writes("CreateSecurityGroup", {
      resources: (input) => [ec2.arn("security-group/*"), ec2.arn(`vpc/${text(input, "VpcId") ?? "*"}`)],
      handle: (input) => {
        const vpc = knownVpc(ec2, required(input, "VpcId"));
        const [name, description] = [required(input, "GroupName"), required(input, "GroupDescription")];
        if ([...ec2.state.securityGroups.values()].some((one) => one.vpc === vpc.id && one.name === name)) {
          throw new AwsError(
            "InvalidGroup.Duplicate",
            `The security group '${name}' already exists for VPC '${vpc.id}'`,
          );
        }
        const group = { id: ec2.newId("sg"), vpc: vpc.id, name, description };
        ec2.change("securityGroups", group.id, group);
        ec2.tag(group.id, specifiedTags(input, "security-group"));
        return { groupId: group.id, tagSet: tagSet(ec2.state.tags.get(group.id)) };
      },
    }),
    DescribeSecurityGroups: reads("DescribeSecurityGroups", (input, { seenAt }) => {
      const state = ec2.past.seen(seenAt);
      const found = byIds(state.securityGroups, texts(input, "GroupId"), unknownSecurityGroup).filter(
        (group) =>
          passes(input, {
            fields: {
              "group-id": group.id,
              "group-name": group.name,
              "vpc-id": group.vpc,
              description: group.description,
            },
            tags: state.tags.get(group.id) ?? {},
          }),
      );
      const shown = page(found, { token: text(input, "NextToken"), atMost: pageSize(input) });
      return {
        securityGroupInfo: shown.items.map((group) => ({
          ownerId: ec2.world.account,
          groupId: group.id,
          groupName: group.name,
          groupDescription: group.description,
          vpcId: group.vpc,
          tagSet: tagSet(state.tags.get(group.id)),
        })),
        nextToken: shown.next,
      };
    }),
    DescribeAvailabilityZones: reads("DescribeAvailabilityZones", (input) => ({
      availabilityZoneInfo: zones(ec2.world.region)
        .filter((zone) =>
          passes(input, {
            fields: { "zone-name": zone, "zone-id": zoneId(zone), state: "available" },
            tags: {},
          }),
        )
        .map((zone) => ({
          zoneName: zone,
          zoneId: zoneId(zone),
          zoneState: "available",
          regionName: ec2.world.region,
        })),
    })),
  };
}

function vpcView({ world }: Ec2, state: ComputeState, { id, cidr }: Vpc): object {
  return {
    vpcId: id,
    cidrBlock: cidr,
    ownerId: world.account,
    state: "available",
    isDefault: false,
    instanceTenancy: "default",
    tagSet: tagSet(state.tags.get(id)),
  };
}

function subnetView(ec2: Ec2, state: ComputeState, subnet: Subnet): object {
  return {
    subnetId: subnet.id,
    subnetArn: ec2.arn(`subnet/${subnet.id}`),
    vpcId: subnet.vpc,
    state: "available",
    ownerId: ec2.world.account,
    availabilityZone: subnet.zone,
    availabilityZoneId: zoneId(subnet.zone),
    cidrBlock: subnet.cidr,
    availableIpAddressCount: freeAddresses(state, subnet),
    tagSet: tagSet(state.tags.get(subnet.id)),
  };
}

/** Five addresses of every subnet are AWS's own: https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html */
export function freeAddresses(state: ComputeState, subnet: Subnet): number {
  const used = [...state.instances.values()].filter(
    (one) => one.subnet === subnet.id && one.state !== "terminated",
  );
  return size(subnet.cidr) - 5 - used.length;
}

/** Addresses of a block; between /16 and /28 (the same page). */
function size(cidr: string): number {
  const bits = Number(/^\d+\.\d+\.\d+\.\d+\/(\d+)$/.exec(cidr)?.[1]);
  if (bits >= 16 && bits <= 28) return 2 ** (32 - bits);
  throw new AwsError(
    "InvalidParameterValue",
    `Value (${cidr}) for parameter cidrBlock is invalid. This is not a valid CIDR block.`,
  );
}

function knownVpc(ec2: Ec2, id: string): Vpc {
  const vpc = ec2.state.vpcs.get(id);
  if (vpc) return vpc;
  throw new AwsError("InvalidVpcID.NotFound", `The vpc ID '${id}' does not exist`);
}

export const unknownSubnet = (id: string) =>
  new AwsError("InvalidSubnetID.NotFound", `The subnet ID '${id}' does not exist`);

export const unknownSecurityGroup = (id: string) =>
  new AwsError("InvalidGroup.NotFound", `The security group '${id}' does not exist`);

/** All, or those that were asked for by id. */
export function byIds<T>(
  all: ReadonlyMap<string, T>,
  ids: readonly string[],
  unknown: (id: string) => AwsError,
): T[] {
  if (ids.length === 0) return [...all.values()];
  return ids.map((id) => {
    const found = all.get(id);
    if (found === undefined) throw unknown(id);
    return found;
  });
}
