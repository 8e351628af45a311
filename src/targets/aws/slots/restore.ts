import type { AutoScalingGroup } from "@aws-sdk/client-auto-scaling";
import {
  boundsOf,
  heldOf,
  heldText,
  isHeld,
  looksHeld,
  released,
  sameBounds,
  SCHEDULES,
  suspendedIn,
  type Held,
  type Original,
} from "./capacity.ts";
import { unguarding } from "./guards.ts";
import { tagging, type Change } from "./writer.ts";

/**
 * Puts back what a deployment held: bounds, processes, protection. Bounds that somebody else set meanwhile are that
 * person's newer decision and stay. Nothing starts or stops by it.
 * The group's tag says what Teal set. Where somebody deleted it (`terraform apply` does, unless it ignores `tag`), what
 * Teal would have set goes by the original from the journal.
 */
export function restoring(group: AutoScalingGroup, original: Original): readonly Change[] {
  const held = heldOf(group);
  const name = group.AutoScalingGroupName ?? "";
  const now = boundsOf(group);
  const ours = held === undefined ? looksHeld(group, original) : isHeld(group);
  const to = ours ? released(group, original) : now;
  const resume = (held?.off ?? [SCHEDULES]).filter(
    (process) => suspendedIn(group).includes(process) && !original.suspended.includes(process),
  );
  const changes: readonly Change[] = [
    ...(sameBounds(to, now) ? [] : [{ do: "update", group: name, to: { bounds: to } } as const]),
    ...(resume.length === 0 ? [] : [{ do: "resume", group: name, processes: resume } as const]),
    ...unguarding(group),
  ];
  if (held === undefined) return changes;
  const bounds = ours ? { is: to, was: { min: original.min, max: original.max } } : {};
  const after: Held = { ...held, ...bounds, off: [] };
  // The note comes last: while the bounds are those that were held, they are known to be Teal's.
  return heldText(after) === heldText(held) ? changes : [...changes, tagging(name, after)];
}
