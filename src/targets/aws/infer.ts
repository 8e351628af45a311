import type { AutoScalingGroup } from "@aws-sdk/client-auto-scaling";
import type { Cause } from "../../core/units.ts";
import type { AwsApi, CallBy } from "./api/api.ts";
import { findSlots } from "./find-groups.ts";
import { findRules, targetGroupsOf, type RuleNow } from "./find-rules.ts";
import type { Found, FoundSlot } from "./found.ts";
import { refuse, Refused, Unreadable, valueOf } from "./refusing.ts";
import type { AwsSettings } from "./settings.ts";

/** What came of looking for what the configuration means. `refused`: not there, or not clear; `next` says what to write. */
export type Sought =
  | { readonly is: "found"; readonly found: Found }
  | { readonly is: "refused"; readonly cause: Cause; readonly next: string }
  | { readonly is: "unreadable"; readonly cause: Cause };

/** Looks for what the configuration leaves to the account: asked when it is needed, kept once it is known. */
export interface Inferred {
  found(call: CallBy): Promise<Sought>;
}

export function inferFrom(api: AwsApi, settings: AwsSettings): Inferred {
  let known: Found | undefined;
  let asking: Promise<Sought> | undefined;
  return {
    async found(call) {
      if (known !== undefined) return { is: "found", found: known };
      // Slots and router begin together: they look for the same.
      const answer = await (asking ??= look(api, settings, call).finally(() => (asking = undefined)));
      if (answer.is === "found") known = answer.found;
      return answer;
    },
  };
}

async function look(api: AwsApi, settings: AwsSettings, call: CallBy): Promise<Sought> {
  try {
    return { is: "found", found: await find(api, settings, call) };
  } catch (error) {
    if (error instanceof Refused) return error.refusal;
    if (error instanceof Unreadable) return { is: "unreadable", cause: error.why };
    throw error;
  }
}

async function find(api: AwsApi, settings: AwsSettings, call: CallBy): Promise<Found> {
  const { account, arn } = valueOf(await api.caller(call.signal));
  if (account !== settings.account)
    refuse(
      "TEAL-A150",
      `these credentials are of account ${account} (${arn}), and ${settings.service} runs in ${settings.account}`,
      "use credentials of that account (AWS_PROFILE, or aws.profile in teal.yaml), or correct aws.account",
    );
  const rules = await findRules(api, settings, call);
  const { slots, groups } = await findSlots(api, settings, rules, call);
  for (const rule of rules) checkForwards(rule, slots);
  return {
    account,
    region: api.region,
    rules: rules.map(({ rule }) => rule),
    slots,
    replicas: settings.replicas ?? sizeOf(groups),
  };
}

/** A rule that reaches neither slot would send users away from the service when it is switched. */
function checkForwards({ rule, actions }: RuleNow, slots: Found["slots"]): void {
  const to = targetGroupsOf(actions);
  const own = [slots.blue, slots.green].map(({ targetGroup }: FoundSlot) => targetGroup);
  const strangers = to.filter((arn) => !own.some((each) => each.arn === arn));
  if (to.length > 0 && strangers.length === 0) return;
  const does = actions.map((action) => action.Type).join(", then ");
  const names = own.map(({ name }) => name).join(" and ");
  refuse(
    to.length === 0 ? "TEAL-A354" : "TEAL-A355",
    to.length === 0
      ? `${rule.name} forwards to no target group: its action is ${does}`
      : `${rule.name} forwards to ${strangers.join(", ")} besides or instead of ${names}`,
    to.length === 0
      ? "name another listener, host or path in teal.yaml: a rule that redirects needs no switching"
      : "name the groups of this rule in teal.yaml: groups: { blue: NAME, green: NAME }, or let it forward to them alone",
  );
}

/** As many as the larger group is told to have. */
function sizeOf(groups: Readonly<Record<"blue" | "green", AutoScalingGroup>>): number {
  const sizes = [groups.blue, groups.green].map((group) =>
    Math.max(group.DesiredCapacity ?? 0, group.MinSize ?? 0),
  );
  return Math.max(1, ...sizes);
}
