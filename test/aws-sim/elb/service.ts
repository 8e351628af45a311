import {
  AwsError,
  type Input,
  type Machines,
  type Operation,
  type Service,
  type Targets,
  type World,
} from "../kernel.ts";
import type { Counted } from "./data/counters.ts";
import { serveNames, type NameServer } from "./data/dns.ts";
import { Plane } from "./data/plane.ts";
import { lookUp, openDesk, type Desk, type ElbOptions } from "./desk.ts";
import { invalid } from "./input.ts";
import { listenerOperations } from "./operations/listeners.ts";
import { loadBalancerOperations, zoneOf } from "./operations/load-balancers.ts";
import { ruleOperations } from "./operations/rules.ts";
import { tagOperations } from "./operations/tags.ts";
import { targetGroupOperations } from "./operations/target-groups.ts";
import { targetOperations } from "./operations/targets.ts";

export type { ElbOptions } from "./desk.ts";
export type { Counted } from "./data/counters.ts";

/** One address of a load balancer, as tests see it. */
export interface NodeView {
  readonly address: string;
  readonly zone: string;
  /** ms of the world until it applies a change. */
  readonly delay: number;
  /** Requests that came in at this address. */
  readonly requests: number;
  /** World time at which it applied the last change. */
  readonly appliedAt: number;
  /** It serves by what the control plane says now. */
  readonly current: boolean;
}

export interface ElbWorld {
  readonly service: Service;
  readonly targets: Targets;
  /** `host:port` of the DNS server that knows the load balancers' names; after `ready`. */
  readonly nameServer: string;
  /** PEM of the certificate that HTTPS listeners show: it vouches for itself. */
  readonly certificate: string;
  /** Once every port that the nodes were told of is open (after `converged`, with delays); rejects when one could not be (a port below 1024 needs the right to it). */
  ready(): Promise<void>;
  /** By ARN or name; the addresses are what the DNS name resolves to. */
  nodes(loadBalancer: string): readonly NodeView[];
  /** Delays of the nodes, in turn, for changes from now on (ms of the world). */
  delays(loadBalancer: string, delays: readonly number[]): void;
  /** One more address, as when AWS scales the load balancer; resolves when it serves. */
  addNode(loadBalancer: string, delay?: number): Promise<NodeView>;
  removeNode(loadBalancer: string, address: string): Promise<void>;
  /** Another name in the DNS, as of an alias record. */
  alias(name: string, loadBalancer: string): void;
  /** Resolves when every node serves by what the control plane says at that moment. */
  converged(loadBalancer: string): Promise<void>;
  /** Everything that went through, by load balancer, target group, node and minute of the world. */
  counted(): readonly Counted[];
  /** Requests that were sent to targets of a group (ARN or name), at one node or at all. */
  requests(targetGroup: string, node?: string): number;
  /** Carries an operation out as somebody else would: without credentials, not recorded. Numbers and truth values may be given as such. */
  act(operation: string, input: unknown): unknown;
  /** Changes the weights of a rule (ARN; a default rule's too) behind everybody's back: by name or ARN of the target groups. */
  shift(rule: string, weights: Readonly<Record<string, number>>): void;
  /** Closes every socket; health checks end. */
  stop(): Promise<void>;
}

/** Elastic Load Balancing of one world: its API, and load balancers that serve on loopback addresses. */
export function createElb(world: World, machines: Machines, options: ElbOptions = {}): ElbWorld {
  const desk: Desk = openDesk(world, options, (before, now) => plane.follow(before, now));
  const plane = new Plane(world, machines, {
    propagation: options.propagation ?? [],
    renewGroupCookie: options.groupCookie !== "kept",
    certificateNames: [
      `*.${world.region}.elb.amazonaws.com`,
      ...(options.certificateNames ?? ["*.example", "localhost"]),
    ],
    zoneOf: (subnet) => zoneOf(desk, subnet),
  });
  const operations: Record<string, Operation> = {
    ...loadBalancerOperations(desk),
    ...listenerOperations(desk),
    ...ruleOperations(desk),
    ...targetGroupOperations(desk),
    ...targetOperations(desk, plane.groups, machines),
    ...tagOperations(desk),
  };
  const faces: Pick<ElbWorld, "service" | "targets"> = {
    service: {
      name: "elasticloadbalancing",
      protocol: "query",
      namespace: "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/",
      operations,
      tagsOf: (arn) => {
        const tags = desk.book.tags.get(arn);
        return tags && Object.fromEntries(tags);
      },
    },
    targets: targetsOf(plane),
  };
  return withDoors(faces, world, desk, plane, operations);
}

function targetsOf(plane: Plane): Targets {
  const group = (arn: string) => {
    const found = plane.groups.get(arn);
    if (found === undefined)
      throw new AwsError("TargetGroupNotFound", `One or more target groups not found: ${arn}`);
    return found;
  };
  return {
    exists: (arn) => plane.groups.has(arn),
    register: (arn, { id, port }) => group(arn).register(id, port),
    // A group that was deleted meanwhile has nothing left to drain.
    deregister: async (arn, id) => plane.groups.get(arn)?.deregister(id),
    health: (arn, id) => {
      const target = [...(plane.groups.get(arn)?.targets.values() ?? [])].find((each) => each.id === id);
      return (
        target && {
          state: target.health.state,
          ...(target.health.reason !== undefined && { reason: target.health.reason }),
        }
      );
    },
  };
}

function withDoors(
  faces: Pick<ElbWorld, "service" | "targets">,
  world: World,
  desk: Desk,
  plane: Plane,
  operations: Readonly<Record<string, Operation>>,
): ElbWorld {
  const aliases = new Map<string, string>();
  const arnOf = (nameOrArn: string) =>
    [...desk.book.loadBalancers.values()].find(({ arn, name }) => arn === nameOrArn || name === nameOrArn)
      ?.arn ?? nameOrArn;
  const groupOf = (nameOrArn: string) =>
    [...desk.book.targetGroups.values()].find(({ arn, name }) => arn === nameOrArn || name === nameOrArn)
      ?.arn ?? nameOrArn;
  const view = (arn: string, node: ReturnType<Plane["nodes"]>[number]): NodeView => ({
    address: node.address,
    zone: node.zone,
    delay: node.delay,
    requests: node.requests,
    appliedAt: node.appliedAt,
    current: node.version === plane.version(arn),
  });
  let serving: NameServer | undefined;
  const names = serveNames(world.addresses(), (name) => {
    const found = [...desk.book.loadBalancers.values()].find(({ dnsName }) => dnsName.toLowerCase() === name);
    const arn = found?.arn ?? aliases.get(name);
    return arn === undefined ? undefined : plane.nodes(arn).map(({ address }) => address);
  }).then((server) => (serving = server));
  const act = (operation: string, input: unknown) => {
    const known = operations[operation];
    if (known === undefined) throw new Error(`there is no operation ${operation}`);
    return known.handle(scalars(input) as Input, {
      requestId: "foreign-hand",
      principal: "somebody else",
      seenAt: world.clock.now(),
    });
  };
  return {
    ...faces,
    get nameServer() {
      if (serving === undefined) throw new Error("the DNS server is not open yet: wait for ready()");
      return serving.address;
    },
    get certificate() {
      return plane.certificate.certificate;
    },
    ready: async () => {
      await names;
      await plane.ready();
    },
    nodes: (balancer) => plane.nodes(arnOf(balancer)).map((node) => view(arnOf(balancer), node)),
    delays: (balancer, delays) => {
      for (const [at, node] of plane.nodes(arnOf(balancer)).entries())
        node.delay = delays[at % delays.length] ?? 0;
    },
    addNode: async (balancer, delay) => {
      const arn = arnOf(balancer);
      const { zone } = plane.nodes(arn)[0]!;
      const node = plane.addNode(arn, zone, delay);
      await node.ready();
      return view(arn, node);
    },
    removeNode: (balancer, address) => plane.removeNode(arnOf(balancer), address),
    alias: (name, balancer) => aliases.set(name.toLowerCase(), arnOf(balancer)),
    converged: (balancer) => plane.converged(arnOf(balancer)),
    counted: () => plane.counters.all(),
    requests: (targetGroup, node) =>
      plane.counters
        .all()
        .filter(
          (each) => each.targetGroup === groupOf(targetGroup) && (node === undefined || each.node === node),
        )
        .reduce((sum, { requests }) => sum + requests, 0),
    act,
    shift: (ruleArn, weights) => {
      const rule = lookUp(desk.book.rules, ruleArn, "rule");
      const Actions = rule.actions.map((action) => {
        if (action.ForwardConfig === undefined) return action;
        const { TargetGroupArn: _single, ...rest } = action;
        const TargetGroups = Object.entries(weights).map(([group, Weight]) => ({
          TargetGroupArn: groupOf(group),
          Weight,
        }));
        return { ...rest, ForwardConfig: { ...action.ForwardConfig, TargetGroups } };
      });
      if (rule.priority === "default")
        act("ModifyListener", { ListenerArn: rule.listener, DefaultActions: Actions });
      else act("ModifyRule", { RuleArn: rule.arn, Actions });
    },
    stop: async () => {
      await plane.stop();
      await (await names).stop();
    },
  };
}

/** As the protocols parse: every scalar is a text. */
function scalars(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(scalars);
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, scalars(each)]));
  }
  if (typeof value === "number" || typeof value === "boolean") return `${value}`;
  if (typeof value === "string" || value === undefined) return value;
  throw invalid(`a ${typeof value} cannot be sent`);
}
