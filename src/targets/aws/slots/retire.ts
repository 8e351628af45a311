import type { AutoScalingGroup } from "@aws-sdk/client-auto-scaling";
import type { Replica } from "../../../core/observed.ts";
import { desiredOf, heldAt, heldOf, ownBounds, type Held } from "./capacity.ts";
import { instancesOf } from "./state.ts";
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
): readonly Change[] {
  const name = group.AutoScalingGroupName ?? "";
  if (desiredOf(group) <= keep) return [];
  const before = heldOf(group);
  const was = ownBounds(group);
  const is = keep === 0 ? (before?.idle ?? { min: 0, max: was.max }) : heldAt(keep, was, "exactly");
  const guarding = guards(group, keep, phases);
  const guarded =
    keep > 0 && (guarding.some((change) => change.do === "protect" && change.on) || before?.guarded);
  // Without the tag nothing is known of processes, and nothing is said of them: the restore then goes by the journal.
  const { guarded: _guarded, ...rest } = before ?? {};
  const held: Held = { ...rest, is, was, ...(guarded === true ? { guarded } : {}) };
  return [tagging(name, held), ...guarding, { do: "update", group: name, to: { bounds: is, desired: keep } }];
}

/** Ready ones stay before others, and whoever has to go must not be protected. */
function guards(
  group: AutoScalingGroup,
  keep: number,
  phases: ReadonlyMap<string, Replica["phase"]>,
): readonly Change[] {
  const name = group.AutoScalingGroupName ?? "";
  const there = instancesOf(group)
    .map((instance) => ({
      id: instance.InstanceId ?? "",
      guarded: instance.ProtectedFromScaleIn === true,
      phase: phases.get(instance.InstanceId ?? "") ?? "starting",
    }))
    .filter(({ phase }) => phase !== "stopping");
  const ranked = there.toSorted(
    (a, b) => RANK[a.phase] - RANK[b.phase] || Number(b.guarded) - Number(a.guarded),
  );
  const [stay, go] = [ranked.slice(0, keep), ranked.slice(keep)];
  const alike = new Set(there.map(({ phase }) => phase)).size <= 1;
  const guard = alike ? [] : stay.filter(({ guarded }) => !guarded).map(({ id }) => id);
  const free = go.filter(({ guarded }) => guarded).map(({ id }) => id);
  return [
    ...(guard.length === 0 ? [] : [{ do: "protect", group: name, ids: guard, on: true } as const]),
    ...(free.length === 0 ? [] : [{ do: "protect", group: name, ids: free, on: false } as const]),
  ];
}

const RANK: Readonly<Record<Replica["phase"], number>> = {
  ready: 0,
  starting: 1,
  unready: 2,
  crashLoop: 3,
  exited: 4,
  stopping: 5,
};
