import type { Action } from "@aws-sdk/client-elastic-load-balancing-v2";
import { AutoScalingClient, CreateAutoScalingGroupCommand } from "@aws-sdk/client-auto-scaling";
import {
  CreateListenerCommand,
  CreateLoadBalancerCommand,
  CreateRuleCommand,
  CreateTargetGroupCommand,
  DescribeRulesCommand,
  ElasticLoadBalancingV2Client,
  ModifyTargetGroupAttributesCommand,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import type { RequestLaunchTemplateData } from "@aws-sdk/client-ec2";
import type { Behaviour } from "./instances/behaviour.ts";
import { clientConfig } from "./sdk.ts";
import type { Simulator } from "./simulator.ts";

/* The shop that tests, examples and benches deploy to: one load balancer, two target groups, two Auto Scaling groups. */

export const SLOTS = ["blue", "green"] as const;
export type ShopSlot = (typeof SLOTS)[number];

export interface ShopListener {
  readonly port: number;
  /** By default HTTPS on ports that end in 443, else HTTP. */
  readonly protocol?: "HTTP" | "HTTPS";
}

export interface ShopOptions {
  /** Addresses of the load balancer; 2 by default, at least 2: one per availability zone, more when AWS scaled it. */
  readonly nodes?: number;
  /** HTTP on 8080 by default, a port that needs no rights. */
  readonly listeners?: readonly ShopListener[];
  /** A rule for the host `shop.example` (default), or the listener's default rule. */
  readonly rule?: "host" | "default";
  /** Instances of blue, which is live; 2 by default. Green has none. */
  readonly instances?: number;
  readonly max?: number;
  /** Image of the live revision; by default one that serves `r1`. */
  readonly image?: { readonly name: string; readonly behaviour: Behaviour; readonly imageId?: string };
  /** Seconds of the world; AWS's default of 300 is 30 here. */
  readonly deregistrationDelay?: number;
  /** Seconds of the world that both kinds of cookies hold; none by default. */
  readonly sticky?: number;
  /** More of the launch template's data: an instance profile, tags. */
  readonly launch?: RequestLaunchTemplateData;
  /** Seconds of the world between two health checks, 5 by default; a check waits for an answer one second less. */
  readonly healthInterval?: number;
}

export interface Shop {
  readonly host: "shop.example";
  readonly loadBalancer: { readonly arn: string; readonly name: string; readonly dnsName: string };
  /** In the order of the options. */
  readonly listeners: readonly { readonly arn: string; readonly port: number; readonly rule: string }[];
  /** ARNs. */
  readonly targetGroups: Readonly<Record<ShopSlot, string>>;
  /** Names. */
  readonly groups: Readonly<Record<ShopSlot, string>>;
  readonly template: { readonly id: string; readonly name: string };
  /** AMI of the live revision. */
  readonly image: string;
  readonly vpc: string;
  readonly subnets: readonly string[];
  /** Resolves when so many targets of the slot's group are healthy, and no others are registered. */
  healthy(slot: ShopSlot, targets: number): Promise<void>;
}

/** Built through the API with the unmodified SDK, by a principal of its own; resolves when blue's instances are healthy. */
export async function standardShop(simulator: Simulator, options: ShopOptions = {}): Promise<Shop> {
  const builder = {
    accessKeyId: "AKIASHOPBUILDER",
    secretAccessKey: "builds-the-shop",
    arn: `arn:aws:iam::${simulator.account}:role/shop-builder`,
  };
  simulator.principal(builder);
  const config = clientConfig(simulator.environment(builder.accessKeyId));
  const elb = new ElasticLoadBalancingV2Client(config);
  const scaling = new AutoScalingClient(config);
  try {
    const image = simulator.compute.registerImage(
      options.image ?? { name: "shop-r1", behaviour: { revision: "r1" } },
    );
    const network = await createNetwork(config, simulator.region, image, options);
    const targetGroups = {
      blue: await createTargetGroup(elb, "shop-blue", network.vpc, options),
      green: await createTargetGroup(elb, "shop-green", network.vpc, options),
    };
    const loadBalancer = await createLoadBalancer(elb, simulator, network.subnets, options.nodes ?? 2);
    const listeners = [];
    for (const listener of options.listeners ?? [{ port: 8080 }]) {
      listeners.push(
        await createListener(
          elb,
          simulator,
          loadBalancer.arn,
          listener,
          forward(targetGroups, options),
          options,
        ),
      );
    }
    const groups = { blue: "shop-blue", green: "shop-green" };
    const instances = options.instances ?? 2;
    for (const slot of SLOTS) {
      await scaling.send(
        new CreateAutoScalingGroupCommand({
          AutoScalingGroupName: groups[slot],
          LaunchTemplate: { LaunchTemplateId: network.template.id, Version: "1" },
          MinSize: slot === "blue" ? Math.min(1, instances) : 0,
          MaxSize: options.max ?? Math.max(4, instances * 2),
          DesiredCapacity: slot === "blue" ? instances : 0,
          VPCZoneIdentifier: network.subnets.join(","),
          TargetGroupARNs: [targetGroups[slot]],
          HealthCheckType: "ELB",
          HealthCheckGracePeriod: 60,
          Tags: [
            { Key: "teal.dev/service", Value: "shop", PropagateAtLaunch: true },
            { Key: "teal.dev/slot", Value: slot, PropagateAtLaunch: true },
          ],
        }),
      );
    }
    await simulator.elb.ready();
    const healthy = (slot: ShopSlot, targets: number) =>
      settled(simulator, groups[slot], targetGroups[slot], targets);
    await healthy("blue", instances);
    simulator.elb.alias("shop.example", loadBalancer.arn);
    return {
      host: "shop.example",
      loadBalancer,
      listeners,
      targetGroups,
      groups,
      image,
      ...network,
      healthy,
    };
  } finally {
    elb.destroy();
    scaling.destroy();
  }
}

/** VPC, a subnet in each of two zones, and a launch template whose first version starts the image. */
async function createNetwork(
  config: ReturnType<typeof clientConfig>,
  region: string,
  image: string,
  { launch }: ShopOptions,
) {
  // The large client is loaded only by those who build a shop.
  const { CreateLaunchTemplateCommand, CreateSubnetCommand, CreateVpcCommand, EC2Client } =
    await import("@aws-sdk/client-ec2");
  const ec2 = new EC2Client(config);
  try {
    const vpc = (await ec2.send(new CreateVpcCommand({ CidrBlock: "10.0.0.0/16" }))).Vpc!.VpcId!;
    const subnets: string[] = [];
    for (const [place, zone] of ["a", "b"].entries()) {
      const { Subnet: subnet } = await ec2.send(
        new CreateSubnetCommand({
          VpcId: vpc,
          CidrBlock: `10.0.${place}.0/24`,
          AvailabilityZone: `${region}${zone}`,
        }),
      );
      subnets.push(subnet!.SubnetId!);
    }
    const name = "shop";
    const { LaunchTemplate: template } = await ec2.send(
      new CreateLaunchTemplateCommand({
        LaunchTemplateName: name,
        LaunchTemplateData: { ImageId: image, InstanceType: "t3.micro", ...launch },
        TagSpecifications: [
          { ResourceType: "launch-template", Tags: [{ Key: "teal.dev/service", Value: "shop" }] },
        ],
      }),
    );
    return { vpc, subnets, template: { id: template!.LaunchTemplateId!, name } };
  } finally {
    ec2.destroy();
  }
}

async function createTargetGroup(
  elb: ElasticLoadBalancingV2Client,
  name: string,
  vpc: string,
  { deregistrationDelay = 30, healthInterval = 5, sticky }: ShopOptions,
): Promise<string> {
  const { TargetGroups: made } = await elb.send(
    new CreateTargetGroupCommand({
      Name: name,
      Protocol: "HTTP",
      Port: 8080,
      VpcId: vpc,
      TargetType: "instance",
      HealthCheckPath: "/health",
      HealthCheckIntervalSeconds: healthInterval,
      HealthCheckTimeoutSeconds: healthInterval - 1,
      HealthyThresholdCount: 2,
      UnhealthyThresholdCount: 2,
      Tags: [{ Key: "teal.dev/service", Value: "shop" }],
    }),
  );
  const arn = made![0]!.TargetGroupArn!;
  await elb.send(
    new ModifyTargetGroupAttributesCommand({
      TargetGroupArn: arn,
      Attributes: [
        { Key: "deregistration_delay.timeout_seconds", Value: String(deregistrationDelay) },
        ...(sticky === undefined
          ? []
          : [
              { Key: "stickiness.enabled", Value: "true" },
              { Key: "stickiness.type", Value: "lb_cookie" },
              { Key: "stickiness.lb_cookie.duration_seconds", Value: String(sticky) },
            ]),
      ],
    }),
  );
  return arn;
}

async function createLoadBalancer(
  elb: ElasticLoadBalancingV2Client,
  simulator: Simulator,
  subnets: string[],
  nodes: number,
): Promise<Shop["loadBalancer"]> {
  const { LoadBalancers: made } = await elb.send(
    new CreateLoadBalancerCommand({
      Name: "shop-alb",
      Subnets: subnets,
      Tags: [{ Key: "teal.dev/service", Value: "shop" }],
    }),
  );
  const { LoadBalancerArn: arn, DNSName: dnsName } = made![0]!;
  for (let node = subnets.length; node < nodes; node += 1) await simulator.elb.addNode(arn!);
  return { arn: arn!, name: "shop-alb", dnsName: dnsName! };
}

/** All to blue; green is in the action too, or its targets would be `unused` and never checked. */
function forward(targetGroups: Shop["targetGroups"], { sticky }: ShopOptions): Action {
  return {
    Type: "forward",
    ForwardConfig: {
      TargetGroups: [
        { TargetGroupArn: targetGroups.blue, Weight: 100 },
        { TargetGroupArn: targetGroups.green, Weight: 0 },
      ],
      ...(sticky !== undefined && {
        TargetGroupStickinessConfig: { Enabled: true, DurationSeconds: sticky },
      }),
    },
  };
}

async function createListener(
  elb: ElasticLoadBalancingV2Client,
  simulator: Simulator,
  loadBalancer: string,
  { port, protocol = String(port).endsWith("443") ? "HTTPS" : "HTTP" }: ShopListener,
  action: Action,
  { rule = "host" }: ShopOptions,
): Promise<Shop["listeners"][number]> {
  const nothing: Action = {
    Type: "fixed-response",
    FixedResponseConfig: { StatusCode: "404", ContentType: "text/plain", MessageBody: "no such shop" },
  };
  const { Listeners: made } = await elb.send(
    new CreateListenerCommand({
      LoadBalancerArn: loadBalancer,
      Port: port,
      Protocol: protocol,
      DefaultActions: [rule === "default" ? action : nothing],
      ...(protocol === "HTTPS" && {
        Certificates: [
          { CertificateArn: `arn:aws:acm:${simulator.region}:${simulator.account}:certificate/shop-example` },
        ],
      }),
    }),
  );
  const arn = made![0]!.ListenerArn!;
  if (rule === "default") {
    const { Rules: rules } = await elb.send(new DescribeRulesCommand({ ListenerArn: arn }));
    return { arn, port, rule: rules!.find(({ IsDefault: isDefault }) => isDefault)!.RuleArn! };
  }
  const { Rules: rules } = await elb.send(
    new CreateRuleCommand({
      ListenerArn: arn,
      Priority: 10,
      Conditions: [{ Field: "host-header", HostHeaderConfig: { Values: ["shop.example"] } }],
      Actions: [action],
      Tags: [{ Key: "teal.dev/service", Value: "shop" }],
    }),
  );
  return { arn, port, rule: rules![0]!.RuleArn! };
}

/** How long (ms of the world) a shop may take to settle: far longer than any delay that its options set. */
const PATIENCE = 30 * 60_000;

async function settled(
  simulator: Simulator,
  group: string,
  targetGroup: string,
  targets: number,
): Promise<void> {
  const states = () =>
    [...simulator.compute.state.instances.keys()].flatMap((id) => {
      const health = simulator.elb.targets.health(targetGroup, id);
      return health === undefined
        ? []
        : [`${id} ${health.state}${health.reason === undefined ? "" : ` (${health.reason})`}`];
    });
  const until = simulator.clock.now() + PATIENCE;
  for (;;) {
    const now = states();
    if (now.length === targets && now.every((state) => state.endsWith(" healthy"))) return;
    if (simulator.clock.now() > until) {
      throw new Error(
        `${group} did not come to ${targets} healthy targets: ${now.join(", ") || "none is registered"}`,
      );
    }
    await simulator.clock.sleep(250);
  }
}
