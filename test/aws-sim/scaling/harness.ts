import { AutoScalingClient } from "@aws-sdk/client-auto-scaling";
import {
  CreateLaunchTemplateCommand,
  CreateLaunchTemplateVersionCommand,
  CreateSubnetCommand,
  CreateVpcCommand,
  EC2Client,
} from "@aws-sdk/client-ec2";
import { CreateAutoScalingGroupCommand, type CreateAutoScalingGroupType } from "@aws-sdk/client-auto-scaling";
import { createCompute } from "../compute/service.ts";
import type { Behaviour } from "../instances/behaviour.ts";
import { serveServices } from "../control-plane.ts";
import type { Targets } from "../kernel.ts";
import { openWorld } from "../world/world.ts";
import { createScaling } from "./service.ts";
import type { Group, LifecycleState } from "./types.ts";

/** A target group as far as Auto Scaling sees one: who is registered, what their health is, and who still drains. */
export interface Ledger extends Targets {
  readonly arn: string;
  readonly registered: Map<string, { state: string }>;
  /** Draining targets, by instance: the function ends the draining. */
  readonly draining: Map<string, () => void>;
  /** `register i-1`, `draining i-1`, in order. */
  readonly told: string[];
}

function ledger(): Ledger {
  const arn = "arn:aws:elasticloadbalancing:eu-central-1:111122223333:targetgroup/shop-blue/0123456789abcdef";
  const registered: Ledger["registered"] = new Map();
  const draining: Ledger["draining"] = new Map();
  const told: string[] = [];
  return {
    arn,
    registered,
    draining,
    told,
    exists: (group) => group === arn,
    register: (_group, { id }) => {
      told.push(`register ${id}`);
      registered.set(id, { state: "healthy" });
    },
    deregister: (_group, id) => {
      told.push(`draining ${id}`);
      registered.set(id, { state: "draining" });
      return new Promise((resolve) => {
        draining.set(id, () => {
          draining.delete(id);
          registered.delete(id);
          resolve();
        });
      });
    },
    health: (_group, id) => registered.get(id),
  };
}

/** EC2 and Auto Scaling of a world of their own, asked through the unmodified SDK; a ledger takes the load balancer's place. */
export async function openScaling({ speed = 200, drains = "at once" as "at once" | "by hand" } = {}) {
  const opened = await openWorld({ speed });
  const { world } = opened;
  const compute = createCompute(world);
  const targets = ledger();
  if (drains === "at once") {
    const byHand = targets.deregister.bind(targets);
    targets.deregister = (group, id) => {
      const drained = byHand(group, id);
      targets.draining.get(id)!();
      return drained;
    };
  }
  const scaling = createScaling(world, targets, compute);
  const plane = await serveServices(opened, [compute.service, scaling.service]);
  const environment = plane.environment();
  const access = {
    region: world.region,
    endpoint: plane.endpoint,
    maxAttempts: 1,
    credentials: {
      accessKeyId: environment["AWS_ACCESS_KEY_ID"]!,
      secretAccessKey: environment["AWS_SECRET_ACCESS_KEY"]!,
    },
  };
  const asg = new AutoScalingClient(access);
  const ec2 = new EC2Client(access);

  const vpc = await ec2.send(new CreateVpcCommand({ CidrBlock: "10.0.0.0/16" }));
  const subnet = async (letter: string, n: number) => {
    const made = await ec2.send(
      new CreateSubnetCommand({
        VpcId: vpc.Vpc!.VpcId!,
        CidrBlock: `10.0.${n}.0/24`,
        AvailabilityZone: `${world.region}${letter}`,
      }),
    );
    return made.Subnet!.SubnetId!;
  };
  const subnets = [await subnet("a", 1), await subnet("b", 2)] as const;
  const image = (name: string, behaviour: Behaviour = {}) => compute.registerImage({ name, behaviour });
  const template = await ec2.send(
    new CreateLaunchTemplateCommand({
      LaunchTemplateName: "shop",
      LaunchTemplateData: { ImageId: image("r1"), InstanceType: "t3.micro" },
    }),
  );
  const templateId = template.LaunchTemplate!.LaunchTemplateId!;

  return {
    world,
    compute,
    scaling,
    targets,
    asg,
    ec2,
    subnets,
    templateId,
    image,
    /** A further version of the template `shop`; its number as a text. */
    version: async (imageId: string) => {
      const made = await ec2.send(
        new CreateLaunchTemplateVersionCommand({
          LaunchTemplateId: templateId,
          SourceVersion: "1",
          LaunchTemplateData: { ImageId: imageId },
        }),
      );
      return String(made.LaunchTemplateVersion!.VersionNumber!);
    },
    /** The group `shop` of version 1 in both zones, attached to the target group. */
    group: async (over: Partial<CreateAutoScalingGroupType> = {}) => {
      await asg.send(
        new CreateAutoScalingGroupCommand({
          AutoScalingGroupName: "shop",
          LaunchTemplate: { LaunchTemplateId: templateId, Version: "1" },
          MinSize: 0,
          MaxSize: 4,
          VPCZoneIdentifier: subnets.join(","),
          TargetGroupARNs: [targets.arn],
          ...over,
        }),
      );
    },
    /** Resolves with the group when exactly `n` of its instances are in the state, and no others are there. */
    settled: async (n: number, state: LifecycleState = "InService"): Promise<Group> => {
      await scaling.until(({ groups }) => {
        const members = groups.get("shop")?.members ?? [];
        return members.length === n && members.every((one) => one.state === state);
      });
      return scaling.state.groups.get("shop")!;
    },
    close: async () => {
      asg.destroy();
      ec2.destroy();
      await plane.stop();
      await scaling.stop();
      await compute.stop();
      await opened.close();
    },
  };
}

export type Opened = Awaited<ReturnType<typeof openScaling>>;
