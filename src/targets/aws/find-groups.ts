import type { AutoScalingGroup } from "@aws-sdk/client-auto-scaling";
import type { TargetGroup } from "@aws-sdk/client-elastic-load-balancing-v2";
import { otherSlot, SLOTS, type Slot } from "../../core/units.ts";
import type { AwsApi, CallBy } from "./api/api.ts";
import { targetGroupsOf, type RuleNow } from "./find-rules.ts";
import type { FoundSlot, FoundTargetGroup } from "./found.ts";
import { TAGS } from "./names.ts";
import { refuse, valueOf } from "./refusing.ts";
import type { AwsSettings } from "./settings.ts";

/* Which Auto Scaling group and which target group make up each slot. */

type Pair<T> = Readonly<Record<Slot, T>>;

/**
 * Both slots. Groups by name, else by their tags, else by what the rules forward to; target groups by name, else as the
 * groups register with them.
 */
export async function findSlots(
  api: AwsApi,
  settings: AwsSettings,
  rules: readonly RuleNow[],
  call: CallBy,
): Promise<{ readonly slots: Pair<FoundSlot>; readonly groups: Pair<AutoScalingGroup> }> {
  const configured =
    settings.targetGroups === undefined ? undefined : await byNameOrArn(api, settings.targetGroups, call);
  const forwarded = [...new Set(rules.flatMap(({ actions }) => targetGroupsOf(actions)))];
  const groups = await findGroups(api, settings, configured, forwarded, call);
  const arns = configured ?? {
    blue: registersWith("blue", groups.blue, forwarded),
    green: registersWith("green", groups.green, forwarded),
  };
  if (arns.blue === arns.green)
    refuse(
      "TEAL-A253",
      `both Auto Scaling groups register with target group ${nameOf(arns.blue)}: traffic cannot be told apart`,
      "give each group a target group of its own: teal init --from <listener> writes the Terraform for it",
    );
  for (const slot of SLOTS) checkRegistered(slot, groups[slot], arns[slot]);
  const targetGroups = await describeTargetGroups(api, arns, call);
  const slotOf = (slot: Slot): FoundSlot => ({
    group: groups[slot].AutoScalingGroupName ?? "",
    targetGroup: targetGroups[slot],
  });
  return { slots: { blue: slotOf("blue"), green: slotOf("green") }, groups };
}

async function findGroups(
  api: AwsApi,
  settings: AwsSettings,
  configured: Pair<string> | undefined,
  forwarded: readonly string[],
  call: CallBy,
): Promise<Pair<AutoScalingGroup>> {
  const { groups: named, service } = settings;
  if (named !== undefined) {
    const there = valueOf(await api.scaling.groups({ names: [named.blue, named.green] }, call));
    const groupOf = (slot: Slot) =>
      there.find((group) => group.AutoScalingGroupName === named[slot]) ??
      refuse(
        "TEAL-A250",
        `there is no Auto Scaling group ${named[slot]} in ${api.region}`,
        "correct aws.groups in teal.yaml, or the region: aws.region, --region or AWS_REGION",
      );
    return { blue: groupOf("blue"), green: groupOf("green") };
  }
  const tagged = valueOf(await api.scaling.groups({ tags: { [TAGS.service]: service } }, call));
  if (tagged.length > 0) return bySlotTag(service, tagged);
  return byForwarding(api, service, configured, forwarded, call);
}

/** Two groups with the service's tag, one for each slot: anything else is not clear. */
function bySlotTag(service: string, tagged: readonly AutoScalingGroup[]): Pair<AutoScalingGroup> {
  const found = tagged.map(
    (group) => `${group.AutoScalingGroupName} (${TAGS.slot}=${slotTagOf(group) ?? "none"})`,
  );
  const groupOf = (slot: Slot) => {
    const [only, ...more] = tagged.filter((group) => slotTagOf(group) === slot);
    if (only !== undefined && more.length === 0) return only;
    return refuse(
      only === undefined ? "TEAL-A250" : "TEAL-A251",
      `${only === undefined ? "no" : more.length + 1} Auto Scaling groups have the tags ${TAGS.service}=${service} and ${TAGS.slot}=${slot}; with the first there are ${found.join(", ")}`,
      "name them in teal.yaml: groups: { blue: NAME, green: NAME }, or correct their tags",
    );
  };
  return { blue: groupOf("blue"), green: groupOf("green") };
}

/** Without tags: the groups that register with the target groups that are configured, or that the rules forward to. */
async function byForwarding(
  api: AwsApi,
  service: string,
  configured: Pair<string> | undefined,
  forwarded: readonly string[],
  call: CallBy,
): Promise<Pair<AutoScalingGroup>> {
  const arns = configured === undefined ? forwarded : [configured.blue, configured.green];
  const all = valueOf(await api.scaling.groups({ names: [] }, call));
  const registering = all.filter((group) => targetGroupsOfGroup(group).some((arn) => arns.includes(arn)));
  checkOwner(service, registering);
  const found = registering.map(
    (group) => `${group.AutoScalingGroupName} (${targetGroupsOfGroup(group).map(nameOf).join(", ")})`,
  );
  const seen = `no Auto Scaling group has the tag ${TAGS.service}=${service}, and with what the rule forwards to (${arns.map(nameOf).join(", ") || "nothing"}) register ${found.join(", ") || "none"}`;
  if (configured !== undefined) {
    const groupOf = (slot: Slot) => {
      const own = registering.filter((group) => targetGroupsOfGroup(group).includes(configured[slot]));
      const [only] = own;
      return only !== undefined && own.length === 1 ? only : refuse("TEAL-A251", seen, NAME_THEM);
    };
    return { blue: groupOf("blue"), green: groupOf("green") };
  }
  const [one, two, ...more] = registering;
  if (one === undefined || two === undefined || more.length > 0)
    return refuse(
      one !== undefined && two !== undefined ? "TEAL-A251" : "TEAL-A250",
      seen,
      two === undefined
        ? `${NAME_THEM}; teal init --from <listener> writes the Terraform for a missing second pair`
        : NAME_THEM,
    );
  const blue = [one, two].find((group) => slotByName(group) === "blue");
  const green = [one, two].find((group) => slotByName(group) === "green");
  if (blue !== undefined && green !== undefined) return { blue, green };
  const names = [one, two].map((group) => group.AutoScalingGroupName);
  return refuse(
    "TEAL-A254",
    `which of the Auto Scaling groups ${names.join(" and ")} is blue and which green is not said`,
    `write into teal.yaml: groups: { blue: ${names[0]}, green: ${names[1]} }`,
  );
}

/** Somebody said by a tag whose it is: that is not this service. */
function checkOwner(service: string, groups: readonly AutoScalingGroup[]): void {
  for (const { AutoScalingGroupName: name, Tags: tags = [] } of groups) {
    const owner = tags.find((tag) => tag.Key === TAGS.service)?.Value;
    if (owner !== undefined)
      refuse(
        "TEAL-A257",
        `Auto Scaling group ${name}, to which the rule forwards, has the tag ${TAGS.service}=${owner}, and this service is ${service}`,
        `correct service in teal.yaml to ${owner}, or name the groups: groups: { blue: NAME, green: NAME }`,
      );
  }
}

const NAME_THEM = "name them in teal.yaml: groups: { blue: NAME, green: NAME }";

function slotByName(group: AutoScalingGroup): Slot | undefined {
  const name = (group.AutoScalingGroupName ?? "").toLowerCase();
  return SLOTS.find((slot) => name.includes(slot) && !name.includes(otherSlot(slot)));
}

function slotTagOf(group: AutoScalingGroup): string | undefined {
  return group.Tags?.find((tag) => tag.Key === TAGS.slot)?.Value;
}

/** Both ways in which a group is attached: the older list, and traffic sources. */
function targetGroupsOfGroup(group: AutoScalingGroup): readonly string[] {
  const sources = (group.TrafficSources ?? [])
    .filter(({ Type, Identifier }) => Type === "elbv2" || Identifier?.includes(":targetgroup/"))
    .map(({ Identifier }) => Identifier ?? "");
  return [...new Set([...(group.TargetGroupARNs ?? []), ...sources])];
}

/** The target group of a slot: the only one its group registers with, or the only one of them that the rules know. */
function registersWith(slot: Slot, group: AutoScalingGroup, forwarded: readonly string[]): string {
  const own = targetGroupsOfGroup(group);
  const known = own.filter((arn) => forwarded.includes(arn));
  const [only] = known.length === 1 ? known : own;
  if (only !== undefined && (own.length === 1 || known.length === 1)) return only;
  const name = group.AutoScalingGroupName;
  return refuse(
    "TEAL-A252",
    own.length === 0
      ? `Auto Scaling group ${name} registers its instances with no target group`
      : `Auto Scaling group ${name} registers its instances with ${own.length} target groups: ${own.map(nameOf).join(", ")}`,
    own.length === 0
      ? `attach one: aws autoscaling attach-traffic-sources --auto-scaling-group-name ${name} --traffic-sources Identifier=ARN`
      : `name it in teal.yaml: targetGroups: { ${slot}: NAME, ${otherSlot(slot)}: NAME }`,
  );
}

function checkRegistered(slot: Slot, group: AutoScalingGroup, arn: string): void {
  const own = targetGroupsOfGroup(group);
  if (own.includes(arn)) return;
  const name = group.AutoScalingGroupName;
  refuse(
    "TEAL-A252",
    `Auto Scaling group ${name} does not register its instances with ${slot}'s target group ${nameOf(arn)}; it does with ${own.map(nameOf).join(", ") || "none"}`,
    `correct aws.targetGroups in teal.yaml, or attach it: aws autoscaling attach-traffic-sources --auto-scaling-group-name ${name} --traffic-sources Identifier=${arn}`,
  );
}

/** What the two target groups are, by their ARNs. */
export async function describeTargetGroups(
  api: AwsApi,
  arns: Pair<string>,
  call: CallBy,
): Promise<Pair<FoundTargetGroup>> {
  const described = valueOf(await api.elb.targetGroups({ arns: [arns.blue, arns.green] }, call));
  const of = (slot: Slot) =>
    targetGroupFrom(
      described.find((each) => each.TargetGroupArn === arns[slot]),
      arns[slot],
    );
  return { blue: of("blue"), green: of("green") };
}

export async function byNameOrArn(
  api: AwsApi,
  written: NonNullable<AwsSettings["targetGroups"]>,
  call: CallBy,
): Promise<Pair<string>> {
  const arnOf = async (slot: Slot) => {
    const name = written[slot];
    const isArn = name.startsWith("arn:");
    const answer = await api.elb.targetGroups(isArn ? { arns: [name] } : { names: [name] }, call);
    const gone = answer.is === "failed" && answer.code === "TargetGroupNotFound";
    const arn = gone ? undefined : valueOf(answer)[0]?.TargetGroupArn;
    if (arn !== undefined) return arn;
    return refuse(
      "TEAL-A255",
      `there is no target group ${name} in ${api.region}`,
      "correct aws.targetGroups in teal.yaml",
    );
  };
  return { blue: await arnOf("blue"), green: await arnOf("green") };
}

function targetGroupFrom(group: TargetGroup | undefined, arn: string): FoundTargetGroup {
  const { Protocol: protocol, TargetType: type } = group ?? {};
  if (group === undefined || type !== "instance" || (protocol !== "HTTP" && protocol !== "HTTPS"))
    return refuse(
      "TEAL-A256",
      group === undefined
        ? `there is no target group ${arn}`
        : `target group ${nameOf(arn)} is for ${protocol} to targets of type ${type}`,
      "use target groups for HTTP or HTTPS to instances: an Auto Scaling group registers no others",
    );
  return {
    arn,
    name: group.TargetGroupName ?? nameOf(arn),
    port: group.Port ?? 80,
    protocol,
    health: {
      path: group.HealthCheckPath ?? "/",
      port: group.HealthCheckPort ?? "traffic-port",
      statuses: group.Matcher?.HttpCode ?? "200",
      interval: group.HealthCheckIntervalSeconds ?? 30,
      threshold: group.HealthyThresholdCount ?? 5,
    },
  };
}

/** `shop-blue` of `arn:aws:elasticloadbalancing:…:targetgroup/shop-blue/6d0ecf831eec9f09`. */
function nameOf(arn: string): string {
  return /:targetgroup\/([^/]+)\//.exec(arn)?.[1] ?? arn;
}
