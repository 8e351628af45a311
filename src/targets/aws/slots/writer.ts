import type { AutoScalingGroup, UpdateAutoScalingGroupType } from "@aws-sdk/client-auto-scaling";
import type { Cause, Revision, Slot } from "../../../core/units.ts";
import type { By, Expect, Write } from "../../../ports/write.ts";
import { notDone, notWritten } from "../api/answers.ts";
import type { Answer, AwsApi, CallBy, Purse } from "../api/api.ts";
import { overtaken, type AwsFence } from "../fence.ts";
import type { Found } from "../found.ts";
import type { Look } from "../look.ts";
import { callOf, LATE } from "../router/calls.ts";
import { groupsOf } from "../router/view.ts";
import { TAGS } from "../names.ts";
import { heldText, type Bounds, type Held } from "./capacity.ts";
import { GROUPS, type Groups, type SlotReader } from "./reading.ts";
import { taggedText } from "./revision.ts";
import { versionOf } from "./state.ts";

/** Everything a slot may be told, one call each. */
export type Change =
  | { readonly do: "tag"; readonly group: string; readonly tags: Readonly<Record<string, string>> }
  | { readonly do: "suspend" | "resume"; readonly group: string; readonly processes: readonly string[] }
  | { readonly do: "protect"; readonly group: string; readonly ids: readonly string[]; readonly on: boolean }
  | { readonly do: "update"; readonly group: string; readonly to: Told };

/** What one UpdateAutoScalingGroup says. */
export interface Told {
  readonly bounds: Bounds;
  readonly desired?: number;
  /** The version of its launch template that it launches from now on, and of which group's definition. */
  readonly version?: { readonly number: number; readonly of: AutoScalingGroup };
}

/** What one look at the groups asks for. */
export type Next =
  | {
      readonly next: "changes";
      readonly changes: readonly Change[];
      /** What is to be found out, or made, only once those were written. */
      readonly more?: () => Promise<Next>;
    }
  | { readonly next: "stop"; readonly answer: Extract<Write<never>, { is: "rejected" | "unknown" }> };

export type Written =
  | { readonly is: "applied" | "unchanged" | "conflict"; readonly found: Found; readonly groups: Groups }
  | Extract<Write<never>, { is: "rejected" | "unknown" | "fenced" }>;

export interface WritesWith {
  readonly api: AwsApi;
  readonly found: (signal: AbortSignal) => Promise<Found | Cause>;
  readonly fence: AwsFence;
  readonly look: Look;
  readonly reader: SlotReader;
}

/** Reads, compares with what the write was decided on and with the fence, writes, reads back. */
export class Writer {
  readonly #with: WritesWith;

  constructor(using: WritesWith) {
    this.#with = using;
  }

  /**
   * @param decide everything the slot lacks, from what is there now.
   * @param blind the fence's tags need not be readable: the lease was won, and who is overtaken learns of it later.
   */
  async write(
    slot: Slot,
    expect: Expect,
    by: By,
    decide: (now: Now) => Next | Promise<Next>,
    blind = false,
  ): Promise<Written> {
    const purse: Purse = expect === "any" || by.back === true ? "switch" : "write";
    const call = callOf(by, purse);
    if (call === undefined) return notDone(LATE);
    const { found: find, fence, reader } = this.#with;
    const found = await find(call.signal);
    if ("code" in found) return notDone(found);
    const [groups, tags] = await Promise.all([
      reader.groupsNow(found, call),
      fence.read(groupsOf(found), call),
    ]);
    const fenced = "code" in tags ? undefined : overtaken(tags, by);
    if (fenced !== undefined) return fenced;
    if (groups.is === "failed") return notDone(groups.cause);
    if ("code" in tags && !blind) return notDone(tags);
    const group = groups.value[slot];
    if (group === undefined) return { is: "rejected", cause: missing(found.slots[slot].group) };
    const now: Now = { found, groups: groups.value, group, call };
    let next = await decide(now);
    if (next.next === "changes" && next.changes.length === 0 && next.more === undefined)
      return { is: "unchanged", found, groups: groups.value };
    if (expect !== "any" && expect !== versionOf(group))
      return { is: "conflict", found, groups: groups.value };
    const made: Change[] = [];
    for (;;) {
      if (next.next === "stop") return inPart(made, next.answer);
      for (const change of next.changes) {
        const failed = await this.#perform(change, by, purse);
        if (failed !== undefined) return inPart(made, failed);
        made.push(change);
      }
      if (next.more === undefined) break;
      next = await next.more();
    }
    return { is: "applied", found, groups: await this.#readBack(found, groups.value, made, by) };
  }

  async #perform(change: Change, by: By, purse: Purse): Promise<NotDone | undefined> {
    const call = callOf(by, purse);
    if (call === undefined) return notDone(LATE);
    const answer = await perform(this.#with.api, change, call);
    this.#with.look.forget(GROUPS, `activities ${change.group}`);
    return answer.is === "failed" ? notWritten(answer) : undefined;
  }

  /** AWS acknowledged the changes; a read may be late, and then they are what counts. */
  async #readBack(found: Found, before: Groups, changes: readonly Change[], by: By): Promise<Groups> {
    const after = {
      blue: changed(before.blue, changes),
      green: changed(before.green, changes),
    };
    const call = callOf(by, "write");
    const read = call === undefined ? undefined : await this.#with.reader.groupsNow(found, call);
    if (read?.is !== "ok") return after;
    const shows = (["blue", "green"] as const).every((slot) => tells(read.value[slot], after[slot]));
    if (!shows) return after;
    this.#with.look.put(
      GROUPS,
      (["blue", "green"] as const).flatMap((slot) => read.value[slot] ?? []),
    );
    return read.value;
  }
}

type NotDone = Extract<Write<never>, { is: "rejected" | "unknown" }>;

/**
 * `rejected` says that nothing was changed: not where earlier calls of the same write were carried out. A note in a tag
 * changes nothing that runs: a right that is missing is still a refusal.
 */
function inPart(made: readonly Change[], answer: NotDone): NotDone {
  return made.every((change) => change.do === "tag") ? answer : { is: "unknown", cause: answer.cause };
}

/** What a decision to write may look at. */
export interface Now {
  readonly found: Found;
  readonly groups: Groups;
  /** The slot's own, which is there. */
  readonly group: AutoScalingGroup;
  readonly call: CallBy;
}

function tells(read: AutoScalingGroup | undefined, want: AutoScalingGroup | undefined): boolean {
  return (
    read?.DesiredCapacity === want?.DesiredCapacity &&
    read?.MinSize === want?.MinSize &&
    read?.MaxSize === want?.MaxSize
  );
}

async function perform(api: AwsApi, change: Change, call: CallBy): Promise<Answer<void>> {
  const { scaling } = api;
  switch (change.do) {
    case "tag": {
      const tags = Object.entries(change.tags).map(([key, value]) => [key, { value, propagate: false }]);
      return scaling.tag(
        change.group,
        Object.fromEntries(tags) as Record<string, { value: string; propagate: boolean }>,
        call,
      );
    }
    case "suspend":
      return scaling.suspend(change.group, change.processes, call);
    case "resume":
      return scaling.resume(change.group, change.processes, call);
    case "protect":
      return protect(api, change, call);
    case "update":
      return scaling.update(updateOf(change.group, change.to), call);
    default: {
      const never: never = change;
      return never;
    }
  }
}

/** SetInstanceProtection takes so many at once (API reference). */
const PROTECT_AT_ONCE = 50;

async function protect(
  { scaling }: AwsApi,
  { group, ids, on }: Extract<Change, { do: "protect" }>,
  call: CallBy,
): Promise<Answer<void>> {
  for (let from = 0; from < ids.length; from += PROTECT_AT_ONCE) {
    const answer = await scaling.protect(group, ids.slice(from, from + PROTECT_AT_ONCE), on, call);
    if (answer.is === "failed") return answer;
  }
  return { is: "ok", value: undefined };
}

function updateOf(group: string, { bounds, desired, version }: Told): UpdateAutoScalingGroupType {
  return {
    AutoScalingGroupName: group,
    MinSize: bounds.min,
    MaxSize: bounds.max,
    ...(desired === undefined ? {} : { DesiredCapacity: desired }),
    ...(version === undefined ? {} : launching(version.of, version.number)),
  };
}

/** The same template at another version; a mixed instances policy keeps its types and its distribution. */
function launching(
  { LaunchTemplate, MixedInstancesPolicy: mixed }: AutoScalingGroup,
  number: number,
): Pick<UpdateAutoScalingGroupType, "LaunchTemplate" | "MixedInstancesPolicy"> {
  const Version = String(number);
  const written = LaunchTemplate ?? mixed?.LaunchTemplate?.LaunchTemplateSpecification;
  const specification = { LaunchTemplateId: written?.LaunchTemplateId, Version };
  if (LaunchTemplate !== undefined || mixed === undefined) return { LaunchTemplate: specification };
  return {
    MixedInstancesPolicy: {
      ...mixed,
      LaunchTemplate: { ...mixed.LaunchTemplate, LaunchTemplateSpecification: specification },
    },
  };
}

/** The group as acknowledged changes leave it. */
function changed(
  group: AutoScalingGroup | undefined,
  changes: readonly Change[],
): AutoScalingGroup | undefined {
  let now = group;
  for (const change of changes) {
    if (now === undefined || change.group !== now.AutoScalingGroupName) continue;
    if (change.do === "tag") {
      const others: NonNullable<AutoScalingGroup["Tags"]> = (now.Tags ?? []).filter(
        ({ Key = "" }) => change.tags[Key] === undefined,
      );
      const own = Object.entries(change.tags).map(([Key, Value]) => ({
        Key,
        Value,
        ResourceId: change.group,
        ResourceType: "auto-scaling-group",
        PropagateAtLaunch: false,
      }));
      now = { ...now, Tags: [...others, ...own] };
    }
    if (change.do === "update") {
      const { AutoScalingGroupName: _name, ...set } = updateOf(change.group, change.to);
      now = { ...now, ...set } as AutoScalingGroup;
    }
  }
  return now;
}

/** The tags of a slot, written before its capacity. */
export function tagging(
  group: string,
  held: Held,
  revision?: { readonly is: Revision; readonly version: number },
): Change {
  return {
    do: "tag",
    group,
    tags: {
      [TAGS.capacity]: heldText(held),
      ...(revision === undefined ? {} : { [TAGS.revision]: taggedText(revision.is, revision.version) }),
    },
  };
}

export function missing(group: string): Cause {
  const message = `there is no Auto Scaling group ${group}. Create it again (teal init --from <listener> writes the Terraform), or correct aws.groups in teal.yaml.`;
  return { code: "TEAL-A201", message };
}
