import { createHash } from "node:crypto";
import type { Action, Rule } from "@aws-sdk/client-elastic-load-balancing-v2";
import type { Routing } from "../../../core/observed.ts";
import { canonicalJson } from "../../../core/planning/canonical.ts";
import { SLOTS, version, type Cause, type Version } from "../../../core/units.ts";
import type { FoundRouting, FoundRule } from "../found.ts";
import { type Division, divisionOf, type Groups } from "./actions.ts";
import { shapeOf } from "./shape.ts";
import { meanShares } from "./shares.ts";
import { gone, unmanaged } from "./words.ts";

/** One rule as it was read. */
export interface RuleView {
  readonly found: FoundRule;
  readonly rule: Rule;
  readonly actions: readonly Action[];
  readonly division: Division;
  /** Changes with what the rule means, not with how AWS writes it down. */
  readonly version: Version;
}

/** All rules that divide the traffic of the service, in the order in which they are switched. */
export interface RoutingView {
  readonly groups: Groups;
  readonly rules: readonly RuleView[];
  readonly routing: Routing;
  readonly version: Version;
}

export function groupsOf({ slots }: FoundRouting): Groups {
  return { blue: slots.blue.targetGroup.arn, green: slots.green.targetGroup.arn };
}

/**
 * @param sticky whether a change of the rules' stickiness is somebody else's: not where Teal turns it off and on.
 */
export function viewOf(found: FoundRouting, rules: readonly Rule[], sticky: boolean): RoutingView | Cause {
  const groups = groupsOf(found);
  const views: RuleView[] = [];
  for (const each of found.rules) {
    const rule = rules.find(({ RuleArn }) => RuleArn === each.arn);
    if (rule === undefined) return gone(each.name);
    const view = ruleViewOf(each, rule, groups, sticky);
    if (view === undefined)
      return unmanaged(
        each.name,
        SLOTS.map((slot) => found.slots[slot].targetGroup.name),
      );
    views.push(view);
  }
  return routingViewOf(groups, views, sticky);
}

export function ruleViewOf(
  found: FoundRule,
  rule: Rule,
  groups: Groups,
  sticky: boolean,
): RuleView | undefined {
  const actions = rule.Actions ?? [];
  const division = divisionOf(actions, groups);
  if (division === undefined) return undefined;
  const { shares, complete } = division;
  const meaning = { arn: found.arn, shares, complete, shape: shapeOf(rule, groups, sticky) };
  return { found, rule, actions, division, version: digest(meaning) };
}

export function routingViewOf(groups: Groups, rules: readonly RuleView[], sticky: boolean): RoutingView {
  const states = rules.map(({ found, rule, actions, division }) => ({
    id: found.name,
    weights: division.shares,
    raw: JSON.stringify({ arn: found.arn, actions }),
    shape: shapeOf(rule, groups, sticky),
  }));
  return {
    groups,
    rules,
    routing: { weights: meanShares(rules.map(({ division }) => division.shares)), rules: states },
    version: digest(rules.map((each) => each.version)),
  };
}

function digest(value: unknown): Version {
  return version(createHash("sha256").update(canonicalJson(value)).digest("hex").slice(0, 16));
}
