import { AwsError, type Input, type Operation } from "../../kernel.ts";
import { checkStickiness } from "../actions.ts";
import * as attributes from "../attributes.ts";
import { arnsOf, lookUp, notFound, reading, writing, type Desk } from "../desk.ts";
import { flag, invalid, need, oneOf, record, text, texts, whole } from "../input.ts";
import {
  groupsIn,
  listenersOf,
  put,
  rulesOf,
  usersOf,
  type Book,
  type HealthCheck,
  type TargetGroup,
} from "../model.ts";
import { page } from "../pages.ts";
import { within } from "../quotas.ts";
import { readTags } from "./tags.ts";

const ID = "TargetGroupArn";

export function targetGroupOperations(desk: Desk): Record<string, Operation> {
  const named = (input: Input) => [desk.arn(`targetgroup/${text(input, "Name") ?? ""}/*`)];
  return {
    CreateTargetGroup: writing(
      "CreateTargetGroup",
      named,
      (input) => ({ TargetGroups: [showNow(desk, create(desk, input))] }),
      named,
    ),
    ModifyTargetGroup: writing("ModifyTargetGroup", arnsOf(ID), (input) => {
      const before = lookUp(desk.book.targetGroups, need(input, ID), "targetGroup");
      const group = { ...before, health: readHealth(input, before.health) };
      save(desk, group);
      return { TargetGroups: [showNow(desk, group)] };
    }),
    DeleteTargetGroup: writing("DeleteTargetGroup", arnsOf(ID), (input) => remove(desk, need(input, ID))),
    DescribeTargetGroups: reading("DescribeTargetGroups", (input, { seenAt }) => {
      const book = desk.seen(seenAt);
      const { entries, NextMarker } = page(
        input,
        "target-groups",
        find(book, input),
        desk.options.pageSize ?? 20,
      );
      return { TargetGroups: entries.map((group) => show(book, group)), NextMarker };
    }),
    DescribeTargetGroupAttributes: reading("DescribeTargetGroupAttributes", (input, { seenAt }) => ({
      Attributes: attributes.shown(
        lookUp(desk.seen(seenAt).targetGroups, need(input, ID), "targetGroup").attributes,
      ),
    })),
    ModifyTargetGroupAttributes: writing("ModifyTargetGroupAttributes", arnsOf(ID), (input) => {
      const before = lookUp(desk.book.targetGroups, need(input, ID), "targetGroup");
      const group = {
        ...before,
        attributes: attributes.changed(attributes.TARGET_GROUP, before.attributes, input),
      };
      attributes.checkTargetGroup(group.attributes);
      const targetGroups = put(desk.book.targetGroups, group.arn, group);
      for (const rule of desk.book.rules.values()) {
        if (groupsIn(rule.actions).includes(group.arn)) checkStickiness({ targetGroups }, rule.actions);
      }
      desk.change({ targetGroups });
      return { Attributes: attributes.shown(group.attributes) };
    }),
  };
}

function create(desk: Desk, input: Input): TargetGroup {
  const { book } = desk;
  const name = need(input, "Name");
  // API reference, CreateTargetGroup, Name.
  if (!/^(?!-)[A-Za-z0-9-]{1,32}(?<!-)$/.test(name)) {
    throw invalid(`The target group name '${name}' is not valid: at most 32 letters, digits and hyphens`);
  }
  const protocol = oneOf(input, "Protocol", ["HTTP", "HTTPS"]);
  const port = whole(input, "Port", 1, 65_535);
  if (protocol === undefined || port === undefined)
    throw invalid("A target group needs a protocol and a port");
  const group: TargetGroup = {
    arn: desk.arn(`targetgroup/${name}/${desk.id()}`),
    name,
    protocol,
    port,
    vpc: need(input, "VpcId"),
    targetType: oneOf(input, "TargetType", ["instance", "ip"]) ?? "instance",
    protocolVersion: oneOf(input, "ProtocolVersion", ["HTTP1"]) ?? "HTTP1",
    health: readHealth(input, standardHealth(protocol)),
    attributes: attributes.standards(attributes.TARGET_GROUP),
  };
  const known = [...book.targetGroups.values()].find((each) => each.name === name);
  if (known !== undefined) {
    // API reference, CreateTargetGroup: idempotent with the same settings, DuplicateTargetGroupName with others.
    if (settings(known) === settings(group)) return known;
    throw new AwsError(
      "DuplicateTargetGroupName",
      `A target group with the same name '${name}' exists, but with different settings`,
    );
  }
  within("target-groups", book.targetGroups.size + 1, "TooManyTargetGroups");
  desk.change({
    targetGroups: put(book.targetGroups, group.arn, group),
    tags: put(book.tags, group.arn, readTags(input)),
  });
  return group;
}

const settings = ({ arn: _arn, attributes: _attributes, ...rest }: TargetGroup) => JSON.stringify(rest);

/** API reference, CreateTargetGroup: the defaults for Application Load Balancers. */
const standardHealth = (protocol: "HTTP" | "HTTPS"): HealthCheck => ({
  protocol,
  port: "traffic-port",
  path: "/",
  interval: 30,
  timeout: 5,
  healthy: 5,
  unhealthy: 2,
  matcher: "200",
});

/** API reference, CreateTargetGroup and ModifyTargetGroup: the ranges. */
function readHealth(input: Input, before: HealthCheck): HealthCheck {
  if (flag(input, "HealthCheckEnabled") === false) {
    throw invalid("Health checks are always enabled for target groups of the types instance and ip");
  }
  const port = text(input, "HealthCheckPort") ?? before.port;
  if (port !== "traffic-port" && !(/^\d+$/.test(port) && Number(port) >= 1 && Number(port) <= 65_535)) {
    throw invalid(`Health check port '${port}' must be 'traffic-port' or in the range 1-65535`);
  }
  const path = text(input, "HealthCheckPath") ?? before.path;
  if (!/^\/.{0,1023}$/.test(path)) throw invalid(`Health check path '${path}' must begin with '/'`);
  const matcher = record(input, "Matcher");
  const codes = (matcher && text(matcher, "HttpCode")) ?? before.matcher;
  // API reference, Matcher: 200 to 499 for Application Load Balancers.
  if (!/^[234]\d\d([,-][234]\d\d)*$/.test(codes))
    throw invalid(`Health check matcher '${codes}' must be codes from 200 to 499`);
  const health: HealthCheck = {
    protocol: oneOf(input, "HealthCheckProtocol", ["HTTP", "HTTPS"]) ?? before.protocol,
    port,
    path,
    interval: whole(input, "HealthCheckIntervalSeconds", 5, 300) ?? before.interval,
    timeout: whole(input, "HealthCheckTimeoutSeconds", 2, 120) ?? before.timeout,
    healthy: whole(input, "HealthyThresholdCount", 2, 10) ?? before.healthy,
    unhealthy: whole(input, "UnhealthyThresholdCount", 2, 10) ?? before.unhealthy,
    matcher: codes,
  };
  if (health.timeout >= health.interval) {
    throw invalid("Health check interval must be greater than the timeout");
  }
  return health;
}

function remove(desk: Desk, arn: string): Record<string, never> {
  const { book } = desk;
  // API reference, DeleteTargetGroup: ResourceInUse while a rule or listener names it. Assumed: one that is not there is fine.
  if (usersOf(book, arn).length > 0) {
    throw new AwsError("ResourceInUse", `Target group '${arn}' is currently in use by a listener or a rule`);
  }
  desk.change({ targetGroups: put(book.targetGroups, arn, undefined), tags: put(book.tags, arn, undefined) });
  return {};
}

function find(book: Book, input: Input): readonly TargetGroup[] {
  const arns = texts(input, "TargetGroupArns");
  const names = texts(input, "Names");
  const balancer = text(input, "LoadBalancerArn");
  // API reference, DescribeTargetGroups: one of load balancer, names, ARNs.
  if ([arns.length > 0, names.length > 0, balancer !== undefined].filter(Boolean).length > 1) {
    throw invalid("Only one of LoadBalancerArn, TargetGroupArns and Names can be specified");
  }
  if (arns.length > 0) return arns.map((arn) => lookUp(book.targetGroups, arn, "targetGroup"));
  const all = [...book.targetGroups.values()];
  if (names.length > 0) {
    return names.map((name) => {
      const found = all.find((group) => group.name === name);
      if (found === undefined) throw notFound.targetGroup(name);
      return found;
    });
  }
  if (balancer === undefined) return all;
  lookUp(book.loadBalancers, balancer, "loadBalancer");
  const used = new Set(
    listenersOf(book, balancer)
      .flatMap(({ arn }) => rulesOf(book, arn))
      .flatMap(({ actions }) => groupsIn(actions)),
  );
  return all.filter(({ arn }) => used.has(arn));
}

function save(desk: Desk, group: TargetGroup): void {
  desk.change({ targetGroups: put(desk.book.targetGroups, group.arn, group) });
}

const show = (book: Book, group: TargetGroup) => ({
  TargetGroupArn: group.arn,
  TargetGroupName: group.name,
  Protocol: group.protocol,
  Port: group.port,
  VpcId: group.vpc,
  HealthCheckProtocol: group.health.protocol,
  HealthCheckPort: group.health.port,
  HealthCheckEnabled: true,
  HealthCheckIntervalSeconds: group.health.interval,
  HealthCheckTimeoutSeconds: group.health.timeout,
  HealthyThresholdCount: group.health.healthy,
  UnhealthyThresholdCount: group.health.unhealthy,
  HealthCheckPath: group.health.path,
  Matcher: { HttpCode: group.health.matcher },
  LoadBalancerArns: usersOf(book, group.arn),
  TargetType: group.targetType,
  ProtocolVersion: group.protocolVersion,
  IpAddressType: "ipv4",
});

/** After a change: the book of now, not of before the argument was made. */
const showNow = (desk: Desk, group: TargetGroup) => show(desk.book, group);
