import type { AutoScalingGroup } from "@aws-sdk/client-auto-scaling";
import type { Replica } from "../../../core/observed.ts";
import type { Cause } from "../../../core/units.ts";
import { desiredOf, heldAt, heldOf, ownBounds, type Held } from "./capacity.ts";
import { guarding } from "./guards.ts";
import { tagging, type Change } from "./writer.ts";

/**
 * A group that shrinks chooses by availability zone, launch template and age, not by health (user guide, "Default
 * termination policy"): who stays is said to it where it could choose wrongly.
 * @param phases of the group's instances.
 */
export function retiring(
  group: AutoScalingGroup,
  keep: number,
  phases: ReadonlyMap<string, Replica["phase"]>,
): readonly Change[] | Cause {
  const name = group.AutoScalingGroupName ?? "";
  if (desiredOf(group) <= keep) return [];
  const before = heldOf(group);
  const was = ownBounds(group);
  const is = keep === 0 ? (before?.idle ?? { min: 0, max: was.max }) : heldAt(keep, was, "exactly");
  const guards = guarding(group, keep, phases);
  if ("code" in guards) return guards;
  // Without the tag nothing is known of processes, and nothing is said of them: the restore then goes by the journal.
  const held: Held = { ...before, is, was };
  return [tagging(name, held), ...guards, { do: "update", group: name, to: { bounds: is, desired: keep } }];
}
