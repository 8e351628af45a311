import { AwsError, type Input, type Operation } from "../../kernel.ts";
import * as attributes from "../attributes.ts";
import { arnsOf, lookUp, notFound, reading, writing, type Desk } from "../desk.ts";
import { invalid, need, oneOf, records, text, texts } from "../input.ts";
import { listenersOf, put, type Book, type LoadBalancer } from "../model.ts";
import { page } from "../pages.ts";
import { QUOTAS, within } from "../quotas.ts";
import { readTags } from "./tags.ts";

const ID = "LoadBalancerArn";

export function loadBalancerOperations(desk: Desk): Record<string, Operation> {
  return {
    CreateLoadBalancer: writing(
      "CreateLoadBalancer",
      (input) => [desk.arn(`loadbalancer/app/${text(input, "Name") ?? ""}/*`)],
      (input) => ({ LoadBalancers: [show(desk, create(desk, input))] }),
      (input) => [desk.arn(`loadbalancer/app/${text(input, "Name") ?? ""}/*`)],
    ),
    DeleteLoadBalancer: writing("DeleteLoadBalancer", arnsOf(ID), (input) => remove(desk, need(input, ID))),
    DescribeLoadBalancers: reading("DescribeLoadBalancers", (input, { seenAt }) => {
      const found = find(desk.seen(seenAt), texts(input, "LoadBalancerArns"), texts(input, "Names"));
      const { entries, NextMarker } = page(input, "load-balancers", found, desk.options.pageSize ?? 20);
      return { LoadBalancers: entries.map((each) => show(desk, each)), NextMarker };
    }),
    DescribeLoadBalancerAttributes: reading("DescribeLoadBalancerAttributes", (input, { seenAt }) => ({
      Attributes: attributes.shown(
        lookUp(desk.seen(seenAt).loadBalancers, need(input, ID), "loadBalancer").attributes,
      ),
    })),
    ModifyLoadBalancerAttributes: writing("ModifyLoadBalancerAttributes", arnsOf(ID), (input) => {
      const balancer = lookUp(desk.book.loadBalancers, need(input, ID), "loadBalancer");
      const after = attributes.changed(attributes.LOAD_BALANCER, balancer.attributes, input);
      save(desk, { ...balancer, attributes: after });
      return { Attributes: attributes.shown(after) };
    }),
    SetSubnets: writing("SetSubnets", arnsOf(ID), (input) => {
      const balancer = lookUp(desk.book.loadBalancers, need(input, ID), "loadBalancer");
      const after = { ...balancer, subnets: readSubnets(desk, input) };
      save(desk, after);
      return { AvailabilityZones: zones(desk, after), IpAddressType: after.ipAddressType };
    }),
    SetSecurityGroups: writing("SetSecurityGroups", arnsOf(ID), (input) => {
      const balancer = lookUp(desk.book.loadBalancers, need(input, ID), "loadBalancer");
      const securityGroups = texts(input, "SecurityGroups");
      save(desk, { ...balancer, securityGroups });
      return { SecurityGroupIds: securityGroups };
    }),
    SetIpAddressType: writing("SetIpAddressType", arnsOf(ID), (input) => {
      const balancer = lookUp(desk.book.loadBalancers, need(input, ID), "loadBalancer");
      const ipAddressType = oneOf(input, "IpAddressType", ["ipv4"]) ?? "ipv4";
      save(desk, { ...balancer, ipAddressType });
      return { IpAddressType: ipAddressType };
    }),
    DescribeAccountLimits: reading("DescribeAccountLimits", (input) => {
      const limits = Object.entries(QUOTAS).map(([Name, Max]) => ({ Name, Max: `${Max}` }));
      const { entries, NextMarker } = page(input, "account-limits", limits, desk.options.pageSize ?? 20);
      return { Limits: entries, NextMarker };
    }),
  };
}

function create(desk: Desk, input: Input): LoadBalancer {
  const { book, options, world } = desk;
  const name = need(input, "Name");
  // API reference, CreateLoadBalancer, Name.
  if (!/^(?!internal-)(?!-)[A-Za-z0-9-]{1,32}(?<!-)$/.test(name)) {
    throw invalid(`The load balancer name '${name}' is not valid: at most 32 letters, digits and hyphens`);
  }
  // Only Application Load Balancers live here.
  oneOf(input, "Type", ["application"]);
  const subnets = readSubnets(desk, input);
  const spec = {
    name,
    scheme: oneOf(input, "Scheme", ["internet-facing", "internal"]) ?? "internet-facing",
    ipAddressType: oneOf(input, "IpAddressType", ["ipv4"]) ?? "ipv4",
    subnets,
    securityGroups: texts(input, "SecurityGroups"),
  };
  const known = [...book.loadBalancers.values()].find((each) => each.name === name);
  if (known !== undefined) {
    // API reference, CreateLoadBalancer: idempotent with the same settings, DuplicateLoadBalancerName with others.
    if (same(known, spec)) return known;
    throw new AwsError(
      "DuplicateLoadBalancerName",
      `A load balancer with the same name '${name}' exists, but with different settings`,
    );
  }
  within("application-load-balancers", book.loadBalancers.size + 1, "TooManyLoadBalancers");
  const id = desk.id();
  const digits = `${Number.parseInt(id.slice(0, 8), 16)}`;
  const balancer: LoadBalancer = {
    ...spec,
    arn: desk.arn(`loadbalancer/app/${name}/${id}`),
    dnsName: `${spec.scheme === "internal" ? "internal-" : ""}${name}-${digits}.${world.region}.elb.amazonaws.com`,
    created: new Date(world.clock.now()),
    attributes: attributes.standards(attributes.LOAD_BALANCER),
    servesFrom: world.clock.now() + (options.provisioning ?? 0),
  };
  desk.change({
    loadBalancers: put(book.loadBalancers, balancer.arn, balancer),
    tags: put(book.tags, balancer.arn, readTags(input)),
  });
  return balancer;
}

const same = (known: LoadBalancer, spec: Partial<LoadBalancer>) =>
  Object.entries(spec).every(
    ([key, value]) => JSON.stringify(known[key as keyof LoadBalancer]) === JSON.stringify(value),
  );

/** API reference, CreateLoadBalancer: at least two zones, one subnet of each. */
function readSubnets(desk: Desk, input: Input): readonly string[] {
  const mapped = records(input, "SubnetMappings").map((mapping) => need(mapping, "SubnetId"));
  const subnets = mapped.length > 0 ? mapped : texts(input, "Subnets");
  for (const id of subnets) {
    if (desk.options.subnet !== undefined && desk.options.subnet(id) === undefined) {
      throw new AwsError("SubnetNotFound", `The subnet ID '${id}' is not valid`);
    }
  }
  const zoneNames = subnets.map((id) => zoneOf(desk, id));
  if (new Set(zoneNames).size !== zoneNames.length) {
    throw new AwsError(
      "InvalidConfigurationRequest",
      "A load balancer cannot be attached to multiple subnets in the same Availability Zone",
    );
  }
  if (zoneNames.length < 2) {
    throw invalid("At least two subnets in two different Availability Zones must be specified");
  }
  return subnets;
}

const zoneNames = new WeakMap<Desk, Map<string, string>>();

/** As EC2 says, else a zone of its own for every subnet. */
export function zoneOf(desk: Desk, subnet: string): string {
  const told = desk.options.subnet?.(subnet)?.zone;
  if (told !== undefined) return told;
  let names = zoneNames.get(desk);
  if (names === undefined) zoneNames.set(desk, (names = new Map()));
  if (!names.has(subnet)) names.set(subnet, `${desk.world.region}${String.fromCharCode(97 + names.size)}`);
  return names.get(subnet)!;
}

function remove(desk: Desk, arn: string): Record<string, never> {
  const { book } = desk;
  const balancer = book.loadBalancers.get(arn);
  // API reference, DeleteLoadBalancer: "If the load balancer does not exist … the call succeeds".
  if (balancer === undefined) return {};
  if (balancer.attributes.get("deletion_protection.enabled") === "true") {
    throw new AwsError(
      "OperationNotPermitted",
      `Load balancer '${arn}' cannot be deleted because deletion protection is enabled`,
    );
  }
  const listeners = new Set(listenersOf(book, arn).map((listener) => listener.arn));
  const rules = [...book.rules.values()].filter(({ listener }) => listeners.has(listener));
  const gone = new Set([arn, ...listeners, ...rules.map((rule) => rule.arn)]);
  const kept = <V>(map: ReadonlyMap<string, V>) => new Map([...map].filter(([key]) => !gone.has(key)));
  // API reference, DeleteLoadBalancer: its listeners are deleted too; target groups stay.
  desk.change({
    loadBalancers: kept(book.loadBalancers),
    listeners: kept(book.listeners),
    rules: kept(book.rules),
    tags: kept(book.tags),
  });
  return {};
}

function find(book: Book, arns: readonly string[], names: readonly string[]): readonly LoadBalancer[] {
  const all = [...book.loadBalancers.values()];
  if (arns.length > 0) return arns.map((arn) => lookUp(book.loadBalancers, arn, "loadBalancer"));
  return names.length === 0
    ? all
    : names.map((name) => {
        const found = all.find((each) => each.name === name);
        if (found === undefined) throw notFound.loadBalancer(name);
        return found;
      });
}

function save(desk: Desk, balancer: LoadBalancer): void {
  desk.change({ loadBalancers: put(desk.book.loadBalancers, balancer.arn, balancer) });
}

const zones = (desk: Desk, { subnets }: LoadBalancer) =>
  subnets.map((id) => ({ ZoneName: zoneOf(desk, id), SubnetId: id, LoadBalancerAddresses: [] }));

const show = (desk: Desk, balancer: LoadBalancer) => ({
  LoadBalancerArn: balancer.arn,
  DNSName: balancer.dnsName,
  CanonicalHostedZoneId: "Z215JYRZR1TBD5",
  CreatedTime: balancer.created,
  LoadBalancerName: balancer.name,
  Scheme: balancer.scheme,
  VpcId: desk.options.subnet?.(balancer.subnets[0]!)?.vpc ?? "vpc-0a1b2c3d4e5f60718",
  State: { Code: balancer.servesFrom > desk.world.clock.now() ? "provisioning" : "active" },
  Type: "application",
  AvailabilityZones: zones(desk, balancer),
  SecurityGroups: balancer.securityGroups,
  IpAddressType: balancer.ipAddressType,
});
