import type {
  Action,
  TargetGroupStickinessConfig,
  TargetGroupTuple,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import type { Shares } from "../../../core/routing.ts";
import { SLOTS, type Slot } from "../../../core/units.ts";
import { percent, sameShares, weightsFor } from "./shares.ts";

/*
 * The actions of a rule, of which Teal owns two numbers: the weights of the slots' target groups. A write replaces the
 * whole list, so that everything else is carried along as it was read.
 */

/** ARNs of the slots' target groups. */
export type Groups = Readonly<Record<Slot, string>>;

/** What a rule that Teal may write says about the slots. */
export interface Division {
  readonly shares: Shares;
  /** Both target groups are named; one that is named by no rule is not health checked (`unused`). */
  readonly complete: boolean;
  readonly stickiness?: TargetGroupStickinessConfig;
}

/** `undefined`: the rule forwards to neither slot, so it is not ours. */
export function divisionOf(actions: readonly Action[], groups: Groups): Division | undefined {
  const forward = forwardOf(actions);
  if (forward === undefined) return undefined;
  const { named, weights } = sums(tuplesOf(forward), groups);
  if (named.length === 0) return undefined;
  const stickiness = forward.ForwardConfig?.TargetGroupStickinessConfig;
  return {
    shares: percent(weights.blue, weights.green),
    complete: named.length === SLOTS.length,
    ...(stickiness === undefined ? {} : { stickiness }),
  };
}

export interface Wish {
  readonly to: Shares;
  /** Absent: the rule's stickiness stays as it is. */
  readonly stickiness?: TargetGroupStickinessConfig;
}

export type Rewritten =
  | { readonly is: "actions"; readonly actions: Action[] }
  /** A third target group has a part of the traffic, and the weights beside it cannot express the shares. */
  | { readonly is: "inexact" }
  | { readonly is: "unmanaged" };

/**
 * The complete list of actions that a wish means, in the order in which they were read: both target groups in the
 * forward action, with these weights. A third target group keeps its part of the traffic.
 */
export function rewritten(actions: readonly Action[], wish: Wish, groups: Groups): Rewritten {
  const forward = forwardOf(actions);
  const tuples = forward === undefined ? [] : tuplesOf(forward);
  const { named, weights: before, foreign } = sums(tuples, groups);
  if (forward === undefined || named.length === 0) return { is: "unmanaged" };
  const sum = before.blue + before.green;
  const weights = foreign > 0 ? weightsFor(wish.to, sum) : weightsFor(wish.to);
  if (weights === undefined || (foreign > 0 && sum === 0 && wish.to.blue + wish.to.green > 0))
    return { is: "inexact" };
  const next = [
    ...tuples.map((tuple) => {
      const slot = slotOf(tuple, groups);
      return slot === undefined ? tuple : { ...tuple, Weight: weights[slot] };
    }),
    ...SLOTS.filter((slot) => !named.includes(slot)).map((slot) => ({
      TargetGroupArn: groups[slot],
      Weight: weights[slot],
    })),
  ];
  const written = withTuples(forward, next, wish.stickiness);
  return { is: "actions", actions: actions.map((each) => (each === forward ? written : writable(each))) };
}

/** Whether the actions say already what is wished. */
export function fulfilled(actions: readonly Action[], to: Shares, groups: Groups): boolean {
  const division = divisionOf(actions, groups);
  return division !== undefined && division.complete && sameShares(division.shares, to);
}

/**
 * Everything of the actions that a shift leaves as it is: neither the weights of the slots, nor in which of the two
 * forms a single target group is written, nor in which order the fields come.
 * @param sticky whether stickiness belongs to it: not where Teal itself turns it off and on.
 */
export function withoutWeights(
  actions: readonly Action[],
  groups: Groups,
  sticky: boolean,
): readonly unknown[] {
  const forward = forwardOf(actions);
  return actions.map((action) => {
    if (action !== forward) return action;
    const { TargetGroupArn: _, ForwardConfig: config = {}, ...rest } = action;
    const others = tuplesOf(action).filter((tuple) => slotOf(tuple, groups) === undefined);
    const { TargetGroups: _ours, TargetGroupStickinessConfig: stickiness, ...more } = config;
    const kept = sticky && stickiness?.Enabled === true ? { stickiness } : {};
    return { ...rest, ...more, ...(others.length === 0 ? {} : { others }), ...kept };
  });
}

/** At most one action of a rule forwards (API reference, Action). */
function forwardOf(actions: readonly Action[]): Action | undefined {
  return actions.find(({ Type }) => Type === "forward");
}

/** Either form: a single ARN, which AWS repeats beside a ForwardConfig of one, or the list. */
function tuplesOf({ TargetGroupArn, ForwardConfig }: Action): readonly TargetGroupTuple[] {
  const listed = ForwardConfig?.TargetGroups ?? [];
  if (listed.length > 0) return listed;
  return TargetGroupArn === undefined ? [] : [{ TargetGroupArn, Weight: 1 }];
}

function slotOf({ TargetGroupArn }: TargetGroupTuple, groups: Groups): Slot | undefined {
  return SLOTS.find((slot) => groups[slot] === TargetGroupArn);
}

function sums(tuples: readonly TargetGroupTuple[], groups: Groups) {
  const weights = { blue: 0, green: 0 };
  const named: Slot[] = [];
  let foreign = 0;
  for (const tuple of tuples) {
    const slot = slotOf(tuple, groups);
    // A single target group may be listed without a weight: it has everything.
    const weight = tuple.Weight ?? 1;
    if (slot === undefined) foreign += weight;
    else {
      weights[slot] += weight;
      named.push(slot);
    }
  }
  return { weights, named, foreign };
}

/** Always the list: with TargetGroupArn beside it AWS accepts only one target group, and the same. */
function withTuples(
  forward: Action,
  tuples: readonly TargetGroupTuple[],
  stickiness: TargetGroupStickinessConfig | undefined,
): Action {
  const { TargetGroupArn: _, ...rest } = forward;
  return {
    ...rest,
    ForwardConfig: {
      ...forward.ForwardConfig,
      TargetGroups: [...tuples],
      ...(stickiness === undefined ? {} : { TargetGroupStickinessConfig: stickiness }),
    },
  };
}

/** AWS never shows the client secret and keeps it only when told to (API reference, AuthenticateOidcActionConfig). */
function writable(action: Action): Action {
  const { AuthenticateOidcConfig: config } = action;
  if (config === undefined || config.ClientSecret !== undefined) return action;
  return { ...action, AuthenticateOidcConfig: { ...config, UseExistingClientSecret: true } };
}
