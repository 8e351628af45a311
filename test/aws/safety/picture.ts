import type { Group } from "../../aws-sim/scaling/types.ts";
import { SLOTS, type ShopSlot } from "../../aws-sim/shop.ts";
import type { AwsStory } from "../story.ts";

/* The simulated account as it is, by the simulator's own doors: nothing of it is asked of Teal. */

export interface SlotPicture {
  readonly weight: number;
  /** Targets that the load balancer calls healthy. */
  readonly healthy: number;
  readonly group: Group;
}

export interface Picture {
  readonly slots: Readonly<Record<ShopSlot, SlotPicture>>;
  /** Every node serves by what the control plane says. */
  readonly current: boolean;
}

interface Shown {
  readonly Rules: readonly ShownRule[];
}

interface ShownRule {
  readonly RuleArn: string;
  readonly Actions: readonly {
    readonly TargetGroupArn?: string;
    readonly ForwardConfig?: {
      readonly TargetGroups?: readonly { readonly TargetGroupArn: string; readonly Weight?: number }[];
    };
  }[];
}

export function pictureOf(story: AwsStory): Picture {
  const { simulator, shop } = story;
  const weights = weightsOf(story);
  const instances = [...simulator.compute.state.instances.keys()];
  const slot = (name: ShopSlot): SlotPicture => {
    const arn = shop.targetGroups[name];
    const healthy = instances.filter((id) => simulator.elb.targets.health(arn, id)?.state === "healthy");
    return { weight: weights.get(arn) ?? 0, healthy: healthy.length, group: groupOf(story, name) };
  };
  return {
    slots: { blue: slot("blue"), green: slot("green") },
    current: simulator.elb.nodes(shop.loadBalancer.arn).every(({ current }) => current),
  };
}

export function groupOf({ simulator, shop }: AwsStory, slot: ShopSlot): Group {
  const group = simulator.scaling.state.groups.get(shop.groups[slot]);
  if (group === undefined) throw new Error(`there is no group ${shop.groups[slot]}`);
  return group;
}

export function ruleOf({ simulator, shop }: AwsStory): ShownRule {
  const arn = shop.listeners[0]?.rule ?? "";
  const { Rules: rules } = simulator.elb.act("DescribeRules", { RuleArns: [arn] }) as Shown;
  const [rule] = rules;
  if (rule === undefined) throw new Error(`there is no rule ${arn}`);
  return rule;
}

/** By ARN of the target group; one that is named alone has everything. */
function weightsOf(story: AwsStory): ReadonlyMap<string, number> {
  const forward = ruleOf(story).Actions.at(-1);
  const tuples = forward?.ForwardConfig?.TargetGroups;
  if (tuples === undefined) return new Map([[forward?.TargetGroupArn ?? "", 1]]);
  return new Map(tuples.map(({ TargetGroupArn, Weight = 1 }) => [TargetGroupArn, Weight]));
}

/**
 * What a deployment may change for its time only: what the owner of the account set. Weights, sizes in use and versions
 * are what deployments are for, and not in it.
 */
export function belongings(story: AwsStory): unknown {
  const { simulator, shop } = story;
  const rules = shop.listeners.flatMap(({ arn }) => {
    const { Rules } = simulator.elb.act("DescribeRules", { ListenerArn: arn }) as Shown;
    return Rules.map((rule) => JSON.parse(JSON.stringify(rule, withoutWeights)) as unknown);
  });
  const groups = SLOTS.map((slot) => {
    const { name, suspended, members, max } = groupOf(story, slot);
    const shielded = members.filter((member) => member.protected).map(({ id }) => id);
    return { name, max, suspended: [...suspended.keys()].toSorted(), shielded };
  });
  return { rules, groups };
}

function withoutWeights(key: string, value: unknown): unknown {
  return key === "Weight" ? undefined : value;
}

/** Bounds and size: `[min, max, desired]`. */
export function sizeOf(story: AwsStory, slot: ShopSlot): readonly [number, number, number] {
  const { min, max, desired } = groupOf(story, slot);
  return [min, max, desired];
}
