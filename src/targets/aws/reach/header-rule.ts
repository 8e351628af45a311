import type { Action, Rule, RuleCondition } from "@aws-sdk/client-elastic-load-balancing-v2";
import type { Cause, Slot } from "../../../core/units.ts";
import type { By, Write } from "../../../ports/write.ts";
import { notDone, notWritten } from "../api/answers.ts";
import type { AwsApi, CallBy } from "../api/api.ts";
import type { Found, FoundRule } from "../found.ts";
import { callOf, LATE } from "../router/calls.ts";
import type { AwsSettings, Reaching } from "../settings.ts";
import { noPriority } from "./words.ts";

/** Tags by which Teal knows the rule that it made; whose value is the service, and the environment. */
const OURS = { service: "teal.dev/service", probes: "teal.dev/probes" } as const;

/** Requests with this header get to the slot. */
export interface Led {
  readonly rule: FoundRule;
  readonly header: string;
  readonly value: string;
}

export interface HeaderRules {
  /** The rule that leads to the slot, whoever made it; `none` where there is none. */
  find(slot: Slot, call: CallBy): Promise<Led | "none" | Cause>;
  /** Makes sure that there is one. */
  lead(slot: Slot, by: By): Promise<Write<undefined>>;
  /** Removes the one that Teal made for the slot, if there is one. */
  remove(slot: Slot, by: By): Promise<Write<undefined>>;
  /** Where the rule would be put, or why it cannot be. */
  priority(call: CallBy): Promise<number | Cause>;
}

type HeaderReaching = Extract<Reaching, { readonly by: "headerRule" }>;

/**
 * One rule on the first listener of the service, before the rules that users' requests match: their host, and a header
 * with a value that nobody else knows, to the one target group. It carries tags, so that whoever comes after a crash
 * knows it for Teal's; a rule of somebody else for the same header and target group is used and never removed.
 * @param random names a header value that cannot be guessed.
 */
export function createHeaderRules(
  api: AwsApi,
  settings: Pick<AwsSettings, "service" | "environment"> & { readonly reach: HeaderReaching },
  found: (signal: AbortSignal) => Promise<Found | Cause>,
  random: () => string,
): HeaderRules {
  const { header } = settings.reach;

  /** The rules of the listener, and those of them that look at the header. */
  async function look(call: CallBy) {
    const known = await found(call.signal);
    if ("code" in known) return known;
    const [rule] = known.rules;
    if (rule === undefined) throw new Error("a service without a rule is never found");
    const answer = await api.elb.rules({ listener: rule.listener.arn }, call);
    if (answer.is === "failed") return answer.cause;
    const all = answer.value;
    return { known, rule, all, looking: all.filter((each) => valueOf(each, header) !== undefined) };
  }

  function leads(rule: Rule, known: Found, slot: Slot): boolean {
    const only = forwardsOnlyTo(rule.Actions ?? []);
    return only !== undefined && only === known.slots[slot].targetGroup.arn;
  }

  /** Of these rules, the ones that Teal made for this service and environment. */
  async function ours(rules: readonly Rule[], call: CallBy): Promise<readonly Rule[] | Cause> {
    const arns = rules.flatMap(({ RuleArn }) => RuleArn ?? []);
    if (arns.length === 0) return [];
    const answer = await api.elb.tags(arns, call);
    if (answer.is === "failed") return answer.cause;
    return rules.filter(({ RuleArn = "" }) => {
      const tags = answer.value.get(RuleArn);
      return tags?.get(OURS.service) === settings.service && tags.get(OURS.probes) === settings.environment;
    });
  }

  function priorityIn({ all, known, rule }: { all: readonly Rule[]; known: Found; rule: FoundRule }) {
    const arns = known.rules
      .filter(({ listener }) => listener.arn === rule.listener.arn)
      .map(({ arn }) => arn);
    const before = all.filter(({ RuleArn = "" }) => arns.includes(RuleArn)).map(priorityOf);
    const free = lowestFree(all.map(priorityOf));
    return free < Math.min(...before) ? free : noPriority(rule.name);
  }

  return {
    async find(slot, call) {
      const seen = await look(call);
      if ("code" in seen) return seen;
      const rule = seen.looking.find((each) => leads(each, seen.known, slot));
      if (rule === undefined) return "none";
      return { rule: seen.rule, header, value: valueOf(rule, header) ?? "" };
    },

    async lead(slot, by) {
      const call = callOf(by, "write");
      if (call === undefined) return notDone(LATE);
      const seen = await look(call);
      if ("code" in seen) return notDone(seen);
      const { known, looking } = seen;
      if (looking.some((each) => leads(each, known, slot))) return { is: "unchanged", seen: undefined };
      const actions = [forwardTo(known.slots[slot].targetGroup.arn)];
      const mine = await ours(looking, call);
      if ("code" in mine) return notDone(mine);
      const [left] = mine;
      if (left?.RuleArn !== undefined) return written(await api.elb.modifyRule(left.RuleArn, actions, call));
      const priority = priorityIn(seen);
      if (typeof priority !== "number") return { is: "rejected", cause: priority };
      const conditions = conditionsFor(seen.rule, header, settings.reach.value ?? random());
      const tags = [
        { Key: OURS.service, Value: settings.service },
        { Key: OURS.probes, Value: settings.environment },
      ];
      const listener = seen.rule.listener.arn;
      return written(await api.elb.createRule({ listener, priority, conditions, actions, tags }, call));
    },

    async remove(slot, by) {
      const call = callOf(by, "write");
      if (call === undefined) return notDone(LATE);
      const seen = await look(call);
      if ("code" in seen) return notDone(seen);
      const mine = await ours(
        seen.looking.filter((each) => leads(each, seen.known, slot)),
        call,
      );
      if ("code" in mine) return notDone(mine);
      for (const { RuleArn = "" } of mine) {
        const answer = await api.elb.deleteRule(RuleArn, call);
        if (answer.is === "failed" && answer.code !== "RuleNotFound") return notWritten(answer);
      }
      return { is: mine.length === 0 ? "unchanged" : "applied", seen: undefined };
    },

    async priority(call) {
      const seen = await look(call);
      return "code" in seen ? seen : priorityIn(seen);
    },
  };
}

function written(answer: Awaited<ReturnType<AwsApi["elb"]["createRule"]>>): Write<undefined> {
  return answer.is === "failed" ? notWritten(answer) : { is: "applied", seen: undefined };
}

/** The default rule comes after every other. */
function priorityOf({ Priority, IsDefault }: Rule): number {
  const number = Number(Priority);
  return IsDefault === true || !Number.isInteger(number) ? Number.POSITIVE_INFINITY : number;
}

function lowestFree(taken: readonly number[]): number {
  let free = 1;
  while (taken.includes(free)) free++;
  return free;
}

/** The value that the rule asks of the header, if it looks at it. Header names know no case. */
function valueOf({ Conditions = [] }: Rule, header: string): string | undefined {
  const condition = Conditions.find(
    ({ HttpHeaderConfig }) => HttpHeaderConfig?.HttpHeaderName?.toLowerCase() === header.toLowerCase(),
  );
  return condition?.HttpHeaderConfig?.Values?.[0];
}

/** With the host of the users' rule, so that several services on one listener keep apart; its path does not matter. */
function conditionsFor({ hosts }: FoundRule, header: string, value: string): RuleCondition[] {
  const [host] = hosts;
  return [
    ...(host === undefined ? [] : [{ Field: "host-header", HostHeaderConfig: { Values: [host] } }]),
    { Field: "http-header", HttpHeaderConfig: { HttpHeaderName: header, Values: [value] } },
  ];
}

export function forwardTo(targetGroup: string): Action {
  return {
    Type: "forward",
    ForwardConfig: { TargetGroups: [{ TargetGroupArn: targetGroup, Weight: 1 }] },
  };
}

/** The target group, where the rule does nothing but forward to one. */
export function forwardsOnlyTo(actions: readonly Action[]): string | undefined {
  const [action, ...more] = actions;
  if (action?.Type !== "forward" || more.length > 0) return undefined;
  const listed = action.ForwardConfig?.TargetGroups ?? [];
  return listed.length > 1 ? undefined : (listed[0]?.TargetGroupArn ?? action.TargetGroupArn);
}
