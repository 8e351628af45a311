import type { AutoScalingGroup } from "@aws-sdk/client-auto-scaling";
import { SLOTS } from "../../../core/units.ts";
import type { Finding } from "../../../ports/target.ts";
import { permissionsOf, type Permission } from "../api/actions.ts";
import type { Answer, AwsApi, CallBy, Decision, TemplateVersion } from "../api/api.ts";
import type { Found } from "../found.ts";
import { createTestListener } from "../reach/test-listener.ts";
import type { AwsSettings } from "../settings.ts";
import { roleOf, templateOf } from "../template.ts";
import type { Picture } from "./picture.ts";

/*
 * Whether everything may be called that a deployment calls, before the first of it is. Neither Elastic Load Balancing nor
 * Auto Scaling can be asked without doing it, so IAM is asked what the caller's policies say about each of it.
 */

export interface RightsWith {
  readonly api: Pick<AwsApi, "rights" | "elb">;
  readonly settings: AwsSettings;
  readonly found: Found;
}

/** A permission on what it is about in this very account. */
interface Question {
  readonly action: string;
  readonly resources: readonly string[];
  readonly context: Readonly<Record<string, string>>;
}

/** @param picture what was read already: groups with their tags, templates, who calls. */
export async function rightsFindings(
  using: RightsWith,
  picture: Picture,
  call: Pick<CallBy, "signal">,
): Promise<readonly Finding[]> {
  const { api, settings, found } = using;
  const { caller, groups, version } = picture;
  if (caller.is === "failed" || groups.is === "failed" || version.is === "failed") return [];
  const both = SLOTS.map((slot) => groups.value[slot]);
  const principal = principalOf(caller.value.arn);
  const testListener = await testListenerOf(using, call);
  const permissions = permissionsOf(settings, {
    ...scopeOf(found, both, version.value, principal ?? ""),
    ...(testListener === undefined ? {} : { testListener }),
  });
  const asked = permissions.filter(({ by }) => by !== "rights.decide");
  if (principal === undefined)
    return [unproven(asked, `IAM tells rights of roles and users, not of ${caller.value.arn}`)];
  const tags = await tagsOf(api, found, both, call);
  if (tags.is === "failed") return [unproven(asked, tags.cause.message)];
  const questions = asked.flatMap((permission) => questionsOf(permission, both, tags.value, version.value));
  const denied = new Map<string, Set<string>>();
  const unclear = new Set<string>();
  for (const some of together(questions)) {
    const { context } = some[0]!;
    const actions = [...new Set(some.map(({ action }) => action))];
    const resources = [...new Set(some.flatMap((each) => each.resources))];
    const came = await api.rights.decide(
      { principal, actions, resources, context },
      { ...call, purse: "rights" },
    );
    if (came.is === "failed") return [unproven(asked, came.cause.message)];
    for (const { action, resource } of pairs(some)) {
      const decision = came.value.find((each) => each.action === action && each.resource === resource);
      if (decision?.is === "allowed") continue;
      if (decision === undefined || dependsOnMore(decision, permissions)) unclear.add(action);
      else denied.set(action, (denied.get(action) ?? new Set()).add(resource));
    }
  }
  return [
    ...[...denied].map(([action, resources]) => missing(principal, action, [...resources])),
    ...(unclear.size === 0
      ? []
      : [
          unproven(
            asked.filter(({ action }) => unclear.has(action)),
            "policies make them depend on more than can be known beforehand",
          ),
        ]),
  ];
}

function missing(principal: string, action: string, resources: readonly string[]): Finding {
  const on = resources.includes("*") ? "" : ` on ${resources.join(", ")}`;
  const message = `${principal} is not allowed ${action}${on}`;
  const next = `add ${action} to its policy: teal init --from LISTENER --print writes the one that is needed`;
  return { is: "blocks", cause: { code: "TEAL-A617", message }, next };
}

function unproven(permissions: readonly Permission[], why: string): Finding {
  const actions = [...new Set(permissions.filter(({ writes }) => writes).map(({ action }) => action))];
  const message = `whether these may be called is seen only when they are: ${actions.join(", ")} (${why})`;
  return { is: "unproven", cause: { code: "TEAL-A615", message } };
}

/**
 * Whose policies decide: a session's are its role's. The session's ARN leaves out the role's path, so that IAM does not
 * find a role that has one. Neither root nor a federated user can be asked about (API reference, SimulatePrincipalPolicy).
 */
function principalOf(caller: string): string | undefined {
  const [, partition = "", account = "", role = ""] =
    /^arn:([^:]+):sts::(\d+):assumed-role\/([^/]+)\//u.exec(caller) ?? [];
  if (role !== "") return `arn:${partition}:iam::${account}:role/${role}`;
  return /^arn:[^:]+:iam::\d+:(?:user|role)\//u.test(caller) ? caller : undefined;
}

function scopeOf(
  { account, region, rules, slots }: Found,
  groups: readonly AutoScalingGroup[],
  version: TemplateVersion | undefined,
  principal: string,
): Parameters<typeof permissionsOf>[1] {
  const templates = groups.map((group) => templateOf(group)?.id).filter((id) => id !== undefined);
  const role = version === undefined ? undefined : roleOf(version);
  return {
    account,
    region,
    partition: /^arn:([^:]+):/u.exec(rules[0]?.arn ?? "")?.[1] ?? "aws",
    rules: rules.map(({ arn, isDefault, listener }) => ({ arn, isDefault, listener: listener.arn })),
    targetGroups: SLOTS.map((slot) => slots[slot].targetGroup.arn),
    groups: SLOTS.map((slot) => slots[slot].group),
    templates: [...new Set(templates)],
    roles: role === undefined ? [] : [role],
    principal,
  };
}

/** Its ARN; one that is not there is told by whoever proves that probes get in. */
async function testListenerOf(
  { api, settings: { reach }, found }: RightsWith,
  { signal }: Pick<CallBy, "signal">,
): Promise<string | undefined> {
  if (reach.by !== "testListener") return undefined;
  const read = await createTestListener(api, reach.listener, () => Promise.resolve(found)).read({
    signal,
    purse: "plan",
  });
  return "code" in read ? undefined : read.ListenerArn;
}

type Tags = ReadonlyMap<string, Readonly<Record<string, string>>>;

/** Tags of rules, target groups and groups: policies may depend on them, and IAM looks none of them up by itself. */
async function tagsOf(
  api: Pick<AwsApi, "elb">,
  { rules, slots }: Found,
  groups: readonly AutoScalingGroup[],
  { signal }: Pick<CallBy, "signal">,
): Promise<Answer<Tags>> {
  const arns = [
    ...rules.flatMap((rule) => [rule.arn, rule.listener.arn]),
    ...SLOTS.map((slot) => slots[slot].targetGroup.arn),
  ];
  const answer = await api.elb.tags([...new Set(arns)], { signal, purse: "plan" });
  if (answer.is === "failed") return answer;
  const balancing = [...answer.value].map(([arn, tags]) => [arn, Object.fromEntries(tags)] as const);
  const scaling = groups.map((group) => {
    const tags = (group.Tags ?? []).map(({ Key = "", Value = "" }) => [Key, Value] as const);
    return [group.AutoScalingGroupARN ?? "", Object.fromEntries(tags)] as const;
  });
  return { is: "ok", value: new Map([...balancing, ...scaling]) };
}

/** Some id in the place of one that only AWS chooses. */
const SOME_ID = "0123456789abcdef0";

function questionsOf(
  { action, resources, condition = {} }: Permission,
  groups: readonly AutoScalingGroup[],
  tags: Tags,
  version: TemplateVersion | undefined,
): readonly Question[] {
  const given = Object.assign({}, ...Object.values(condition)) as Record<string, string>;
  return resources
    .flatMap((resource) => named(resource, groups, version))
    .map((resource) => {
      const own = Object.entries(tags.get(resource) ?? {});
      const tagged = Object.fromEntries(own.map(([key, value]) => [`aws:ResourceTag/${key}`, value]));
      return { action, resources: [resource], context: { ...tagged, ...given } };
    });
}

/** What a pattern of the policy means here. */
function named(
  pattern: string,
  groups: readonly AutoScalingGroup[],
  version: TemplateVersion | undefined,
): readonly string[] {
  const group = /:autoScalingGroup:\*:autoScalingGroupName\/(.+)$/u.exec(pattern)?.[1];
  if (group !== undefined)
    return groups
      .filter((each) => each.AutoScalingGroupName === group)
      .map((each) => each.AutoScalingGroupARN!);
  // Everything that launching takes part of; https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ExamplePolicies_EC2.html
  if (pattern.endsWith(":*/*")) {
    const below = pattern.slice(0, -"*/*".length);
    const templates = new Set(groups.flatMap((each) => templateOf(each)?.id ?? []));
    const subnets = new Set(groups.flatMap((each) => (each.VPCZoneIdentifier ?? "").split(",")));
    return [
      `${below}instance/i-${SOME_ID}`,
      `${below}volume/vol-${SOME_ID}`,
      `${below}network-interface/eni-${SOME_ID}`,
      ...[...templates].map((id) => `${below}launch-template/${id}`),
      ...[...subnets].filter((id) => id !== "").map((id) => `${below}subnet/${id}`),
    ];
  }
  if (pattern.endsWith("::image/*")) return [pattern.replace("*", version?.imageId ?? `ami-${SOME_ID}`)];
  return [pattern === "*" ? pattern : pattern.replace(/\*$/u, SOME_ID)];
}

/** In one call: what knows no resources, and of one service what is asked about with the same context. */
function together(questions: readonly Question[]): readonly (readonly Question[])[] {
  const by = new Map<string, Question[]>();
  for (const question of questions) {
    const service =
      question.resources[0] === "*" ? "*" : question.action.slice(0, question.action.indexOf(":"));
    const key = JSON.stringify([
      service,
      Object.entries(question.context).toSorted(([a], [b]) => (a < b ? -1 : 1)),
    ]);
    const known = by.get(key);
    if (known === undefined) by.set(key, [question]);
    else known.push(question);
  }
  return [...by.values()];
}

function pairs(questions: readonly Question[]): readonly Pick<Decision, "action" | "resource">[] {
  return questions.flatMap(({ action, resources }) => resources.map((resource) => ({ action, resource })));
}

/** Keys that Teal's own policy looks at were told, or are truly absent; of others the truth is not known here. */
function dependsOnMore({ missing: keys }: Decision, permissions: readonly Permission[]): boolean {
  const ours = new Set(
    permissions.flatMap(({ condition = {} }) => Object.values(condition).flatMap(Object.keys)),
  );
  return keys.some((key) => !ours.has(key));
}
