import { AwsError } from "../kernel.ts";
import type { Member } from "./types.ts";

/* Which instance goes when a group shrinks: https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-termination-policies.html */

export const TERMINATION_POLICIES = [
  "Default",
  "OldestInstance",
  "NewestInstance",
  "OldestLaunchConfiguration",
  "OldestLaunchTemplate",
  "ClosestToNextInstanceHour",
  "AllocationStrategy",
] as const;

export function knownPolicies(policies: readonly string[]): readonly string[] {
  const unknown = policies.find((policy) => !TERMINATION_POLICIES.some((known) => known === policy));
  if (unknown === undefined) return policies.length > 0 ? policies : ["Default"];
  throw new AwsError("ValidationError", `Termination policy '${unknown}' is not valid.`);
}

/**
 * The instance to terminate: of the zone with the most instances (balance comes before every policy), not protected,
 * then by the policies in turn until one is left, then by `chance` in 0..1. `now` in ms. Undefined when all are protected.
 */
export function toTerminate(
  members: readonly Member[],
  policies: readonly string[],
  now: number,
  chance: number,
): Member | undefined {
  const open = members.filter((member) => !member.protected);
  const counts = Map.groupBy(open, ({ zone }) => zone);
  const total = (zone: string) => members.filter((member) => member.zone === zone).length;
  const most = Math.max(0, ...[...counts.keys()].map(total));
  const zones = [...counts.keys()].filter((zone) => total(zone) === most);
  const candidates = open.filter(({ zone }) => zones.includes(zone));
  const left = policies
    .flatMap((policy) =>
      policy === "Default" ? ["OldestLaunchTemplate", "ClosestToNextInstanceHour"] : [policy],
    )
    .reduce((rest, policy) => least(rest, rank(policy, now)), candidates);
  return left[Math.floor(chance * left.length)];
}

function least(members: readonly Member[], rank: (member: Member) => number): Member[] {
  const lowest = Math.min(...members.map(rank));
  return members.filter((member) => rank(member) === lowest);
}

function rank(policy: string, now: number): (member: Member) => number {
  switch (policy) {
    case "OldestInstance":
      return ({ launched }) => launched;
    case "NewestInstance":
      return ({ launched }) => -launched;
    case "OldestLaunchTemplate":
      return ({ template }) => Number(template.version);
    case "ClosestToNextInstanceHour":
      return ({ launched }) => 3_600_000 - ((now - launched) % 3_600_000);
    // Launch configurations and mixed instances policies are not simulated, so these find no difference.
    default:
      return () => 0;
  }
}
