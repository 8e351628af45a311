import type { AwsApi, CallBy } from "./api/api.ts";
import { claimOf, type Claim } from "./claim-tag.ts";
import { byNameOrArn, describeTargetGroups } from "./find-groups.ts";
import { targetGroupsOf, type RuleNow } from "./find-rules.ts";
import type { FoundRouting } from "./found.ts";
import { TAGS } from "./names.ts";
import { valueOf } from "./refusing.ts";
import type { AwsSettings } from "./settings.ts";
import type { Slot } from "../../core/units.ts";

/**
 * Which target group is which slot's, without asking Auto Scaling: as configured, else as whoever claimed the last fence
 * wrote into its tag, from the groups as they were then. Nothing where neither says it.
 */
export async function findTargetGroups(
  api: AwsApi,
  settings: AwsSettings,
  rules: readonly RuleNow[],
  call: CallBy,
): Promise<FoundRouting["slots"] | undefined> {
  const arns =
    settings.targetGroups === undefined
      ? await recorded(api, rules, call)
      : await byNameOrArn(api, settings.targetGroups, call);
  if (arns === undefined) return undefined;
  const { blue, green } = await describeTargetGroups(api, arns, call);
  return { blue: { targetGroup: blue }, green: { targetGroup: green } };
}

async function recorded(
  api: AwsApi,
  rules: readonly RuleNow[],
  call: CallBy,
): Promise<Readonly<Record<Slot, string>> | undefined> {
  const forwarded = [...new Set(rules.flatMap(({ actions }) => targetGroupsOf(actions)))];
  const [first] = forwarded;
  if (first === undefined) return undefined;
  const tags = valueOf(await api.elb.tags(forwarded, call));
  const claims = forwarded.map((arn) => claimOf(tags.get(arn)?.get(TAGS.fence)));
  const last = claims.reduce<Claim | undefined>(
    (best, each) => (best === undefined || each.fence > best.fence ? each : best),
    undefined,
  );
  if (last?.groups === undefined) return undefined;
  // The same region and account: a load balancer forwards to no other.
  const start = first.replace(/(:targetgroup\/).*$/u, "$1");
  const { blue, green } = last.groups;
  return { blue: start + blue, green: start + green };
}
