import type { Listener, LoadBalancer, Rule, TargetGroup } from "@aws-sdk/client-elastic-load-balancing-v2";
import { timeInWords } from "../../../core/planning/words.ts";
import type { Plan } from "../../../core/plan.ts";
import { otherSlot, SLOTS, type Slot } from "../../../core/units.ts";
import type { Finding } from "../../../ports/target.ts";
import { targetGroupsOf } from "../find-rules.ts";
import type { Found } from "../found.ts";
import { pinsOf } from "../router/stickiness.ts";
import type { AwsSettings } from "../settings.ts";

type Pair<T> = Readonly<Record<Slot, T>>;

export function listenerFindings(
  balancers: readonly LoadBalancer[],
  listeners: readonly Listener[],
): readonly Finding[] {
  const states = balancers.flatMap((balancer): readonly Finding[] => {
    const { Code: code, Reason: reason = "" } = balancer.State ?? {};
    if (code === undefined || code === "active") return [];
    const message = `load balancer ${balancer.LoadBalancerName} is ${code}${reason === "" ? "" : `: ${reason}`}`;
    // `active_impaired` serves, and cannot grow.
    const is = code === "active_impaired" ? "warns" : "blocks";
    return [{ is, cause: { code: "TEAL-A613", message }, next: "wait until it is active, or repair it" }];
  });
  const bare = listeners.filter(
    (listener) => listener.Protocol === "HTTPS" && (listener.Certificates ?? []).length === 0,
  );
  return [
    ...states,
    ...bare.map(({ ListenerArn }): Finding => {
      const message = `listener ${ListenerArn} has no certificate: no client gets an answer`;
      return {
        is: "blocks",
        cause: { code: "TEAL-A613", message },
        next: "give the listener a certificate",
      };
    }),
  ];
}

/** What several rules mean, and rules from which a slot is missing. */
export function ruleFindings(rules: readonly Rule[], found: Found): readonly Finding[] {
  const several: readonly Finding[] =
    found.rules.length < 2
      ? []
      : [
          {
            is: "warns",
            cause: {
              code: "TEAL-A609",
              message: `${found.rules.length} rules are switched one after the other (${found.rules.map(({ name }) => name).join(", ")}): in between, a user may meet both revisions`,
            },
            next: "nothing, where both revisions suit each other; else serve all paths by one rule",
          },
        ];
  // At most 5 target groups in one action (Quotas for your Application Load Balancers).
  const full = rules.filter((rule) => {
    const own = new Set(targetGroupsOf(rule.Actions ?? []));
    for (const slot of SLOTS) own.add(found.slots[slot].targetGroup.arn);
    return own.size > 5;
  });
  return [
    ...several,
    ...full.map(({ RuleArn }): Finding => {
      const message = `rule ${RuleArn} would forward to more than the 5 target groups that AWS allows`;
      return {
        is: "blocks",
        cause: { code: "TEAL-A610", message },
        next: "remove target groups that nobody uses from the rule",
      };
    }),
  ];
}

/** How long old cookies hold clients, and how long instances take to come and to go. */
export function stickyFindings(
  rules: readonly Rule[],
  attributes: Pair<ReadonlyMap<string, string>>,
  settings: AwsSettings,
  found: Found,
  plan: Plan,
): readonly Finding[] {
  const configs = rules.map(
    (rule) =>
      rule.Actions?.find((action) => action.Type === "forward")?.ForwardConfig?.TargetGroupStickinessConfig,
  );
  const { seconds } = pinsOf(configs, attributes);
  return [
    ...pinned(seconds, settings, plan),
    ...SLOTS.flatMap((slot) => slowStart(attributes[slot], found.slots[slot].targetGroup.name, slot, plan)),
    ...SLOTS.flatMap((slot) => leaving(attributes[slot], found.slots[slot].targetGroup.name, plan)),
  ];
}

function pinned(seconds: number, { sticky }: AwsSettings, plan: Plan): readonly Finding[] {
  const { serving } = plan.baseline;
  if (seconds === 0 || serving === "nobody") return [];
  const { drainCap, kind } = plan.request.strategy;
  const next = "shorten the rule's stickiness where nobody needs it";
  if (sticky === "cut") {
    const message = `cookies hold users at ${serving}; the cutover turns the rule's stickiness off in the same call, so that they go to the candidate at once`;
    return [{ is: "warns", cause: { code: "TEAL-A602", message }, next }];
  }
  const held = `cookies hold users at ${serving} for up to ${timeInWords(seconds * 1_000)} after the cutover`;
  if (drainCap < seconds * 1_000) {
    const message = `${held}, and the drain that should wait for them ends after ${timeInWords(drainCap)}: those who are left then get 503`;
    const longer = `set strategy.${kind}.drain to ${Math.ceil(seconds / 60)}m or more, or aws.sticky to cut, or shorten the rule's stickiness`;
    return [{ is: "blocks", cause: { code: "TEAL-A602", message }, next: longer }];
  }
  const cause = { code: "TEAL-A602", message: `${held}; the drain waits for them` };
  return [{ is: "warns", cause, next }];
}

function slowStart(
  attributes: ReadonlyMap<string, string>,
  name: string,
  slot: Slot,
  plan: Plan,
): readonly Finding[] {
  const seconds = Number(attributes.get("slow_start.duration_seconds") ?? 0);
  const { bake } = plan.request.strategy;
  if (slot !== plan.candidate.slot || seconds === 0 || bake >= seconds * 1_000) return [];
  const message = `target group ${name} starts slowly for ${seconds} s, longer than the bake of ${timeInWords(bake)}: the candidate is judged before it has its whole share`;
  const next = `set strategy.${plan.request.strategy.kind}.bake to ${seconds}s or more`;
  return [{ is: "warns", cause: { code: "TEAL-A607", message }, next }];
}

/** A target that leaves shows as draining for the whole delay, also without any traffic. */
function leaving(attributes: ReadonlyMap<string, string>, name: string, plan: Plan): readonly Finding[] {
  const seconds = Number(attributes.get("deregistration_delay.timeout_seconds") ?? 300);
  const retire = plan.steps.find((step) => step.do === "retire");
  if (retire === undefined || retire.deadline >= seconds * 1_000) return [];
  const message = `instances of target group ${name} take ${timeInWords(seconds * 1_000)} to leave (its deregistration delay), and the step that stops them ends after ${timeInWords(retire.deadline)}`;
  const next = `aws elbv2 modify-target-group-attributes --target-group-arn ARN --attributes Key=deregistration_delay.timeout_seconds,Value=30; a slot is drained before its instances leave`;
  return [{ is: "warns", cause: { code: "TEAL-A605", message }, next }];
}

/** The candidate is to be asked what live is asked. */
export function healthFindings(groups: Pair<TargetGroup>, slot: Slot): readonly Finding[] {
  const [candidate, other] = [groups[slot], groups[otherSlot(slot)]];
  const differing = (
    [
      ["HealthCheckPath", "path"],
      ["HealthCheckPort", "port"],
      ["HealthCheckProtocol", "protocol"],
      ["ProtocolVersion", "protocol version"],
    ] as const
  ).filter(([key]) => candidate[key] !== other[key]);
  const matcher = candidate.Matcher?.HttpCode !== other.Matcher?.HttpCode ? ["statuses"] : [];
  const off = candidate.HealthCheckEnabled === false;
  const what = [...differing.map(([, words]) => words), ...matcher];
  const names = `${candidate.TargetGroupName} and ${other.TargetGroupName}`;
  const unlike: readonly Finding[] =
    what.length === 0
      ? []
      : [
          {
            is: "warns",
            cause: {
              code: "TEAL-A616",
              message: `the health checks of ${names} differ in ${what.join(", ")}`,
            },
            next: "make them equal: what is healthy in one slot may not be in the other",
          },
        ];
  if (!off) return unlike;
  const message = `target group ${candidate.TargetGroupName} has its health check turned off`;
  return [...unlike, { is: "warns", cause: { code: "TEAL-A616", message }, next: "turn it on" }];
}

/** Terraform reverts what Teal writes unless it is told not to; the account shows only that it is used. */
export function ownerFindings(tags: ReadonlyMap<string, ReadonlyMap<string, string>>): readonly Finding[] {
  const owned = [...tags.values()]
    .flatMap((own) => [...own])
    .some(([key, value]) => {
      return /terraform|opentofu/iu.test(`${key} ${value}`);
    });
  if (!owned) return [];
  const message =
    "the tags say that Terraform owns the target groups; whether it ignores what Teal changes (actions, sizes, template versions) cannot be seen from here";
  return [{ is: "unproven", cause: { code: "TEAL-A619", message } }];
}
