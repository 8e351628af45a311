import type { LaunchTemplateVersion } from "@aws-sdk/client-ec2";
import { canonicalJson } from "../../../core/planning/canonical.ts";
import { instant } from "../../../core/units.ts";
import type { Answer, CallBy, Compute, TemplateVersion } from "./api.ts";
import type { Clients } from "./clients.ts";
import { paged } from "./elb.ts";
import type { Send } from "./send.ts";

/** `Compute` over the SDK. */
export function computeOver(clients: Clients, send: Send): Compute {
  const ask =
    (writes: boolean) =>
    async <T>(
      operation: string,
      call: CallBy,
      attempt: (client: Client, signal: AbortSignal) => Promise<T>,
    ): Promise<Answer<T>> =>
      send({ action: `ec2:${operation}`, writes }, call, async (signal) =>
        attempt(await clients.compute(), signal),
      );
  const read = ask(false);
  const write = ask(true);
  return {
    templateVersions: ({ id, versions }, call) =>
      paged((NextToken) =>
        read("DescribeLaunchTemplateVersions", call, async ({ client, sdk }, abortSignal) => {
          const command = new sdk.DescribeLaunchTemplateVersionsCommand({
            LaunchTemplateId: id,
            ...(versions === undefined ? {} : { Versions: versions }),
            NextToken,
          });
          const came = await client.send(command, { abortSignal });
          return { items: (came.LaunchTemplateVersions ?? []).map(versionFrom), next: came.NextToken };
        }),
      ),
    createTemplateVersion: ({ template, source, change, description, token }, call) =>
      write("CreateLaunchTemplateVersion", call, async ({ client, sdk }, abortSignal) => {
        const command = new sdk.CreateLaunchTemplateVersionCommand({
          LaunchTemplateId: template,
          SourceVersion: source,
          VersionDescription: description,
          ClientToken: token,
          LaunchTemplateData: {
            ...(change.imageId === undefined ? {} : { ImageId: change.imageId }),
            ...(change.userData === undefined ? {} : { UserData: change.userData }),
          },
        });
        const { LaunchTemplateVersion: made } = await client.send(command, { abortSignal });
        if (made === undefined) throw new Error("AWS answered a change without what was changed");
        return versionFrom(made);
      }),
    images: (ids, call) =>
      read("DescribeImages", call, async ({ client, sdk }, abortSignal) => {
        const { Images = [] } = await client.send(new sdk.DescribeImagesCommand({ ImageIds: ids }), {
          abortSignal,
        });
        return Images.map(({ ImageId = "", Name, State = "", Architecture }) => ({
          id: ImageId,
          state: State,
          ...(Name === undefined ? {} : { name: Name }),
          ...(Architecture === undefined ? {} : { architecture: Architecture }),
        }));
      }),
    instances: (ids, call) =>
      paged((NextToken) =>
        read("DescribeInstances", call, async ({ client, sdk }, abortSignal) => {
          const command = new sdk.DescribeInstancesCommand({ InstanceIds: ids, NextToken });
          const { Reservations = [], NextToken: next } = await client.send(command, { abortSignal });
          const items = Reservations.flatMap(({ Instances = [] }) => Instances).map((each) => ({
            id: each.InstanceId ?? "",
            state: each.State?.Name ?? "",
            ...(each.PrivateIpAddress === undefined ? {} : { privateAddress: each.PrivateIpAddress }),
            ...(each.LaunchTime === undefined ? {} : { launched: instant(each.LaunchTime.getTime()) }),
          }));
          return { items, next };
        }),
      ),
    subnets: (ids, call) =>
      paged((NextToken) =>
        read("DescribeSubnets", call, async ({ client, sdk }, abortSignal) => {
          const command = new sdk.DescribeSubnetsCommand({ SubnetIds: ids, NextToken });
          const { Subnets = [], NextToken: next } = await client.send(command, { abortSignal });
          const items = Subnets.map((each) => ({
            id: each.SubnetId ?? "",
            zone: each.AvailabilityZone ?? "",
            freeAddresses: each.AvailableIpAddressCount ?? 0,
          }));
          return { items, next };
        }),
      ),
    offered: (types, call) =>
      paged((NextToken) =>
        read("DescribeInstanceTypeOfferings", call, async ({ client, sdk }, abortSignal) => {
          const command = new sdk.DescribeInstanceTypeOfferingsCommand({
            LocationType: "availability-zone",
            Filters: [{ Name: "instance-type", Values: types }],
            NextToken,
          });
          const came = await client.send(command, { abortSignal });
          const items = (came.InstanceTypeOfferings ?? []).map(({ InstanceType = "", Location = "" }) => ({
            type: InstanceType,
            zone: Location,
          }));
          return { items, next: came.NextToken };
        }),
      ),
  };
}

type Client = Awaited<ReturnType<Clients["compute"]>>;

function versionFrom(made: LaunchTemplateVersion): TemplateVersion {
  const data = made.LaunchTemplateData ?? {};
  return {
    template: made.LaunchTemplateId ?? "",
    version: made.VersionNumber ?? 0,
    ...(made.VersionDescription === undefined ? {} : { description: made.VersionDescription }),
    ...(data.ImageId === undefined ? {} : { imageId: data.ImageId }),
    ...(data.InstanceType === undefined ? {} : { instanceType: data.InstanceType }),
    ...(data.UserData === undefined ? {} : { userData: data.UserData }),
    data: canonicalJson(JSON.parse(JSON.stringify(data))),
  };
}
