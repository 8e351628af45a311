import { AwsError, type Input, type Operation } from "../../kernel.ts";
import { checkActions, readActions } from "../actions.ts";
import { readConditions } from "../conditions.ts";
import { arnsOf, lookUp, reading, writing, type Desk } from "../desk.ts";
import { invalid, need, records, text, texts, whole } from "../input.ts";
import { listenersOf, put, rulesOf, type Book, type Rule } from "../model.ts";
import { page } from "../pages.ts";
import { within } from "../quotas.ts";
import { readTags } from "./tags.ts";

const ID = "RuleArn";
/** API reference, CreateRule, Priority. */
const PRIORITIES = [1, 50_000] as const;

export function ruleOperations(desk: Desk): Record<string, Operation> {
  const rulesBelow = (input: Input) => [
    `${(text(input, "ListenerArn") ?? "").replace(":listener/", ":listener-rule/")}/*`,
  ];
  return {
    CreateRule: writing(
      "CreateRule",
      arnsOf("ListenerArn"),
      (input) => ({ Rules: [show(create(desk, input))] }),
      rulesBelow,
    ),
    ModifyRule: writing("ModifyRule", arnsOf(ID), (input) => ({ Rules: [show(modify(desk, input))] })),
    DeleteRule: writing("DeleteRule", arnsOf(ID), (input) => remove(desk, need(input, ID))),
    SetRulePriorities: writing(
      "SetRulePriorities",
      (input) => records(input, "RulePriorities").map((each) => text(each, "RuleArn") ?? ""),
      (input) => ({ Rules: reorder(desk, input).map(show) }),
    ),
    DescribeRules: reading("DescribeRules", (input, { seenAt }) => {
      const found = find(desk.seen(seenAt), input);
      const { entries, NextMarker } = page(input, "rules", found, desk.options.pageSize ?? 20);
      return { Rules: entries.map(show), NextMarker };
    }),
  };
}

function create(desk: Desk, input: Input): Rule {
  const { book } = desk;
  const listener = lookUp(book.listeners, need(input, "ListenerArn"), "listener");
  const priority = whole(input, "Priority", ...PRIORITIES);
  if (priority === undefined) throw invalid("Priority must not be null");
  const conditions = readConditions(input);
  const actions = readActions(input, "Actions");
  if (rulesOf(book, listener.arn).some((rule) => rule.priority === priority)) {
    throw new AwsError("PriorityInUse", `Priority '${priority}' is currently in use`);
  }
  // Guide, "Quotas": rules per load balancer, default rules not counted.
  const rules = listenersOf(book, listener.loadBalancer).flatMap(({ arn }) =>
    rulesOf(book, arn).slice(0, -1),
  );
  within("rules-per-application-load-balancer", rules.length + 1, "TooManyRules");
  checkActions(book, listener, actions);
  const tags = readTags(input);
  const arn = `${listener.arn.replace(":listener/", ":listener-rule/")}/${desk.id()}`;
  const rule: Rule = { arn, listener: listener.arn, priority, conditions, actions };
  desk.change({ rules: put(book.rules, arn, rule), tags: put(book.tags, arn, tags) });
  return rule;
}

/** API reference, ModifyRule: conditions and actions that are not given stay; each list is replaced as a whole. */
function modify(desk: Desk, input: Input): Rule {
  const { book } = desk;
  const before = lookUp(book.rules, need(input, ID), "rule");
  // API reference, ModifyRule: "To modify the actions for the default rule, use ModifyListener"; OperationNotPermitted.
  if (before.priority === "default") {
    throw new AwsError("OperationNotPermitted", `Default rule '${before.arn}' cannot be modified`);
  }
  const rule: Rule = {
    ...before,
    ...(input["Conditions"] !== undefined && { conditions: readConditions(input) }),
    ...(input["Actions"] !== undefined && { actions: readActions(input, "Actions", before.actions) }),
  };
  checkActions(book, book.listeners.get(rule.listener)!, rule.actions, rule.arn);
  desk.change({ rules: put(book.rules, rule.arn, rule) });
  return rule;
}

function remove(desk: Desk, arn: string): Record<string, never> {
  const { book } = desk;
  const rule = lookUp(book.rules, arn, "rule");
  // API reference, DeleteRule: "You can't delete the default rule".
  if (rule.priority === "default") {
    throw new AwsError("OperationNotPermitted", `Default rule '${arn}' cannot be deleted`);
  }
  desk.change({ rules: put(book.rules, arn, undefined), tags: put(book.tags, arn, undefined) });
  return {};
}

/** API reference, SetRulePriorities: rules that are not named keep theirs, so they must not collide. */
function reorder(desk: Desk, input: Input): readonly Rule[] {
  const { book } = desk;
  const moved = records(input, "RulePriorities").map((each) => {
    const rule = lookUp(book.rules, need(each, "RuleArn"), "rule");
    if (rule.priority === "default") {
      throw new AwsError(
        "OperationNotPermitted",
        `Priority of default rule '${rule.arn}' cannot be modified`,
      );
    }
    return { ...rule, priority: whole(each, "Priority", ...PRIORITIES) ?? rule.priority };
  });
  const rules = new Map(book.rules);
  for (const rule of moved) rules.set(rule.arn, rule);
  for (const { listener } of moved) {
    const taken = [...rules.values()]
      .filter((rule) => rule.listener === listener)
      .map(({ priority }) => priority);
    const twice = taken.find((priority, at) => taken.indexOf(priority) !== at);
    if (twice !== undefined) throw new AwsError("PriorityInUse", `Priority '${twice}' is currently in use`);
  }
  desk.change({ rules });
  return moved;
}

function find(book: Book, input: Input): readonly Rule[] {
  const arns = texts(input, "RuleArns");
  const listener = text(input, "ListenerArn");
  // API reference, DescribeRules: a listener, or one or more rules.
  if (arns.length > 0 && listener === undefined) {
    const named = arns.map((arn) => lookUp(book.rules, arn, "rule"));
    return [...new Set(named.map((rule) => rule.listener))].flatMap((each) =>
      rulesOf(book, each).filter(({ arn }) => arns.includes(arn)),
    );
  }
  if (listener === undefined || arns.length > 0)
    throw invalid("Either ListenerArn or RuleArns must be specified");
  lookUp(book.listeners, listener, "listener");
  return rulesOf(book, listener);
}

const show = ({ arn, priority, conditions, actions }: Rule) => ({
  RuleArn: arn,
  Priority: `${priority}`,
  Conditions: conditions,
  Actions: actions,
  IsDefault: priority === "default",
});
