import type { AutoScalingGroup } from "@aws-sdk/client-auto-scaling";
import type { Action, Rule, TargetGroup } from "@aws-sdk/client-elastic-load-balancing-v2";
import type { Cause } from "../../../core/units.ts";
import type { AwsApi, CallBy } from "../api/api.ts";
import { findRules, targetGroupsOf, type RuleNow } from "../find-rules.ts";
import { TAGS } from "../names.ts";
import { refuse, Refused, Unreadable, valueOf } from "../refusing.ts";
import type { AwsSettings } from "../settings.ts";
import { roleOf } from "../template.ts";

/* What runs behind a listener, for `teal init`: only reads. */

/** A target group and the Auto Scaling group that registers with it. */
export interface Pair {
  readonly targetGroup: TargetGroup;
  readonly attributes: ReadonlyMap<string, string>;
  readonly group: AutoScalingGroup;
  readonly template: { readonly id: string; readonly version: string };
}

export interface Surroundings {
  readonly account: string;
  readonly region: string;
  /** As it was typed: `shop-alb:443`, or an ARN. */
  readonly listener: string;
  readonly rule: RuleNow & { readonly raw: Rule };
  /** The forward action's own part of the rule's actions. */
  readonly stickiness?: { readonly enabled: boolean; readonly seconds: number };
  /** One or two: what the rule forwards to, the one with the most weight first. */
  readonly pairs: readonly [Pair] | readonly [Pair, Pair];
  /** Which of them is blue is said by tags; else the first one is. */
  readonly firstIs: "blue" | "green";
  readonly tagged: boolean;
  /** Names of the instances' roles. */
  readonly roles: readonly string[];
  /** What was found, a line each. */
  readonly found: readonly string[];
}

export interface Asked {
  readonly service: string;
  readonly listener: string;
  readonly host?: string;
  readonly path?: string;
}

export type Looked =
  | { readonly is: "seen"; readonly surroundings: Surroundings }
  | { readonly is: "refused"; readonly cause: Cause; readonly next: string };

export async function lookFirst(api: AwsApi, account: string, asked: Asked, call: CallBy): Promise<Looked> {
  try {
    return { is: "seen", surroundings: await look(api, account, asked, call) };
  } catch (error) {
    if (error instanceof Refused) return error.refusal;
    if (error instanceof Unreadable)
      return { is: "refused", cause: error.why, next: "correct the access, then run the command again" };
    throw error;
  }
}

async function look(api: AwsApi, account: string, asked: Asked, call: CallBy): Promise<Surroundings> {
  const { service, listener, host, path } = asked;
  const settings: AwsSettings = {
    service,
    environment: "default",
    account,
    listeners: [listener],
    match: { ...(host === undefined ? {} : { host }), ...(path === undefined ? {} : { path }) },
    template: { by: "image" },
    reach: { by: "headerRule", header: "x-teal-slot" },
    sticky: "wait",
    propagation: 0 as AwsSettings["propagation"],
  };
  const [rule] = await findRules(api, settings, call);
  if (rule === undefined) throw new Error("a listener without a rule is never found");
  const raw = valueOf(await api.elb.rules({ arns: [rule.rule.arn] }, call))[0] ?? {};
  const arns = forwarded(rule, asked);
  const described = valueOf(await api.elb.targetGroups({ arns: [...arns] }, call));
  const groups = valueOf(await api.scaling.groups({ names: [] }, call));
  const pairs: Pair[] = [];
  for (const arn of arns) {
    const targetGroup = described.find((each) => each.TargetGroupArn === arn);
    if (targetGroup === undefined)
      throw new Error(`target group ${arn} was described and is not in the answer`);
    const group = registering(groups, targetGroup);
    pairs.push({
      targetGroup,
      group,
      template: templateOf(group),
      attributes: valueOf(await api.elb.targetGroupAttributes(arn, call)),
    });
  }
  const [first, second] = pairs;
  if (first === undefined) throw new Error("a rule that forwards to nothing was refused before");
  const slot = first.group.Tags?.find(({ Key }) => Key === TAGS.slot)?.Value;
  const both = second === undefined ? ([first] as const) : ([first, second] as const);
  const sticky = stickinessOf(rule.actions);
  return {
    account,
    region: api.region,
    listener,
    rule: { ...rule, raw },
    ...(sticky === undefined ? {} : { stickiness: sticky }),
    pairs: both,
    firstIs: slot === "green" ? "green" : "blue",
    tagged: pairs.every(({ group }) => isTagged(group, service)),
    roles: await rolesOf(api, pairs, call),
    found: inWords(rule, pairs),
  };
}

/** Target groups of the rule, the one with the most weight first. */
function forwarded({ rule, actions }: RuleNow, { host }: Asked): readonly string[] {
  const forward = actions.find((action) => action.Type === "forward");
  const weights = forward?.ForwardConfig?.TargetGroups ?? [];
  const weightOf = (arn: string) => weights.find((each) => each.TargetGroupArn === arn)?.Weight ?? 0;
  const arns = targetGroupsOf(actions).toSorted((a, b) => weightOf(b) - weightOf(a));
  if (arns.length === 1 || arns.length === 2) return arns;
  const does = actions.map((action) => action.Type).join(", then ") || "nothing";
  if (arns.length === 0)
    return refuse(
      "TEAL-A501",
      `${rule.name} forwards to no target group: it does ${does}`,
      host === undefined
        ? "name the rule that users reach: --host NAME, --path PATTERN, or another listener"
        : "name another listener, host or path: a rule that redirects or answers by itself needs no switching",
    );
  return refuse(
    "TEAL-A501",
    `${rule.name} forwards to ${arns.length} target groups: ${arns.map(nameOfArn).join(", ")}`,
    "leave the two between which Teal switches, or split the rule",
  );
}

function registering(
  groups: readonly AutoScalingGroup[],
  { TargetGroupArn: arn = "" }: TargetGroup,
): AutoScalingGroup {
  const own = groups.filter(
    (group) =>
      group.TargetGroupARNs?.includes(arn) === true ||
      group.TrafficSources?.some((source) => source.Identifier === arn) === true,
  );
  const [only] = own;
  if (only !== undefined && own.length === 1) return only;
  const names = own.map((group) => group.AutoScalingGroupName ?? "").join(", ");
  return refuse(
    "TEAL-A502",
    own.length === 0
      ? `no Auto Scaling group registers with target group ${nameOfArn(arn)}`
      : `${own.length} Auto Scaling groups register with target group ${nameOfArn(arn)}: ${names}`,
    own.length === 0
      ? "let an Auto Scaling group register its instances there: Teal starts and stops instances through groups only"
      : "give each group a target group of its own: what they share cannot be told apart",
  );
}

function templateOf(group: AutoScalingGroup): Pair["template"] {
  const written =
    group.LaunchTemplate ?? group.MixedInstancesPolicy?.LaunchTemplate?.LaunchTemplateSpecification;
  const { LaunchTemplateId: id, Version: version } = written ?? {};
  if (id !== undefined) return { id, version: version ?? "$Default" };
  return refuse(
    "TEAL-A503",
    `Auto Scaling group ${group.AutoScalingGroupName} starts its instances without a launch template`,
    "give it a launch template: a revision is a version of it",
  );
}

function stickinessOf(actions: readonly Action[]): Surroundings["stickiness"] {
  const config = actions.find((action) => action.Type === "forward")?.ForwardConfig
    ?.TargetGroupStickinessConfig;
  if (config?.Enabled !== true) return undefined;
  return { enabled: true, seconds: config.DurationSeconds ?? 3_600 };
}

function isTagged(group: AutoScalingGroup, service: string): boolean {
  const tag = (key: string) => group.Tags?.find(({ Key }) => Key === key)?.Value;
  return tag(TAGS.service) === service && (tag(TAGS.slot) === "blue" || tag(TAGS.slot) === "green");
}

/** Of the instances that the launch templates start. */
async function rolesOf(api: AwsApi, pairs: readonly Pair[], call: CallBy): Promise<readonly string[]> {
  const names = new Set<string>();
  for (const { template } of pairs) {
    const versions = valueOf(
      await api.compute.templateVersions({ id: template.id, versions: [template.version] }, call),
    );
    for (const version of versions) {
      const name = roleOf(version);
      if (name !== undefined) names.add(name);
    }
  }
  return [...names];
}

function inWords({ rule, actions }: RuleNow, pairs: readonly Pair[]): readonly string[] {
  const before = actions.filter((action) => action.Type !== "forward").map((action) => action.Type);
  return [
    `${rule.name}: forwards to ${pairs.map(({ targetGroup }) => targetGroup.TargetGroupName).join(" and ")}`,
    ...(before.length === 0 ? [] : [`before that: ${before.join(", ")}, which stays as it is`]),
    ...pairs.map(({ group, targetGroup, template }) => {
      const size = `${group.DesiredCapacity} of ${group.MinSize} to ${group.MaxSize} instances`;
      return `Auto Scaling group ${group.AutoScalingGroupName} (${size}, ${template.id} version ${template.version}) registers with ${targetGroup.TargetGroupName}, checked by ${targetGroup.HealthCheckPath}`;
    }),
    ...(pairs.length === 1 ? ["the second pair is missing: teal.tf makes it"] : []),
  ];
}

export function nameOfArn(arn: string): string {
  return /:targetgroup\/([^/]+)\//u.exec(arn)?.[1] ?? arn;
}
