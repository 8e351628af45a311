import type { AutoScalingGroup } from "@aws-sdk/client-auto-scaling";
import type { Replica } from "../../../core/observed.ts";
import type { Cause } from "../../../core/units.ts";
import { TAGS } from "../names.ts";
import { desiredOf, tagOf } from "./capacity.ts";
import { instancesOf } from "./state.ts";
import type { Change } from "./writer.ts";

/*
 * Protection from scale-in, by which a group that shrinks is told who stays. It belongs to the group's owner, too: what
 * Teal protected and what it freed is noted on the group before it is done, so that only that is undone.
 */

/** Ids of instances, as far as Teal changed their protection. */
interface Noted {
  readonly protected: readonly string[];
  readonly freed: readonly string[];
}

/** A tag's value has at most 256 characters, an entry of the note 18: a sign and an id of 17 digits, without its `i-`. */
const ENTRIES = 14;
/** A group has at most 50 tags, most of them its owner's. */
const NOTES = 10;

/** Ready ones stay before others, and whoever has to go must not be protected. */
export function guarding(
  group: AutoScalingGroup,
  keep: number,
  phases: ReadonlyMap<string, Replica["phase"]>,
): readonly Change[] | Cause {
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
  if (guard.length === 0 && free.length === 0) return [];
  const before = notedOn(group);
  const isThere = (id: string) => there.some((each) => each.id === id);
  // What Teal itself did before and now undoes is the owner's again: it is in neither list.
  const note: Noted = {
    protected: [
      ...before.protected.filter((id) => isThere(id) && !free.includes(id)),
      ...guard.filter((id) => !before.freed.includes(id)),
    ],
    freed: [
      ...before.freed.filter((id) => isThere(id) && !guard.includes(id)),
      ...free.filter((id) => !before.protected.includes(id)),
    ],
  };
  if (note.protected.length + note.freed.length > ENTRIES * NOTES) return tooMany(group);
  return [...noting(group, note), ...protecting(group, guard, true), ...protecting(group, free, false)];
}

/** Undoes what Teal did to protection; what somebody else did to it stays. */
export function unguarding(group: AutoScalingGroup): readonly Change[] {
  const noted = notedOn(group);
  const there = instancesOf(group).filter(({ LifecycleState = "" }) => PROTECTABLE.has(LifecycleState));
  const having = (ids: readonly string[], guarded: boolean) =>
    there.flatMap(({ InstanceId: id = "", ProtectedFromScaleIn = false }) =>
      ids.includes(id) && ProtectedFromScaleIn === guarded ? [id] : [],
    );
  // While the group still shrinks, those that were freed are the ones that go.
  const stays = there.length <= desiredOf(group);
  return [
    ...protecting(group, having(noted.protected, true), false),
    ...protecting(group, stays ? having(noted.freed, false) : [], true),
    ...noting(group, { protected: [], freed: [] }),
  ];
}

/** SetInstanceProtection refuses others (API reference). */
const PROTECTABLE: ReadonlySet<string> = new Set(["InService", "EnteringStandby", "Standby"]);

const RANK: Readonly<Record<Replica["phase"], number>> = {
  ready: 0,
  starting: 1,
  unready: 2,
  crashLoop: 3,
  exited: 4,
  stopping: 5,
};

function protecting(group: AutoScalingGroup, ids: readonly string[], on: boolean): readonly Change[] {
  return ids.length === 0 ? [] : [{ do: "protect", group: group.AutoScalingGroupName ?? "", ids, on }];
}

function keyOf(index: number): string {
  return `${TAGS.guards}-${index + 1}`;
}

/** `+0123456789abcdef0-0fedcba9876543210`: the first was protected, the second freed. */
function notedOn(group: AutoScalingGroup): Noted {
  const text = Array.from({ length: NOTES }, (_, index) => tagOf(group, keyOf(index)) ?? "").join("");
  const signed = (sign: string) =>
    [...text.matchAll(/([+-])([0-9a-f]+)/gu)].flatMap(([, own, digits]) =>
      own === sign ? [`i-${digits}`] : [],
    );
  return { protected: signed("+"), freed: signed("-") };
}

/** Only the tags that change; one that is needed no more is left empty, since nothing may delete tags. */
function noting(group: AutoScalingGroup, { protected: on, freed }: Noted): readonly Change[] {
  const entries = [...on.map((id) => id.replace(/^i-/u, "+")), ...freed.map((id) => id.replace(/^i-/u, "-"))];
  const tags = Array.from({ length: NOTES }, (_, index) => {
    return [keyOf(index), entries.slice(index * ENTRIES, (index + 1) * ENTRIES).join("")] as const;
  }).filter(([key, text]) => text !== (tagOf(group, key) ?? ""));
  if (tags.length === 0) return [];
  return [{ do: "tag", group: group.AutoScalingGroupName ?? "", tags: Object.fromEntries(tags) }];
}

function tooMany({ AutoScalingGroupName: name }: AutoScalingGroup): Cause {
  const message =
    `making Auto Scaling group ${name} smaller would change the scale-in protection of more than ${ENTRIES * NOTES} instances, ` +
    "which could not be given back exactly. End that protection, or let all instances become ready, then go on: teal resume";
  return { code: "TEAL-A216", message };
}
