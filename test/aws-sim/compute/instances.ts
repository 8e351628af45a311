import { AwsError, type Input, type Operation } from "../kernel.ts";
import { zoneId } from "./catalogue.ts";
import { pageSize, reads, specifiedTags, tagSet, writes, type Ec2 } from "./context.ts";
import { passes } from "./filters.ts";
import { given, required, structure, text, texts, whole } from "./input.ts";
import { knownInstance, type Fleet } from "./machines.ts";
import { page } from "./page.ts";
import { resolve } from "./templates.ts";
import type { ComputeState, Instance, InstanceState, LaunchData } from "./types.ts";

/** https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceState.html */
const CODES: Readonly<Record<InstanceState, number>> = {
  pending: 0,
  running: 16,
  "shutting-down": 32,
  terminated: 48,
  stopping: 64,
  stopped: 80,
};

/** "Terminated instances remain visible after termination (for approximately one hour)": API_TerminateInstances. */
const REMEMBERED_MS = 3_600_000;

export function instanceOperations(ec2: Ec2, fleet: Fleet): Record<string, Operation> {
  const arns = (input: Input) => texts(input, "InstanceId").map((id) => ec2.arn(`instance/${id}`));
  const changing = (name: string, change: (id: string) => void) =>
    writes(name, {
      resources: arns,
      handle: (input) => {
        const before = texts(input, "InstanceId").map((id) => knownInstance(ec2.state.instances, id));
        for (const { id } of before) change(id);
        return {
          instancesSet: before.map(({ id, state }) => ({
            instanceId: id,
            currentState: stateView(knownInstance(ec2.state.instances, id).state),
            previousState: stateView(state),
          })),
        };
      },
    });
  return {
    RunInstances: writes("RunInstances", {
      resources: (input) => [
        ec2.arn("instance/*"),
        ...(text(input, "SubnetId") === undefined ? [] : [ec2.arn(`subnet/${text(input, "SubnetId")}`)]),
      ],
      handle: (input) =>
        ec2.once(text(input, "ClientToken"), "RunInstances", input, () => run(ec2, fleet, input)),
    }),
    TerminateInstances: changing("TerminateInstances", (id) => fleet.terminate(id)),
    StopInstances: changing("StopInstances", (id) => fleet.halt(id)),
    StartInstances: changing("StartInstances", (id) => fleet.start(id)),
    DescribeInstances: reads("DescribeInstances", (input, { seenAt }) => {
      const state = ec2.past.seen(seenAt);
      const shown = page(asked(ec2, state, input), {
        token: text(input, "NextToken"),
        atMost: pageSize(input),
      });
      return {
        reservationSet: shown.items.map((instance) => reservation(ec2, state, [instance])),
        nextToken: shown.next,
      };
    }),
    DescribeInstanceStatus: reads("DescribeInstanceStatus", (input, { seenAt }) => {
      const state = ec2.past.seen(seenAt);
      // "By default, only running instances are described, unless you specifically indicate to return the status of all instances."
      const found = asked(ec2, state, input).filter(
        (one) => one.state === "running" || text(input, "IncludeAllInstances") === "true",
      );
      const shown = page(found, { token: text(input, "NextToken"), atMost: pageSize(input) });
      return { instanceStatusSet: shown.items.map(statusView), nextToken: shown.next };
    }),
  };
}

function run(ec2: Ec2, fleet: Fleet, input: Input): object {
  const data = launchData(ec2, input);
  const most = whole(input, "MaxCount") ?? 1;
  const subnet = required(input, "SubnetId");
  const launched: Instance[] = [];
  for (let n = 0; n < most; n++) {
    try {
      launched.push(
        fleet.launch({ data, subnet, tags: instanceTags(data, specifiedTags(input, "instance")) }),
      );
    } catch (error) {
      // "If you specify a value that is more capacity than Amazon EC2 can launch … launches the largest possible number above MinCount"
      if (launched.length >= (whole(input, "MinCount") ?? most) && error instanceof AwsError) break;
      for (const { id } of launched) fleet.terminate(id, "Server.InternalError: Internal error on launch");
      throw error;
    }
  }
  return reservation(ec2, ec2.state, launched);
}

/** Parameters of the request go before those of the template: API_RunInstances (LaunchTemplate). */
function launchData(ec2: Ec2, input: Input): LaunchData {
  const by = structure(input, "LaunchTemplate");
  const inherited = by
    ? resolve(ec2.state, {
        id: text(by, "LaunchTemplateId"),
        name: text(by, "LaunchTemplateName"),
        version: text(by, "Version"),
      }).version.data
    : {};
  return {
    ...inherited,
    ...(given(input, "ImageId") && { imageId: text(input, "ImageId") }),
    ...(given(input, "InstanceType") && { instanceType: text(input, "InstanceType") }),
    ...(given(input, "UserData") && { userData: text(input, "UserData") }),
    ...(given(input, "SecurityGroupId") && { securityGroupIdSet: texts(input, "SecurityGroupId") }),
  };
}

/** Tags that a launch gives to the instance: the template's, and `more` over them. */
export function instanceTags(
  data: LaunchData,
  more: Readonly<Record<string, string>>,
): Record<string, string> {
  const specified = (data["tagSpecificationSet"] ?? []) as readonly {
    readonly resourceType: string;
    readonly tagSet?: readonly { readonly key: string; readonly value?: string }[];
  }[];
  const own = specified.filter((one) => one.resourceType === "instance").flatMap((one) => one.tagSet ?? []);
  return { ...Object.fromEntries(own.map(({ key, value }) => [key, value ?? ""])), ...more };
}

function asked(ec2: Ec2, state: ComputeState, input: Input): Instance[] {
  const ids = texts(input, "InstanceId");
  const all =
    ids.length > 0 ? ids.map((id) => knownInstance(state.instances, id)) : [...state.instances.values()];
  return all
    .filter(
      (one) =>
        ids.length > 0 ||
        one.terminated === undefined ||
        ec2.world.clock.now() - one.terminated < REMEMBERED_MS,
    )
    .filter((one) => passes(input, { fields: fields(one), tags: state.tags.get(one.id) ?? {} }));
}

function fields(one: Instance): Record<string, string | readonly string[]> {
  return {
    "instance-id": one.id,
    "image-id": one.image,
    "instance-type": one.type,
    "instance-state-name": one.state,
    "instance-state-code": String(CODES[one.state]),
    "availability-zone": one.zone,
    "subnet-id": one.subnet,
    "vpc-id": one.vpc,
    "private-ip-address": one.host,
    "instance.group-id": one.securityGroups,
  };
}

function stateView(state: InstanceState): object {
  return { code: CODES[state], name: state };
}

/** One instance each: RunInstances' own grouping is not kept (nobody here asks for it). */
function reservation(ec2: Ec2, state: ComputeState, instances: readonly Instance[]): object {
  return {
    reservationId: (instances[0]?.id ?? "i-0").replace(/^i-/, "r-"),
    ownerId: ec2.world.account,
    instancesSet: instances.map((one) => instanceView(ec2, state, one)),
  };
}

function instanceView({ world }: Ec2, state: ComputeState, one: Instance): object {
  const gone = one.state === "terminated";
  return {
    instanceId: one.id,
    imageId: one.image,
    instanceState: stateView(one.state),
    reason: one.reason ?? "",
    instanceType: one.type,
    launchTime: new Date(one.launched),
    placement: { availabilityZone: one.zone, availabilityZoneId: zoneId(one.zone), tenancy: "default" },
    architecture: state.images.get(one.image)?.architecture,
    amiLaunchIndex: 0,
    clientToken: one.token ?? "",
    // A terminated instance has no network interface any more, so neither addresses nor a subnet.
    ...(!gone && {
      subnetId: one.subnet,
      vpcId: one.vpc,
      privateIpAddress: one.host,
      privateDnsName: `ip-${one.host.replaceAll(".", "-")}.${world.region}.compute.internal`,
      groupSet: one.securityGroups.map((id) => ({
        groupId: id,
        groupName: state.securityGroups.get(id)?.name,
      })),
    }),
    monitoring: { state: "disabled" },
    tagSet: tagSet(state.tags.get(one.id)),
    ...(one.reason !== undefined && {
      stateReason: {
        code: "Client.UserInitiatedShutdown",
        message: "Client.UserInitiatedShutdown: User initiated shutdown",
      },
    }),
  };
}

function statusView(one: Instance): object {
  const running = one.state === "running";
  const passed = one.status === "ok";
  const summary = {
    status: running ? one.status : "not-applicable",
    ...(running && { details: [{ name: "reachability", status: passed ? "passed" : "failed" }] }),
  };
  return {
    instanceId: one.id,
    availabilityZone: one.zone,
    instanceState: stateView(one.state),
    instanceStatus: running
      ? { status: "ok", details: [{ name: "reachability", status: "passed" }] }
      : summary,
    systemStatus: summary,
  };
}
