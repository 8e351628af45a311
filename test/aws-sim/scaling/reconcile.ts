import { stamp, suspends, type Asg } from "./context.ts";
import { checkHealth, replaceUnhealthy } from "./health.ts";
import type { Lifecycle } from "./lifecycle.ts";
import { toTerminate } from "./termination.ts";
import type { Group, Member } from "./types.ts";

/* Periods are assumed: AWS says "periodically". All in ms of the world. */

/** From a change until the group acts on it. */
const REACTION_MS = 1_000;
/** Between two looks at a group's health and size. */
const LOOK_MS = 15_000;
/** After a launch that failed, doubled with each further one up to the second; a changed group tries at once. */
const RETRY_MS = 15_000;
const RETRY_MOST_MS = 300_000;

export interface Reconciler {
  /** Why the desired capacity is what it is, for the causes of activities; launches that failed are tried again at once. */
  because(group: string, cause: string): void;
  /** The group changed: a launch that failed is tried again at once. */
  retry(group: string): void;
  stop(): void;
}

/** Keeps every group at its desired capacity, of healthy instances, in balance between zones. */
export function createReconciler(
  asg: Asg,
  lifecycle: Lifecycle,
  alsoLook: (group: string) => void,
): Reconciler {
  const { clock } = asg.world;
  const chance = asg.world.chance.fork("scale in");
  const planned = new Set<string>();
  const causes = new Map<string, string>();
  const backoff = new Map<string, { readonly until: number; readonly wait: number }>();
  let stopped = false;

  asg.onWake((name) => {
    if (planned.has(name)) return;
    planned.add(name);
    clock.after(REACTION_MS, () => {
      planned.delete(name);
      look(name);
    });
  });

  function tick(): void {
    if (stopped) return;
    for (const name of asg.state.groups.keys()) look(name);
    clock.after(LOOK_MS, tick);
  }
  clock.after(LOOK_MS, tick);

  const present = (name: string) => asg.find(name);

  function look(name: string): void {
    if (stopped) return;
    for (const step of [healthy, sized, balanced]) {
      const group = present(name);
      if (group && !group.deleting) step(group);
    }
    if (present(name)) alsoLook(name);
  }

  function healthy(group: Group): void {
    checkHealth(asg, lifecycle, group);
    replaceUnhealthy(asg, lifecycle, asg.group(group.name));
  }

  function sized(group: Group): void {
    const there = counted(group);
    const missing = group.desired - there.length;
    if (missing > 0) grow(group, missing);
    if (missing < 0) shrink(group, -missing);
  }

  function grow(group: Group, missing: number): void {
    if (suspends(group, "Launch")) return;
    if ((backoff.get(group.name)?.until ?? 0) > clock.now()) return;
    for (let n = 0; n < missing; n++) if (!launchOne(asg.group(group.name), "increasing")) return;
    causes.delete(group.name);
    backoff.delete(group.name);
  }

  /**
   * In the zone with the fewest instances; where EC2 has no capacity, in another one: "if Amazon EC2 Auto Scaling fails to
   * launch in one zone, it attempts to launch in another": https://docs.aws.amazon.com/autoscaling/ec2/userguide/auto-scaling-benefits.html
   */
  function launchOne(group: Group, direction: string, balancing = false): boolean {
    const from = counted(group).length;
    const at = stamp(clock.now());
    const cause = `${causes.get(group.name) ?? ""}At ${at} an instance was started in response to a difference between desired and actual capacity, ${direction} the capacity from ${from} to ${from + 1}.`;
    for (const zone of zonesByNeed(asg, group)) {
      const { failed } = lifecycle.launch(group, zone, cause, balancing);
      if (failed === undefined) return true;
      if (failed !== "InsufficientInstanceCapacity" && failed !== "Unsupported") break;
    }
    const wait = Math.min(RETRY_MOST_MS, (backoff.get(group.name)?.wait ?? RETRY_MS / 2) * 2);
    backoff.set(group.name, { until: clock.now() + wait, wait });
    return false;
  }

  function shrink(group: Group, spare: number): void {
    if (suspends(group, "Terminate")) return;
    // An instance that balances zones must serve before the one that it takes the place of goes.
    if (group.members.some((one) => one.balancing && one.state !== "InService")) return;
    const at = stamp(clock.now());
    for (let n = 0; n < spare; n++) {
      const candidates = counted(asg.group(group.name));
      const chosen = toTerminate(candidates, group.terminationPolicies, clock.now(), chance.next());
      if (chosen === undefined) return;
      const cause = `${causes.get(group.name) ?? ""}At ${at} an instance was taken out of service in response to a difference between desired and actual capacity, shrinking the capacity from ${candidates.length} to ${candidates.length - 1}.  At ${at} instance ${chosen.id} was selected for termination.`;
      lifecycle.terminate(group.name, chosen.id, cause);
    }
    causes.delete(group.name);
  }

  /**
   * "launches new instances before terminating the previous ones", so the group is over its size for a while (by one here; AWS
   * allows 10 percent): https://docs.aws.amazon.com/autoscaling/ec2/userguide/auto-scaling-benefits.html#AutoScalingBehavior.InstanceUsage
   */
  function balanced(group: Group): void {
    if (suspends(group, "AZRebalance") || suspends(group, "Launch")) return;
    const there = counted(group);
    if (there.length !== group.desired || there.some((one) => one.state !== "InService")) return;
    const zones = zonesByNeed(asg, group);
    const [least, most] = [zones.at(0), zones.at(-1)].map(
      (zone) => there.filter((one) => one.zone === zone).length,
    );
    const outside = there.some((one) => !zones.includes(one.zone));
    if (outside || most! - least! >= 2) launchOne(group, "increasing", true);
  }

  return {
    because: (name, cause) => {
      causes.set(name, `At ${stamp(clock.now())} ${cause}  `);
      backoff.delete(name);
    },
    retry: (name) => void backoff.delete(name),
    stop: () => {
      stopped = true;
    },
  };
}

/** Instances that count towards the desired capacity: those that leave do not. */
export function counted(group: Group): readonly Member[] {
  return group.members.filter((one) => !one.state.startsWith("Terminating"));
}

/** The group's zones, those with the fewest instances first. */
function zonesByNeed(asg: Asg, group: Group): readonly string[] {
  const zones = new Set(group.subnets.map((id) => asg.compute.state.subnets.get(id)!.zone));
  const there = counted(group);
  return [...zones].toSorted(
    (a, b) => there.filter((one) => one.zone === a).length - there.filter((one) => one.zone === b).length,
  );
}
