import type { AutoScalingGroup } from "@aws-sdk/client-auto-scaling";
import type { Borrowed } from "../../../core/observed.ts";
import type { Slot } from "../../../core/units.ts";
import { TAGS } from "../names.ts";

/*
 * How far a group may scale. While a deployment runs, a slot's lower bound is held at what it has, so that neither a
 * candidate that gets no traffic yet nor a previous slot that gets none any more shrinks below what users need; growing is
 * left to the group's own policies. A slot that was emptied gets the bounds back that it had as an idle one.
 */

export interface Bounds {
  readonly min: number;
  readonly max: number;
}

/** The tag teal.dev/capacity. In force while the group's bounds are `is`: what somebody else set since is that person's. */
export interface Held {
  /** What Teal set. */
  readonly is: Bounds;
  /** What the owner wants while the slot is in use. */
  readonly was: Bounds;
  /** What the group had while it was empty. */
  readonly idle?: Bounds;
  /** Processes that Teal suspended; absent where the tag was lost meanwhile, so that nobody knows. */
  readonly off?: readonly string[];
  /** Id of the newest scaling activity when the slot was last told what to run: only later ones say something of it. */
  readonly after?: string;
}

export function boundsOf({ MinSize = 0, MaxSize = 0 }: AutoScalingGroup): Bounds {
  return { min: MinSize, max: MaxSize };
}

export function sameBounds(a: Bounds, b: Bounds): boolean {
  return a.min === b.min && a.max === b.max;
}

export function desiredOf({ DesiredCapacity = 0 }: AutoScalingGroup): number {
  return DesiredCapacity;
}

/** It has instances, or is told to have some. */
export function inUse(group: AutoScalingGroup): boolean {
  return desiredOf(group) > 0 || (group.Instances ?? []).length > 0;
}

export function tagOf(group: AutoScalingGroup, key: string): string | undefined {
  return group.Tags?.find((tag) => tag.Key === key)?.Value;
}

export function heldOf(group: AutoScalingGroup): Held | undefined {
  const text = tagOf(group, TAGS.capacity);
  if (text === undefined) return undefined;
  try {
    const { is, was, idle, off, after } = JSON.parse(text) as Record<string, unknown>;
    const [held, own, empty] = [pair(is), pair(was), pair(idle)];
    if (held === undefined || own === undefined) return undefined;
    return {
      is: held,
      was: own,
      ...(Array.isArray(off) ? { off: off.filter((each) => typeof each === "string") } : {}),
      ...(empty === undefined ? {} : { idle: empty }),
      ...(typeof after === "string" ? { after } : {}),
    };
  } catch {
    return undefined;
  }
}

/** As the tag holds it: short, since a value has at most 256 characters. */
export function heldText({ is, was, idle, off, after }: Held): string {
  const short = (bounds: Bounds) => [bounds.min, bounds.max];
  return JSON.stringify({
    is: short(is),
    was: short(was),
    ...(idle === undefined ? {} : { idle: short(idle) }),
    ...(off === undefined ? {} : { off }),
    ...(after === undefined ? {} : { after }),
  });
}

function pair(value: unknown): Bounds | undefined {
  if (!Array.isArray(value)) return undefined;
  const [min, max] = value as unknown[];
  return Number.isSafeInteger(min) && Number.isSafeInteger(max)
    ? { min: min as number, max: max as number }
    : undefined;
}

/** Its bounds are those that Teal set; where they are not, somebody else decided since. */
export function isHeld(group: AutoScalingGroup): boolean {
  const held = heldOf(group);
  return held !== undefined && sameBounds(held.is, boundsOf(group));
}

/** Its bounds are such as Teal sets on what has these originals, for a slot that is in use. */
export function looksHeld(group: AutoScalingGroup, original: Bounds): boolean {
  const [now, desired] = [boundsOf(group), desiredOf(group)];
  if (desired === 0 || now.min > desired) return false;
  const exactly = now.min === desired && sameBounds(now, heldAt(desired, original, "exactly"));
  return exactly || (now.min > original.min && sameBounds(now, heldAt(now.min, original, "atLeast")));
}

/** The bounds that the owner wants while the group is in use. */
export function ownBounds(group: AutoScalingGroup): Bounds {
  const held = heldOf(group);
  return held !== undefined && isHeld(group) ? held.was : boundsOf(group);
}

/**
 * The bounds that a slot is to have in the end. An empty slot gets those of the other one, which serves or did last: with
 * its own, which are those of an idle slot, nothing would keep it from shrinking to nothing.
 */
export function destined(own: AutoScalingGroup, other: AutoScalingGroup | undefined): Bounds {
  const follows = other !== undefined && (inUse(other) || heldOf(other) !== undefined);
  return inUse(own) || !follows ? ownBounds(own) : ownBounds(other);
}

/** Scheduled actions set bounds and size whatever they are: they would undo what is held. */
export const SCHEDULES = "ScheduledActions";

/** What a deployment has to put back in the end. */
export interface Original extends Bounds {
  /** Processes that were suspended by somebody else. */
  readonly suspended: readonly string[];
}

export function lent(
  slot: Slot,
  own: AutoScalingGroup,
  other: AutoScalingGroup | undefined,
): readonly Borrowed[] {
  const { min, max } = destined(own, other);
  const original: Original = { min, max, suspended: suspendedByOthers(own) };
  return [{ slot, what: "capacity", original: JSON.stringify(original) }];
}

export function originalOf({ original }: Borrowed): Original | undefined {
  try {
    const { min, max, suspended } = JSON.parse(original) as Partial<Original>;
    if (typeof min !== "number" || typeof max !== "number" || !Array.isArray(suspended)) return undefined;
    return { min, max, suspended };
  } catch {
    return undefined;
  }
}

export function suspendedIn(group: AutoScalingGroup): readonly string[] {
  return (group.SuspendedProcesses ?? []).map(({ ProcessName = "" }) => ProcessName).toSorted();
}

function suspendedByOthers(group: AutoScalingGroup): readonly string[] {
  const off = heldOf(group)?.off ?? [];
  return suspendedIn(group).filter((process) => !off.includes(process));
}

/** `atLeast`: it may grow. `exactly`: it may not, since it is being taken down in parts. */
export function heldAt(replicas: number, was: Bounds, how: "atLeast" | "exactly"): Bounds {
  return { min: replicas, max: how === "exactly" ? replicas : Math.max(was.max, replicas) };
}

/** What a group is given back, without starting or stopping anything by it. */
export function released(group: AutoScalingGroup, { min, max }: Bounds): Bounds {
  const desired = desiredOf(group);
  if (desired > 0) return { min: Math.min(min, desired), max: Math.max(max, desired) };
  return heldOf(group)?.idle ?? { min: 0, max };
}
