import type { Activity, AutoScalingGroup } from "@aws-sdk/client-auto-scaling";
import type { Listener, LoadBalancer, Rule, TargetGroup } from "@aws-sdk/client-elastic-load-balancing-v2";
import type { Plan } from "../../../core/plan.ts";
import { SLOTS, type Cause, type Revision, type Slot } from "../../../core/units.ts";
import type { Answer, AwsApi, Caller, CallBy, Image, Subnet, TemplateVersion } from "../api/api.ts";
import type { Found } from "../found.ts";
import { templateOf } from "../template.ts";

/*
 * Everything the preflight looks at, read once. A part that could not be read says why: the findings that need it are
 * then not proven, and a right that is missing is told as such.
 */

type Pair<T> = Readonly<Record<Slot, T>>;

export interface Picture {
  readonly caller: Answer<Caller>;
  readonly groups: Answer<Pair<AutoScalingGroup>>;
  readonly rules: Answer<readonly Rule[]>;
  readonly listeners: Answer<readonly Listener[]>;
  readonly balancers: Answer<readonly LoadBalancer[]>;
  readonly targetGroups: Answer<Pair<TargetGroup>>;
  readonly attributes: Answer<Pair<ReadonlyMap<string, string>>>;
  readonly tags: Answer<ReadonlyMap<string, ReadonlyMap<string, string>>>;
  /** Number of targets of each target group. */
  readonly targets: Answer<Pair<number>>;
  /** Of the candidate's group, the newest first. */
  readonly activities: Answer<readonly Activity[]>;
  /** Scaling policies and scheduled actions of both groups, by slot. */
  readonly policies: Answer<Pair<readonly { readonly is: "policy" | "schedule"; readonly name: string }[]>>;
  /** The version that the candidate's group starts now. */
  readonly version: Answer<TemplateVersion | undefined>;
  readonly image: Answer<Image | undefined>;
  readonly subnets: Answer<readonly Subnet[]>;
  /** Zones in which the template's instance type is offered; undefined when the template names none. */
  readonly zones: Answer<readonly string[] | undefined>;
}

/** Reads only, and one after the other: tokens are few. */
export async function look(api: AwsApi, found: Found, plan: Plan, call: CallBy): Promise<Picture> {
  const { slots, rules } = found;
  const candidate = plan.candidate.slot;
  const arns = SLOTS.map((slot) => slots[slot].targetGroup.arn);
  const listeners = [...new Set(rules.map((rule) => rule.listener.arn))];
  const balancers = [...new Set(rules.map((rule) => rule.listener.loadBalancer.arn))];
  const groups = await groupsOf(api, found, call);
  const group = groups.is === "ok" ? groups.value[candidate] : undefined;
  const version = await versionOf(api, group, call);
  const data = version.is === "ok" ? version.value : undefined;
  return {
    caller: await api.caller(call.signal),
    groups,
    rules: await api.elb.rules({ arns: rules.map(({ arn }) => arn) }, call),
    listeners: await api.elb.listeners({ arns: listeners }, call),
    balancers: await api.elb.loadBalancers({ arns: balancers }, call),
    targetGroups: mapped(await api.elb.targetGroups({ arns }, call), (all) =>
      paired((slot) => all.find((each) => each.TargetGroupArn === slots[slot].targetGroup.arn) ?? {}),
    ),
    attributes: await perSlot((slot) => api.elb.targetGroupAttributes(slots[slot].targetGroup.arn, call)),
    tags: await api.elb.tags(arns, call),
    targets: await perSlot(async (slot) =>
      mapped(await api.elb.targetHealth(slots[slot].targetGroup.arn, call), (all) => all.length),
    ),
    activities: await api.scaling.activities(slots[candidate].group, 10, call),
    policies: await perSlot((slot) => api.scaling.policies(slots[slot].group, call)),
    version,
    image: await imageOf(api, data, plan.candidate.revision, call),
    subnets: await subnetsOf(api, group, call),
    zones: await zonesOf(api, data, call),
  };
}

async function groupsOf(api: AwsApi, { slots }: Found, call: CallBy): Promise<Picture["groups"]> {
  const names = SLOTS.map((slot) => slots[slot].group);
  const answer = await api.scaling.groups({ names }, call);
  if (answer.is === "failed") return answer;
  const missing = names.find((name) => !answer.value.some((each) => each.AutoScalingGroupName === name));
  if (missing !== undefined) return gone(`Auto Scaling group ${missing} is gone`);
  const byName = new Map(answer.value.map((each) => [each.AutoScalingGroupName, each]));
  return { is: "ok", value: paired((slot) => byName.get(slots[slot].group)!) };
}

async function versionOf(
  api: AwsApi,
  group: AutoScalingGroup | undefined,
  call: CallBy,
): Promise<Picture["version"]> {
  const written = group === undefined ? undefined : templateOf(group);
  if (written === undefined) return { is: "ok", value: undefined };
  const answer = await api.compute.templateVersions({ id: written.id, versions: [written.version] }, call);
  return mapped(answer, ([version]) => version);
}

async function imageOf(
  api: AwsApi,
  version: TemplateVersion | undefined,
  revision: Revision,
  call: CallBy,
): Promise<Picture["image"]> {
  const id = revision.id.startsWith("ami-") ? revision.id : version?.imageId;
  if (id === undefined || !id.startsWith("ami-")) return { is: "ok", value: undefined };
  return mapped(await api.compute.images([id], call), ([image]) => image);
}

async function subnetsOf(
  api: AwsApi,
  group: AutoScalingGroup | undefined,
  call: CallBy,
): Promise<Picture["subnets"]> {
  const ids = (group?.VPCZoneIdentifier ?? "").split(",").filter((id) => id !== "");
  return ids.length === 0 ? { is: "ok", value: [] } : api.compute.subnets(ids, call);
}

async function zonesOf(
  api: AwsApi,
  version: TemplateVersion | undefined,
  call: CallBy,
): Promise<Picture["zones"]> {
  const type = version?.instanceType;
  if (type === undefined) return { is: "ok", value: undefined };
  return mapped(await api.compute.offered([type], call), (all) => all.map(({ zone }) => zone));
}

async function perSlot<T>(read: (slot: Slot) => Promise<Answer<T>>): Promise<Answer<Pair<T>>> {
  const blue = await read("blue");
  if (blue.is === "failed") return blue;
  return mapped(await read("green"), (green) => ({ blue: blue.value, green }));
}

function paired<T>(of: (slot: Slot) => T): Pair<T> {
  return { blue: of("blue"), green: of("green") };
}

function mapped<T, U>(answer: Answer<T>, to: (value: T) => U): Answer<U> {
  return answer.is === "ok" ? { is: "ok", value: to(answer.value) } : answer;
}

function gone(message: string): Extract<Answer<never>, { is: "failed" }> {
  const cause: Cause = { code: "TEAL-A250", message };
  return { is: "failed", code: "NotFound", cause, sure: true };
}
