import type { AutoScalingGroup } from "@aws-sdk/client-auto-scaling";
import { isTransient } from "./api/answers.ts";
import type { AwsApi, CallBy } from "./api/api.ts";
import { sharing } from "./api/sharing.ts";
import { findSlots } from "./find-groups.ts";
import { findTargetGroups } from "./find-routing.ts";
import { findRules, targetGroupsOf, type RuleNow } from "./find-rules.ts";
import type { Found, FoundRouting, Sought } from "./found.ts";
import { refuse, Refused, Unreadable, valueOf } from "./refusing.ts";
import type { AwsSettings } from "./settings.ts";

/** Looks for what the configuration leaves to the account: asked when it is needed, kept once it is known. */
export interface Inferred {
  found(call: CallBy): Promise<Sought>;
  /**
   * Rules and target groups. Where Auto Scaling does not answer, Elastic Load Balancing alone is asked: a process that
   * has just begun can go back by that.
   */
  routing(call: CallBy): Promise<Sought<FoundRouting>>;
  /** What was known is not there any more: it is looked for again. */
  forget(): void;
}

/** Auto Scaling gets so long (ms) to answer whoever needs the routing alone. */
const GROUPS_WITHIN = 1_000;

export function inferFrom(api: AwsApi, settings: AwsSettings): Inferred {
  let known: Found | undefined;
  let routes: FoundRouting | undefined;
  const whole = sharing((call) => seek(() => find(api, settings, call)));
  const alone = sharing((call) => seek(() => findRouting(api, settings, call)));

  async function found(call: CallBy): Promise<Sought> {
    if (known !== undefined) return { is: "found", found: known };
    // Slots and router begin together: they look for the same.
    const answer = (await whole(call)) ?? LEFT;
    if (answer.is === "found") known = answer.found;
    return answer;
  }

  return {
    found,
    async routing(call) {
      const kept = known ?? routes;
      if (kept !== undefined) return { is: "found", found: kept };
      const soon = AbortSignal.any([call.signal, AbortSignal.timeout(GROUPS_WITHIN)]);
      const all = await found({ ...call, signal: soon });
      if (all.is !== "unreadable" || call.signal.aborted) return all;
      const answer = (await alone(call)) ?? LEFT;
      if (answer.is === "found" && answer.found === undefined) return all === LEFT ? found(call) : all;
      if (answer.is === "found") routes = answer.found;
      return answer as Sought<FoundRouting>;
    },
    forget() {
      known = undefined;
      routes = undefined;
    },
  };
}

const LEFT = {
  is: "unreadable",
  cause: { code: "TEAL-A111", message: "the search for rules and groups was given up: its time had passed" },
} as const;

async function seek<T>(search: () => Promise<T>): Promise<Sought<T>> {
  try {
    return { is: "found", found: await search() };
  } catch (error) {
    if (error instanceof Refused) return error.refusal;
    if (error instanceof Unreadable) return { is: "unreadable", cause: error.why };
    throw error;
  }
}

async function find(api: AwsApi, settings: AwsSettings, call: CallBy): Promise<Found> {
  const rules = await rulesOf(api, settings, call);
  const { slots, groups } = await findSlots(api, settings, rules, call);
  for (const rule of rules) checkForwards(rule, slots);
  return { ...placeOf(api, settings, rules), slots, replicas: settings.replicas ?? sizeOf(groups) };
}

async function findRouting(
  api: AwsApi,
  settings: AwsSettings,
  call: CallBy,
): Promise<FoundRouting | undefined> {
  const rules = await rulesOf(api, settings, call);
  const slots = await findTargetGroups(api, settings, rules, call);
  if (slots === undefined) return undefined;
  for (const rule of rules) checkForwards(rule, slots);
  return { ...placeOf(api, settings, rules), slots };
}

function placeOf(api: AwsApi, { account }: AwsSettings, rules: readonly RuleNow[]) {
  return { account, region: api.region, rules: rules.map(({ rule }) => rule) };
}

/** The configured rules, in the configured account. */
async function rulesOf(api: AwsApi, settings: AwsSettings, call: CallBy): Promise<readonly RuleNow[]> {
  const caller = await api.caller(call.signal);
  // Who calls cannot be told at the moment: the ARNs of what is written say whose it is.
  if (caller.is === "ok") checkAccount(settings, caller.value.account, caller.value.arn);
  else if (!isTransient(caller.cause)) valueOf(caller);
  const rules = await findRules(api, settings, call);
  for (const { rule } of rules) checkAccount(settings, rule.arn.split(":")[4] ?? "", rule.arn);
  return rules;
}

function checkAccount(settings: AwsSettings, account: string, arn: string): void {
  if (account === settings.account) return;
  refuse(
    "TEAL-A150",
    `these credentials are of account ${account} (${arn}), and ${settings.service} runs in ${settings.account}`,
    "use credentials of that account (AWS_PROFILE, or aws.profile in teal.yaml), or correct aws.account",
  );
}

/** A rule that reaches neither slot would send users away from the service when it is switched. */
function checkForwards({ rule, actions }: RuleNow, slots: FoundRouting["slots"]): void {
  const to = targetGroupsOf(actions);
  const own = [slots.blue, slots.green].map(({ targetGroup }) => targetGroup);
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
