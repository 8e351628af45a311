import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { createElb, type ElbWorld } from "../../../../test/aws-sim/elb/service.ts";
import type { World } from "../../../../test/aws-sim/kernel.ts";
import { createMonitoring } from "../../../../test/aws-sim/services/monitoring.ts";
import { createSts } from "../../../../test/aws-sim/services/sts.ts";
import { smallWorld, type SmallWorld } from "../../../../test/aws-sim/small-world.ts";
import type { SimulatorOptions } from "../../../../test/aws-sim/types.ts";
import { millis, SLOTS, type Slot } from "../../../core/units.ts";
import type { AwsApi } from "../api/api.ts";
import { clientsOf } from "../api/clients.ts";
import type { ClientConfig } from "../api/config.ts";
import { connectAws } from "../api/connect.ts";
import { credentialsOf } from "../api/credentials.ts";
import { metricsOver } from "../api/metrics.ts";
import { sender } from "../api/send.ts";
import type { Found, FoundRule } from "../found.ts";
import type { AwsSettings } from "../settings.ts";
import { createAwsRouter, type AwsRouter, type AwsRouterParts } from "./router.ts";

/** A load balancer of the simulator with a machine in each slot, and the router in front of it. */
export interface Stage {
  readonly world: World;
  readonly small: SmallWorld;
  readonly elb: ElbWorld;
  readonly api: AwsApi;
  readonly found: Found;
  readonly settings: AwsSettings;
  /** Requests besides health checks that the slot's machine answered. */
  readonly served: Readonly<Record<Slot, number>>;
  readonly addresses: () => Promise<readonly string[]>;
  readonly router: AwsRouter;
  /** Another process's router in front of the same rules. */
  readonly another: (parts?: AwsRouterParts, settings?: Partial<AwsSettings>) => AwsRouter;
  /** A router with credentials that may do only what these statements of a policy say. */
  readonly allowed: (...statements: object[]) => Promise<AwsRouter>;
  /** An operation by a foreign hand. */
  readonly foreign: <T = unknown>(operation: string, input: unknown) => T;
  /** Writes of Elastic Load Balancing that were asked for, without `AddTags`. */
  readonly writes: () => readonly string[];
  readonly stop: () => Promise<void>;
}

export interface StageOptions extends SimulatorOptions {
  readonly rules?: readonly ("host" | "default" | "path")[];
  readonly settings?: Partial<AwsSettings>;
  readonly parts?: AwsRouterParts;
  /** Instead of blue 100, green 0 in the form with both. */
  readonly actions?: (groups: Readonly<Record<Slot, string>>) => unknown[];
}

const MACHINE_PORT = 8080;
export const REVISIONS = { blue: "r1", green: "r2" } as const;

export const forward = (
  groups: Readonly<Record<Slot, string>>,
  blue: number,
  green: number,
  sticky?: number,
) => ({
  Type: "forward",
  ForwardConfig: {
    TargetGroups: [
      { TargetGroupArn: groups.blue, Weight: blue },
      { TargetGroupArn: groups.green, Weight: green },
    ],
    ...(sticky === undefined
      ? {}
      : { TargetGroupStickinessConfig: { Enabled: true, DurationSeconds: sticky } }),
  },
});

export async function openStage(options: StageOptions = {}): Promise<Stage> {
  const served = { blue: 0, green: 0 };
  const machines = new Map<string, { host: string; state: string }>();
  let elb: ElbWorld | undefined;
  const small = await smallWorld(
    (world) => {
      elb = createElb(
        world,
        { address: (id) => machines.get(id) },
        { propagation: options.propagation ?? [] },
      );
      const made = elb;
      return [
        made.service,
        createSts(world),
        createMonitoring(
          world,
          () => made.counted(),
          () => 1,
        ),
      ];
    },
    { speed: 20, ...options },
  );
  if (elb === undefined) throw new Error("no load balancers");
  const { world } = small;
  const balancers = elb;
  await balancers.ready();
  const servers: Server[] = [];
  const foreign = <T>(operation: string, input: unknown) => balancers.act(operation, input) as T;
  for (const slot of SLOTS) {
    const host = world.addresses();
    servers.push(await startMachine(host, slot, served));
    machines.set(`i-${slot}`, { host, state: "running" });
  }
  const groups = { blue: targetGroup(foreign, "blue"), green: targetGroup(foreign, "green") };
  const found = await build(world, foreign, groups, options);
  await balancers.ready();
  await healthy(balancers, groups);
  const environment = { ...small.plane.environment(), TEAL_NAME_SERVER: balancers.nameServer };
  const settings: AwsSettings = {
    service: "shop",
    environment: "default",
    account: world.account,
    listeners: ["shop-alb:8000"],
    match: { host: "shop.example" },
    template: { by: "image" },
    reach: { by: "headerRule", header: "X-Teal-Probe" },
    sticky: "wait",
    propagation: millis(300),
    ...options.settings,
  };
  const connected = await connectAws(settings, { environment });
  if (connected.is === "failed") throw new Error(connected.cause.message);
  const connections = [connected.api];
  const api = withWorldTime(connected.api, environment, world);
  const another = (parts: AwsRouterParts = {}, over: Partial<AwsSettings> = {}) =>
    createAwsRouter(api, { ...settings, ...over }, () => Promise.resolve(found), {
      now: () => world.clock.now(),
      ...parts,
    });
  return {
    world,
    small,
    elb: balancers,
    api,
    found,
    settings,
    served,
    addresses: () => Promise.resolve(balancers.nodes("shop-alb").map(({ address }) => address)),
    router: another(options.parts),
    another,
    allowed: async (...statements) => {
      const key = small.allowed(...statements);
      const as = await connectAws(settings, { environment: small.plane.environment(key) });
      if (as.is === "failed") throw new Error(as.cause.message);
      connections.push(as.api);
      return createAwsRouter(as.api, settings, () => Promise.resolve(found));
    },
    foreign,
    writes: () =>
      small.recorded
        .filter(({ mutating, action }) => mutating && action !== "elasticloadbalancing:AddTags")
        .map(({ action }) => action.replace("elasticloadbalancing:", "")),
    stop: async () => {
      for (const connection of connections) await connection.close();
      await balancers.stop();
      for (const server of servers) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
      await small.stop();
    },
  };
}

/** CloudWatch is asked up to the world's present, which runs ahead of the machine's. */
function withWorldTime(api: AwsApi, environment: Record<string, string>, world: World): AwsApi {
  const config: ClientConfig = {
    region: api.region,
    maxAttempts: 1,
    endpoint: environment["AWS_ENDPOINT_URL"] ?? "",
    requestHandler: { connectionTimeout: 2_000 },
  };
  const credentials = credentialsOf(config, environment);
  const send = sender({
    region: api.region,
    random: () => 0.5,
    monotonic: () => performance.now(),
    renew: () => credentials.renew(),
  });
  const metrics = metricsOver(clientsOf(config, credentials), send, () => world.clock.now());
  const { region, elb, scaling, compute, parameters, rights } = api;
  return {
    region,
    elb,
    scaling,
    compute,
    parameters,
    rights,
    metrics,
    caller: (signal) => api.caller(signal),
    close: () => api.close(),
  };
}

type Foreign = <T>(operation: string, input: unknown) => T;

function targetGroup(foreign: Foreign, slot: Slot): string {
  const { TargetGroups } = foreign<{ TargetGroups: { TargetGroupArn: string }[] }>("CreateTargetGroup", {
    Name: `shop-${slot}`,
    Protocol: "HTTP",
    Port: MACHINE_PORT,
    VpcId: "vpc-1",
    HealthCheckPath: "/health",
    HealthCheckIntervalSeconds: 5,
    HealthCheckTimeoutSeconds: 2,
    HealthyThresholdCount: 2,
  });
  const arn = TargetGroups[0]?.TargetGroupArn ?? "";
  foreign("RegisterTargets", { TargetGroupArn: arn, Targets: [{ Id: `i-${slot}` }] });
  return arn;
}

async function build(
  world: World,
  foreign: Foreign,
  groups: Readonly<Record<Slot, string>>,
  { rules = ["host"], actions = (all) => [forward(all, 100, 0)] }: StageOptions,
): Promise<Found> {
  const made = foreign<{ LoadBalancers: { LoadBalancerArn: string; DNSName: string }[] }>(
    "CreateLoadBalancer",
    {
      Name: "shop-alb",
      Subnets: ["subnet-1", "subnet-2"],
    },
  ).LoadBalancers[0];
  const loadBalancer = {
    arn: made?.LoadBalancerArn ?? "",
    name: "shop-alb",
    dnsName: made?.DNSName ?? "",
    subnets: ["subnet-1", "subnet-2"],
    internal: false,
  };
  const nothing = { Type: "fixed-response", FixedResponseConfig: { StatusCode: "404" } };
  const arn =
    foreign<{ Listeners: { ListenerArn: string }[] }>("CreateListener", {
      LoadBalancerArn: loadBalancer.arn,
      Protocol: "HTTP",
      Port: 8000,
      DefaultActions: rules.includes("default") ? actions(groups) : [nothing],
    }).Listeners[0]?.ListenerArn ?? "";
  const listener = { arn, port: 8000, protocol: "HTTP" as const, loadBalancer };
  const conditions = {
    host: [{ Field: "host-header", HostHeaderConfig: { Values: ["shop.example"] } }],
    path: [{ Field: "path-pattern", PathPatternConfig: { Values: ["/api/*"] } }],
  };
  const all = rules.map((kind, index): FoundRule => {
    const rule =
      kind === "default"
        ? foreign<{ Rules: { RuleArn: string; IsDefault: boolean }[] }>("DescribeRules", {
            ListenerArn: arn,
          }).Rules.find(({ IsDefault }) => IsDefault)
        : foreign<{ Rules: { RuleArn: string }[] }>("CreateRule", {
            ListenerArn: arn,
            Priority: 10 * (index + 1),
            Conditions: conditions[kind],
            Actions: actions(groups),
          }).Rules[0];
    return {
      arn: rule?.RuleArn ?? "",
      isDefault: kind === "default",
      listener,
      name: `shop-alb:8000 ${kind}`,
      hosts: kind === "host" ? ["shop.example"] : [],
      paths: kind === "path" ? ["/api/*"] : [],
    };
  });
  const slot = (name: Slot) => ({
    group: `shop-${name}`,
    targetGroup: {
      arn: groups[name],
      name: `shop-${name}`,
      port: MACHINE_PORT,
      protocol: "HTTP" as const,
      health: { path: "/health", port: "traffic-port", statuses: "200", interval: 5, threshold: 2 },
    },
  });
  return {
    account: world.account,
    region: world.region,
    rules: all,
    slots: { blue: slot("blue"), green: slot("green") },
    replicas: 1,
  };
}

async function healthy(elb: ElbWorld, groups: Readonly<Record<Slot, string>>): Promise<void> {
  const ready = () =>
    SLOTS.every((slot) => elb.targets.health(groups[slot], `i-${slot}`)?.state !== "initial");
  while (!ready()) await new Promise((resolve) => setTimeout(resolve, 5));
}

async function startMachine(host: string, slot: Slot, served: Record<Slot, number>): Promise<Server> {
  const server = createServer((request, response) => {
    if (request.url !== "/health") served[slot] += 1;
    response.setHeader("x-revision", REVISIONS[slot]).end(`${REVISIONS[slot]}\n`);
  });
  server.listen(MACHINE_PORT, host);
  await once(server, "listening");
  return server;
}
