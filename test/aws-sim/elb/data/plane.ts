import type { Machines, World } from "../../kernel.ts";
import { listenersOf, rulesOf, usersOf, type Book, type LoadBalancer } from "../model.ts";
import { selfSigned } from "./certificate.ts";
import { readyRule } from "./compile.ts";
import { createCookies } from "./cookies.ts";
import { createCounters, type Counters } from "./counters.ts";
import { Group } from "./group.ts";
import { Node, type NodeDeps, type Told } from "./node.ts";

export interface PlaneOptions {
  /** Delays of the nodes in turn (ms of the world) until they apply a change; 0 by default. */
  readonly propagation: readonly number[];
  readonly renewGroupCookie: boolean;
  /** DNS names that the HTTPS listeners' certificate is good for. */
  readonly certificateNames: readonly string[];
  readonly zoneOf: (subnet: string) => string;
}

/** What the control plane wrote down, made to happen: nodes on sockets, targets with their health. */
export class Plane {
  readonly groups = new Map<string, Group>();
  readonly counters: Counters;
  readonly #world: World;
  readonly #machines: Machines;
  readonly #options: PlaneOptions;
  readonly #nodeDeps: NodeDeps;
  readonly #balancers = new Map<string, { told: Told; nodes: Node[] }>();
  readonly #stopping = new Set<Promise<void>>();
  readonly #problems: Error[] = [];
  #certificate: { readonly key: string; readonly certificate: string } | undefined;
  #made = 0;
  #version = 0;

  constructor(world: World, machines: Machines, options: PlaneOptions) {
    this.#world = world;
    this.#machines = machines;
    this.#options = options;
    this.counters = createCounters(world.clock);
    this.#nodeDeps = {
      clock: world.clock,
      chance: world.chance.fork("elb/requests"),
      cookies: createCookies(),
      renewGroupCookie: options.renewGroupCookie,
      counters: this.counters,
      groups: this.groups,
      certificate: () => this.certificate,
      failed: (error) => this.#problems.push(error),
    };
  }

  get certificate(): { readonly key: string; readonly certificate: string } {
    return (this.#certificate ??= selfSigned(this.#options.certificateNames));
  }

  nodes(loadBalancer: string): readonly Node[] {
    return this.#balancers.get(loadBalancer)?.nodes ?? [];
  }

  /** Follows a change of the control plane: groups at once, nodes after their delays. */
  follow(before: Book, now: Book): void {
    for (const [arn, of] of now.targetGroups) {
      let group = this.groups.get(arn);
      if (group === undefined) this.groups.set(arn, (group = this.#group(of.arn, now)));
      const used = usersOf(now, arn).length > 0;
      if (of !== before.targetGroups.get(arn) || used !== usersOf(before, arn).length > 0)
        group.configure(of, used);
    }
    for (const arn of before.targetGroups.keys()) if (!now.targetGroups.has(arn)) this.#forget(arn);
    if (unmoved(before, now)) return;
    for (const balancer of now.loadBalancers.values()) this.#tell(balancer, now);
    for (const arn of before.loadBalancers.keys()) if (!now.loadBalancers.has(arn)) this.#delete(arn);
  }

  /** One more address, as when AWS scales a load balancer. It begins with what is true now. */
  addNode(loadBalancer: string, zone: string, delay = this.#nextDelay()): Node {
    const balancer = this.#balancers.get(loadBalancer);
    if (balancer === undefined) throw new Error(`there is no load balancer ${loadBalancer}`);
    this.#made += 1;
    const node = new Node(this.#world.addresses(), zone, delay, this.#nodeDeps, balancer.told);
    balancer.nodes.push(node);
    return node;
  }

  async removeNode(loadBalancer: string, address: string): Promise<void> {
    const balancer = this.#balancers.get(loadBalancer);
    const node = balancer?.nodes.find((each) => each.address === address);
    if (balancer === undefined || node === undefined) throw new Error(`there is no node ${address}`);
    balancer.nodes = balancer.nodes.filter((each) => each !== node);
    await node.stop();
  }

  /** Once every port is open; throws when one could not be. */
  async ready(): Promise<void> {
    await Promise.all(
      [...this.#balancers.values()].flatMap(({ nodes }) => nodes.map((node) => node.ready())),
    );
    if (this.#problems.length > 0)
      throw new AggregateError(this.#problems.splice(0), "a listener could not be opened");
  }

  /** Once every node has applied what is true now, or something later. */
  async converged(loadBalancer: string): Promise<void> {
    const version = this.version(loadBalancer);
    const late = () => this.nodes(loadBalancer).filter((node) => node.version < version);
    while (late().length > 0) await Promise.race(late().map((node) => node.nextChange()));
  }

  /** The version that the nodes of a load balancer should come to. */
  version(loadBalancer: string): number {
    return this.#balancers.get(loadBalancer)?.told.version ?? 0;
  }

  async stop(): Promise<void> {
    for (const arn of this.#balancers.keys()) this.#delete(arn);
    for (const arn of this.groups.keys()) this.#forget(arn);
    await Promise.all(this.#stopping);
  }

  #group(arn: string, book: Book): Group {
    return new Group(
      {
        clock: this.#world.clock,
        machines: this.#machines,
        checksFrom: (targetGroup) => this.#checksFrom(targetGroup),
        gone: (target) => {
          for (const { nodes } of this.#balancers.values()) for (const node of nodes) node.drop(target);
          for (const cut of target.tunnels) cut();
        },
      },
      book.targetGroups.get(arn)!,
    );
  }

  /** The first node checks for all (assumed: in AWS every node does). */
  #checksFrom(targetGroup: string): string | undefined {
    for (const { told, nodes } of this.#balancers.values()) {
      for (const { rules } of told.ports.values()) {
        const names = rules.some(({ last }) =>
          last.ForwardConfig?.TargetGroups.some(({ TargetGroupArn: arn }) => arn === targetGroup),
        );
        if (names) return nodes[0]?.address;
      }
    }
    return undefined;
  }

  #tell(loadBalancer: LoadBalancer, book: Book): void {
    const ports = new Map(
      listenersOf(book, loadBalancer.arn).map((listener) => [
        listener.port,
        { listener, rules: rulesOf(book, listener.arn).map(readyRule) },
      ]),
    );
    const told: Told = { version: (this.#version += 1), loadBalancer, ports };
    const known = this.#balancers.get(loadBalancer.arn);
    const balancer = known ?? { told, nodes: [] };
    balancer.told = told;
    this.#balancers.set(loadBalancer.arn, balancer);
    this.#place(loadBalancer, balancer);
    for (const node of balancer.nodes) {
      if (node.delay <= 0) node.apply(told);
      else this.#world.clock.after(node.delay, () => node.apply(told));
    }
  }

  /** Guide, "Subnets": at least one node in each zone that is enabled. */
  #place(loadBalancer: LoadBalancer, balancer: { nodes: Node[] }): void {
    const zones = new Set(loadBalancer.subnets.map(this.#options.zoneOf));
    for (const node of balancer.nodes.filter(({ zone }) => !zones.has(zone))) {
      balancer.nodes = balancer.nodes.filter((each) => each !== node);
      this.#stopNode(node);
    }
    for (const zone of zones) {
      if (!balancer.nodes.some((node) => node.zone === zone)) this.addNode(loadBalancer.arn, zone);
    }
  }

  #nextDelay(): number {
    const { propagation } = this.#options;
    return propagation.length === 0 ? 0 : propagation[this.#made % propagation.length]!;
  }

  #delete(arn: string): void {
    const nodes = this.#balancers.get(arn)?.nodes ?? [];
    this.#balancers.delete(arn);
    for (const node of nodes) this.#stopNode(node);
  }

  #stopNode(node: Node): void {
    const stopping = node.stop().finally(() => this.#stopping.delete(stopping));
    this.#stopping.add(stopping);
  }

  #forget(arn: string): void {
    this.groups.get(arn)?.stop();
    this.groups.delete(arn);
  }
}

/** Nothing that a node serves by has changed: tags, say. */
const unmoved = (before: Book, now: Book) =>
  before.loadBalancers === now.loadBalancers &&
  before.listeners === now.listeners &&
  before.rules === now.rules;
