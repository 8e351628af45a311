import { readFile } from "node:fs/promises";
import type { AutoScalingGroup } from "@aws-sdk/client-auto-scaling";
import type { SlotSpec } from "../../../core/calls.ts";
import {
  millis,
  otherSlot,
  sameRevision,
  type Cause,
  type Revision,
  type Slot,
} from "../../../core/units.ts";
import type { By, Expect } from "../../../ports/write.ts";
import { notDone, notWritten } from "../api/answers.ts";
import type { AwsApi, CallBy, TemplateVersion } from "../api/api.ts";
import type { AwsSettings } from "../settings.ts";
import { descriptionOf, findRevision, rendered, templateOf } from "../template.ts";
import {
  boundsOf,
  desiredOf,
  destined,
  heldAt,
  heldOf,
  inUse,
  ownBounds,
  sameBounds,
  SCHEDULES,
  suspendedIn,
  type Held,
} from "./capacity.ts";
import type { SlotReader } from "./reading.ts";
import {
  commonVersion,
  launchVersion,
  runningOf,
  taggedOf,
  taggedText,
  versionOfInstance,
} from "./revision.ts";
import { instancesOf, type RevisionOfVersion } from "./state.ts";
import { tagging, type Change, type Next, type Now } from "./writer.ts";

export interface EnsuresWith {
  readonly api: AwsApi;
  readonly settings: Pick<AwsSettings, "service" | "template">;
  readonly reader: SlotReader;
}

/** An activity's id is never this: there was none when the slot was told. */
const NO_ACTIVITY = "none";
/** Longest value of a tag (API reference of Auto Scaling, Tag). */
const LONGEST_TAG = 256;
const SOON = millis(1_000);

/**
 * Everything a slot lacks to be what is wanted: the other slot kept at its size, a version of the launch template, tags,
 * and last one UpdateAutoScalingGroup.
 */
export async function ensuring(
  using: EnsuresWith,
  {
    slot,
    want,
    expect,
    by,
  }: { readonly slot: Slot; readonly want: SlotSpec; readonly expect: Expect; readonly by: By },
  { groups, group, call }: Now,
): Promise<Next> {
  const known = await using.reader.revisions(group, call);
  if ("code" in known) return stop(known);
  const refused = occupied(slot, group, want.revision, known);
  if (refused !== undefined) return refused;
  const other = groups[otherSlot(slot)];
  const forward = expect !== "any" && by.back !== true;
  const same = sameRevision(known.runs, want.revision);
  const at = same ? runningVersion(group) : undefined;
  const wanted = wantedBounds(group, other, want.replicas);
  if (at !== undefined && isDone(group, wanted, at)) return { next: "changes", changes: [] };
  const kept = forward && other !== undefined ? await keeping(using, other, call) : [];
  if ("code" in kept) return stop(kept);
  const more = async (): Promise<Next> => {
    const placed = at === undefined ? await placing(using, group, want.revision, by, call) : at;
    if (typeof placed !== "number") return placed;
    return telling(using, { group, want, wanted, placed, anew: at === undefined, forward, call });
  };
  return { next: "changes", changes: kept, more };
}

/** The slot itself: its tags, then its size. */
async function telling(
  using: EnsuresWith,
  of: {
    readonly group: AutoScalingGroup;
    readonly want: SlotSpec;
    readonly wanted: ReturnType<typeof wantedBounds>;
    /** Version of the launch template. */
    readonly placed: number;
    /** Another revision than before. */
    readonly anew: boolean;
    readonly forward: boolean;
    readonly call: CallBy;
  },
): Promise<Next> {
  const { group, want, placed, call } = of;
  const before = heldOf(group);
  const off = of.forward ? await suspending(using, group, call) : before?.off;
  if (off !== undefined && "code" in off) return stop(off);
  const after = of.anew ? await newestActivity(using, group, call) : before?.after;
  const { is, was, desired } = of.wanted;
  const idle = inUse(group) ? before?.idle : boundsOf(group);
  const held: Held = {
    is,
    was,
    ...(off === undefined ? {} : { off }),
    ...(idle === undefined ? {} : { idle }),
    ...(after === undefined ? {} : { after }),
  };
  const name = group.AutoScalingGroupName ?? "";
  const version = launchVersion(group) === placed ? {} : { version: { number: placed, of: group } };
  return {
    next: "changes",
    changes: [
      tagging(name, held, { is: want.revision, version: placed }),
      ...suspend(group, off),
      { do: "update", group: name, to: { bounds: is, desired, ...version } },
    ],
  };
}

function wantedBounds(group: AutoScalingGroup, other: AutoScalingGroup | undefined, replicas: number) {
  // What grew by itself is not taken back.
  const desired = Math.max(replicas, desiredOf(group));
  const was = destined(group, other);
  return { desired, was, is: heldAt(desired, was, "atLeast") };
}

/** The version that the slot's revision has; undefined where it is to be looked for. */
function runningVersion(group: AutoScalingGroup): number | undefined {
  const running = runningOf(group);
  return running.is === "tagged" || running.is === "adopted" ? running.version : undefined;
}

function isDone(
  group: AutoScalingGroup,
  { desired, is }: ReturnType<typeof wantedBounds>,
  at: number,
): boolean {
  return desiredOf(group) === desired && sameBounds(boundsOf(group), is) && launchVersion(group) === at;
}

/** What else is in the slot: it must be gone before the slot may change its revision. */
function occupied(
  slot: Slot,
  group: AutoScalingGroup,
  revision: Revision,
  known: { readonly runs: Revision | undefined; readonly of: RevisionOfVersion },
): Next | undefined {
  const name = group.AutoScalingGroupName;
  if (group.Status !== undefined)
    return stop({
      code: "TEAL-A205",
      message: `Auto Scaling group ${name} is being deleted (${group.Status})`,
    });
  const foreign = instancesOf(group).filter((each) => {
    const number = versionOfInstance(each);
    const runs = number === undefined ? known.runs : known.of(number);
    return !sameRevision(runs, revision);
  });
  if (foreign.length === 0 && (desiredOf(group) === 0 || sameRevision(known.runs, revision) || !inUse(group)))
    return undefined;
  if (foreign.length === 0 && instancesOf(group).length === 0) return undefined;
  const what =
    known.runs === undefined ? "instances that nobody named" : `${known.runs.id} (${known.runs.config})`;
  const message = `${slot} (Auto Scaling group ${name}) still runs ${what}: it must be empty before ${revision.id} is started there`;
  const cause = { code: "TEAL-A211", message };
  // Told to be empty: it only has to finish.
  const passing = desiredOf(group) === 0;
  return { next: "stop", answer: { is: "rejected", cause, ...(passing ? { retryAfter: SOON } : {}) } };
}

/** A version of the slot's launch template that starts the revision; made where there is none. */
async function placing(
  { api, settings }: EnsuresWith,
  group: AutoScalingGroup,
  revision: Revision,
  by: By,
  call: CallBy,
): Promise<number | Extract<Next, { next: "stop" }>> {
  const tagged = taggedOf(group);
  if (sameRevision(tagged, revision) && tagged !== undefined && launchVersion(group) === tagged.version)
    return tagged.version;
  const template = templateOf(group)?.id;
  if (template === undefined) {
    const message = `Auto Scaling group ${group.AutoScalingGroupName} has no launch template: a launch configuration has no versions`;
    return stop({ code: "TEAL-A212", message });
  }
  const versions = await api.compute.templateVersions({ id: template }, call);
  if (versions.is === "failed") return stop(versions.cause);
  const userData = await userDataOf(settings.template);
  const kept = findRevision(settings, revision, versions.value, userData);
  if (kept === undefined) return stop(unknownRevision(template, revision));
  if (kept.is === "stored") return kept.version.version;
  const tooLong = taggedText(revision, 1_000_000).length > LONGEST_TAG;
  if (tooLong) return stop({ code: "TEAL-A214", message: `the name ${revision.id} is too long for a tag` });
  return make({ api, settings }, kept.version, revision, userData, by, call);
}

async function make(
  { api, settings }: Pick<EnsuresWith, "api" | "settings">,
  source: TemplateVersion,
  revision: Revision,
  userData: string | undefined,
  by: By,
  call: CallBy,
): Promise<number | Extract<Next, { next: "stop" }>> {
  const change =
    settings.template.by === "image"
      ? { imageId: revision.id }
      : { userData: rendered(userData ?? "", revision.id) };
  const made = await api.compute.createTemplateVersion(
    {
      template: source.template,
      source: String(source.version),
      change,
      description: descriptionOf(settings.service, revision),
      token: by.intent,
    },
    call,
  );
  return made.is === "ok" ? made.value.version : { next: "stop", answer: notWritten(made) };
}

async function userDataOf(template: AwsSettings["template"]): Promise<string | undefined> {
  if (template.by === "image") return undefined;
  // Without the file the revision can still be one that was started before.
  return readFile(template.file, "utf8").catch(() => undefined);
}

function unknownRevision(template: string, { id, config }: Revision): Cause {
  const message = `no version of launch template ${template} can start ${id} (${config}): the template, or the file of user data, was changed since it was prepared. Plan again: teal plan ${id}`;
  return { code: "TEAL-A213", message };
}

/**
 * The slot that is not touched gets no smaller meanwhile, whatever its load: it is what one goes back to. And it launches
 * what it runs: `$Latest` is about to become the candidate's version.
 */
async function keeping(
  using: EnsuresWith,
  other: AutoScalingGroup,
  call: CallBy,
): Promise<readonly Change[] | Cause> {
  const desired = desiredOf(other);
  if (desired === 0) return [];
  const now = boundsOf(other);
  const common = templateOf(other)?.version === "$Latest" ? commonVersion(other) : undefined;
  const before = heldOf(other);
  const off = await suspending(using, other, call);
  if (off !== undefined && "code" in off) return off;
  const held = now.min >= desired;
  if (held && common === undefined && (off ?? []).length === (before?.off ?? []).length) return [];
  const name = other.AutoScalingGroupName ?? "";
  const bounds = held ? now : heldAt(desired, now, "atLeast");
  const note: Held = { ...before, is: bounds, was: ownBounds(other), ...(off === undefined ? {} : { off }) };
  const version = common === undefined ? {} : { version: { number: common, of: other } };
  return [
    tagging(name, note),
    ...suspend(other, off),
    ...(held && common === undefined
      ? []
      : [{ do: "update", group: name, to: { bounds, ...version } } as const]),
  ];
}

/**
 * Processes of Teal's own to be suspended in the group, those included that are; `undefined` where nobody knows whose they
 * are: somebody else's, or Teal's and the tag was lost.
 */
async function suspending(
  { api }: EnsuresWith,
  group: AutoScalingGroup,
  call: CallBy,
): Promise<readonly string[] | Cause | undefined> {
  const before = heldOf(group)?.off;
  if (suspendedIn(group).includes(SCHEDULES)) return before;
  const answer = await api.scaling.policies(group.AutoScalingGroupName ?? "", call);
  if (answer.is === "failed") return answer.cause;
  const scheduled = answer.value.some(({ is }) => is === "schedule");
  return scheduled ? [...new Set([...(before ?? []), SCHEDULES])] : [];
}

function suspend(group: AutoScalingGroup, off: readonly string[] = []): readonly Change[] {
  const processes = off.filter((process) => !suspendedIn(group).includes(process));
  if (processes.length === 0) return [];
  return [{ do: "suspend", group: group.AutoScalingGroupName ?? "", processes }];
}

async function newestActivity(
  { api }: EnsuresWith,
  group: AutoScalingGroup,
  call: CallBy,
): Promise<string | undefined> {
  const answer = await api.scaling.activities(group.AutoScalingGroupName ?? "", 1, call);
  return answer.is === "ok" ? (answer.value[0]?.ActivityId ?? NO_ACTIVITY) : undefined;
}

function stop(cause: Cause): Extract<Next, { next: "stop" }> {
  return { next: "stop", answer: notDone(cause) };
}
