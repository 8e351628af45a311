import { AwsError, type Operation } from "../kernel.ts";
import { INSTANCE_TYPES, zoneId, zones } from "./catalogue.ts";
import { pageSize, reads, tagSet, type Ec2 } from "./context.ts";
import { passes } from "./filters.ts";
import { text, texts } from "./input.ts";
import { byIds } from "./network.ts";
import { page } from "./page.ts";
import type { ComputeState, ComputeWorld, Image } from "./types.ts";

/** The image with this id, as RunInstances sees it: a deregistered one is gone. */
export function knownImage(state: ComputeState, id: string): Image {
  // https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html: InvalidAMIID.Malformed, .NotFound
  if (!/^ami-[0-9a-f]{8,17}$/.test(id)) throw new AwsError("InvalidAMIID.Malformed", `Invalid id: "${id}"`);
  const image = state.images.get(id);
  if (image === undefined || image.state === "deregistered") throw unknownImage(id);
  return image;
}

const unknownImage = (id: string) =>
  new AwsError("InvalidAMIID.NotFound", `The image id '[${id}]' does not exist`);

export function imageDoors(ec2: Ec2): Pick<ComputeWorld, "registerImage" | "deregisterImage"> {
  return {
    registerImage: ({ name, behaviour = {}, architecture = "x86_64", imageId, state = "available" }) => {
      const id = imageId ?? ec2.newId("ami");
      ec2.change("images", id, { id, name, architecture, state, behaviour, created: ec2.world.clock.now() });
      return id;
    },
    deregisterImage: (id) =>
      ec2.change("images", id, { ...knownImage(ec2.state, id), state: "deregistered" }),
  };
}

/** `offered` tells whether a type can be had in a zone. */
export function imageOperations(
  ec2: Ec2,
  offered: (type: string, zone: string) => boolean,
): Record<string, Operation> {
  return {
    DescribeImages: reads("DescribeImages", (input, { seenAt }) => {
      const state = ec2.past.seen(seenAt);
      for (const id of texts(input, "ImageId")) knownImage(state, id);
      const found = byIds(state.images, texts(input, "ImageId"), unknownImage)
        .filter((image) => image.state !== "deregistered")
        .filter((image) =>
          passes(input, {
            fields: {
              "image-id": image.id,
              name: image.name,
              architecture: image.architecture,
              state: image.state,
              "owner-id": ec2.world.account,
              "root-device-type": "ebs",
              "virtualization-type": "hvm",
            },
            tags: state.tags.get(image.id) ?? {},
          }),
        );
      const shown = page(found, { token: text(input, "NextToken"), atMost: pageSize(input) });
      return { imagesSet: shown.items.map((image) => imageView(ec2, state, image)), nextToken: shown.next };
    }),
    DescribeInstanceTypeOfferings: reads("DescribeInstanceTypeOfferings", (input) => {
      const kind = text(input, "LocationType") ?? "region";
      const found = [...INSTANCE_TYPES.keys()].flatMap((instanceType) =>
        places(ec2, kind, (zone) => offered(instanceType, zone)).map((location) => ({
          instanceType,
          locationType: kind,
          location,
        })),
      );
      const passing = found.filter(({ instanceType, location }) =>
        passes(input, { fields: { "instance-type": instanceType, location }, tags: {} }),
      );
      const shown = page(passing, { token: text(input, "NextToken"), atMost: pageSize(input) });
      return { instanceTypeOfferingSet: shown.items, nextToken: shown.next };
    }),
  };
}

/** Where a type is offered: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceTypeOfferings.html (LocationType) */
function places({ world }: Ec2, kind: string, offered: (zone: string) => boolean): readonly string[] {
  const there = zones(world.region).filter(offered);
  switch (kind) {
    case "region":
      return there.length > 0 ? [world.region] : [];
    case "availability-zone":
      return there;
    case "availability-zone-id":
      return there.map(zoneId);
    default:
      throw new AwsError("InvalidParameterValue", `Invalid value '${kind}' for LocationType.`);
  }
}

function imageView({ world }: Ec2, state: ComputeState, image: Image): object {
  return {
    imageId: image.id,
    name: image.name,
    imageState: image.state,
    imageOwnerId: world.account,
    imageLocation: `${world.account}/${image.name}`,
    imageType: "machine",
    isPublic: false,
    architecture: image.architecture,
    creationDate: new Date(image.created).toISOString(),
    rootDeviceType: "ebs",
    rootDeviceName: "/dev/xvda",
    virtualizationType: "hvm",
    hypervisor: "xen",
    tagSet: tagSet(state.tags.get(image.id)),
  };
}
