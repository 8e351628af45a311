import type { AutoScalingGroup } from "@aws-sdk/client-auto-scaling";
import type { SlotSpec } from "../../../core/calls.ts";
import type { Borrowed, Read, SlotState } from "../../../core/observed.ts";
import { assertNever, otherSlot, version, type Cause, type Fence, type Slot } from "../../../core/units.ts";
import type { Reach, SlotProvider } from "../../../ports/slots.ts";
import type { By, Expect, Write } from "../../../ports/write.ts";
import { notDone } from "../api/answers.ts";
import type { AwsApi, CallBy } from "../api/api.ts";
import { createFence, type AwsFence } from "../fence.ts";
import type { Found } from "../found.ts";
import type { Look } from "../look.ts";
import { groupsOf } from "../router/view.ts";
import type { AwsSettings } from "../settings.ts";
import { desiredOf, heldOf, inUse, isHeld, lent, originalOf, sameBounds, suspendedIn } from "./capacity.ts";
import { ensuring } from "./ensure.ts";
import { directly, type ReachInstances } from "./reaching.ts";
import { SlotReader } from "./reading.ts";
import { restoring } from "./restore.ts";
import { retiring } from "./retire.ts";
import { instancesOf, phaseOf, stateOf, versionOf } from "./state.ts";
import { asksWhy, diagnose, type Seen, type Stuck } from "./stuck.ts";
import { missing, Writer, type Next, type Now, type Written } from "./writer.ts";

export interface AwsSlotsParts {
  /** Shared with the router. */
  readonly fence?: AwsFence;
  /** Shared with the router. */
  readonly look: Look;
  /** How probes get to instances; by default to their private addresses. */
  readonly reach?: ReachInstances;
  /**
   * Lets probes in to the slot, before it is given more to run: whoever takes over after a crash goes by the slot's size,
   * and would take one that nobody can ask for finished.
   */
  readonly lead?: (slot: Slot, by: By) => Promise<Write<undefined>>;
}

/**
 * The slots of a service as two Auto Scaling groups, each registering its instances with a target group. Reads come from
 * the shared poller; AWS has no compare-and-set, so that a write reads first, compares, writes and reads back.
 */
export function createAwsSlots(
  api: AwsApi,
  settings: AwsSettings,
  found: (signal: AbortSignal) => Promise<Found | Cause>,
  parts: AwsSlotsParts,
): SlotProvider {
  return new AwsSlots(api, settings, found, parts);
}

class AwsSlots implements SlotProvider {
  readonly fencing = "checked";
  readonly #api: AwsApi;
  readonly #settings: AwsSettings;
  readonly #found: (signal: AbortSignal) => Promise<Found | Cause>;
  readonly #fence: AwsFence;
  readonly #reader: SlotReader;
  readonly #writer: Writer;
  readonly #reach: ReachInstances;
  readonly #lead: AwsSlotsParts["lead"];

  constructor(
    api: AwsApi,
    settings: AwsSettings,
    found: (signal: AbortSignal) => Promise<Found | Cause>,
    parts: AwsSlotsParts,
  ) {
    const { look } = parts;
    this.#api = api;
    this.#settings = settings;
    this.#found = found;
    this.#fence = parts.fence ?? createFence(api);
    this.#reader = new SlotReader(api, settings, look);
    this.#writer = new Writer({ api, found, fence: this.#fence, look, reader: this.#reader });
    this.#reach = parts.reach ?? directly(api);
    this.#lead = parts.lead;
  }

  async observe(slot: Slot, signal: AbortSignal): Promise<Read<SlotState>> {
    const seen = await this.#look(slot, signal);
    if ("code" in seen) return { is: "unreadable", cause: seen };
    if (!("group" in seen)) {
      const value = emptied(slot, seen.missing);
      return { is: "seen", value, version: version("none"), at: seen.at };
    }
    const { group, other, at } = seen;
    // No polling: what a version means is asked once, and without it nothing can be decided.
    const call: CallBy = { signal, purse: "plan" };
    const known = await this.#reader.revisions(group, call);
    if ("code" in known) return { is: "unreadable", cause: known };
    const health = "code" in seen.health ? [] : seen.health;
    const state = stateOf(slot, group, health, known.runs, known.of);
    const stuck = await this.#stuck(seen, state, signal);
    const lends = lent(slot, group, other);
    const value = { ...state, lends, ...heldBack(group), ...(stuck === undefined ? {} : { stuck }) };
    return { is: "seen", value, version: versionOf(group), at };
  }

  async claim(by: By): Promise<Write<Fence>> {
    const found = await this.#found(by.signal);
    return "code" in found ? notDone(found) : this.#fence.claim(groupsOf(found), by);
  }

  async ensure(slot: Slot, want: SlotSpec, expect: Expect, by: By): Promise<Write<SlotState>> {
    const using = { api: this.#api, settings: this.#settings, reader: this.#reader };
    const decide = async (now: Now): Promise<Next> => {
      const next = await ensuring(using, { slot, want, expect, by }, now);
      if (next.next === "stop" || next.more === undefined || want.replicas === 0) return next;
      const { more } = next;
      return { ...next, more: async () => (await this.#notLed(slot, by)) ?? more() };
    };
    return this.#told(slot, by, await this.#writer.write(slot, expect, by, decide, by.back));
  }

  /** Why probes cannot be let in. */
  async #notLed(slot: Slot, by: By): Promise<Next | undefined> {
    const led = await this.#lead?.(slot, by);
    switch (led?.is) {
      case undefined:
      case "applied":
      case "unchanged":
        return undefined;
      case "rejected":
      case "unknown":
        return { next: "stop", answer: led };
      case "conflict":
      case "fenced":
        throw new Error(`the way for probes has neither version nor fence of its own: ${led.is}`);
      default:
        return assertNever(led);
    }
  }

  async retire(slot: Slot, keep: number, expect: Expect, by: By): Promise<Write<SlotState>> {
    const decide = async ({ found, group, call }: Now): Promise<Next> => {
      if (desiredOf(group) <= keep) return { next: "changes", changes: [] };
      const phases = new Map<string, ReturnType<typeof phaseOf>>();
      if (keep > 0) {
        const health = await this.#api.elb.targetHealth(found.slots[slot].targetGroup.arn, call);
        if (health.is === "failed") return { next: "stop", answer: notDone(health.cause) };
        for (const each of instancesOf(group)) phases.set(each.InstanceId ?? "", phaseOf(each, health.value));
      }
      const changes = retiring(group, keep, phases);
      if ("code" in changes) return { next: "stop", answer: notDone(changes) };
      return { next: "changes", changes };
    };
    return this.#told(slot, by, await this.#writer.write(slot, expect, by, decide));
  }

  async restore(borrowed: Borrowed, by: By): Promise<Write<SlotState>> {
    const original = originalOf(borrowed);
    const decide = ({ group }: Now): Next => ({
      next: "changes",
      changes: original === undefined ? [] : restoring(group, original),
    });
    const written = await this.#writer.write(borrowed.slot, "any", by, decide);
    // A group that is gone holds nothing any more.
    if (written.is === "rejected" && written.cause.code === "TEAL-A201")
      return { is: "unchanged", seen: emptied(borrowed.slot, written.cause) };
    return this.#told(borrowed.slot, by, written);
  }

  async reach(slot: Slot, signal: AbortSignal): Promise<Read<readonly Reach[]>> {
    const found = await this.#found(signal);
    if ("code" in found) return { is: "unreadable", cause: found };
    const seen = await this.observe(slot, signal);
    if (seen.is === "unreadable") return seen;
    const ready = seen.value.replicas.filter(({ phase }) => phase === "ready");
    const ids = ready.map(({ id }) => id);
    const value = ids.length === 0 ? [] : await this.#reach(found, slot, ids, signal);
    if ("code" in value) return { is: "unreadable", cause: value };
    return { is: "seen", value, version: version(ids.toSorted().join(" ")), at: seen.at };
  }

  /** The slot's group with its targets; what is missing only where no target is left either. */
  async #look(
    slot: Slot,
    signal: AbortSignal,
  ): Promise<
    | (Seen & { readonly other: AutoScalingGroup | undefined; readonly at: SeenAt })
    | { readonly missing: Cause; readonly at: SeenAt }
    | Cause
  > {
    const found = await this.#found(signal);
    if ("code" in found) return found;
    const groups = await this.#reader.groups(found, signal);
    if (groups.is === "unreadable") return groups.cause;
    const of = found.slots[slot];
    const group = groups.value[slot];
    const { at } = groups;
    if (group === undefined) {
      const cause = missing(of.group);
      const left = await this.#api.elb.targetHealth(of.targetGroup.arn, { signal, purse: "look" });
      // Instances that nobody manages serve there still: that is not an empty slot.
      return left.is === "failed" || left.value.length > 0 ? cause : { missing: cause, at };
    }
    const other = groups.value[otherSlot(slot)];
    if (instancesOf(group).length === 0) return { found: of, group, health: [], other, at };
    const health = await this.#reader.health(found, slot, group, signal);
    return { found: of, group, health: health.is === "seen" ? health.value : health.cause, other, at };
  }

  async #stuck(
    seen: Seen,
    { settled, replicas }: SlotState,
    signal: AbortSignal,
  ): Promise<Stuck | undefined> {
    if (settled && replicas.every(({ phase }) => phase === "ready")) return undefined;
    const first = diagnose(seen);
    if (first?.sure === true || !asksWhy(seen)) return first;
    const activities = await this.#reader.activities(seen.found.group, signal);
    return diagnose(activities.is === "seen" ? { ...seen, activities: activities.value } : seen) ?? first;
  }

  async #told(slot: Slot, by: By, written: Written): Promise<Write<SlotState>> {
    if (!("groups" in written)) return written;
    const group = written.groups[slot];
    if (group === undefined) return { is: "rejected", cause: missing(written.found.slots[slot].group) };
    const known = await this.#reader.revisions(group, { signal: by.signal, purse: "write" });
    const { runs, of } = "code" in known ? { runs: undefined, of: () => undefined } : known;
    // What the targets say comes with the next look: a write is only told that it was recorded.
    const state = stateOf(slot, group, [], runs, of);
    const seen = { ...state, lends: lent(slot, group, written.groups[otherSlot(slot)]) };
    return { is: written.is, seen };
  }
}

/** What a deployment set and puts back in its end, whatever its end is. An empty group's bounds hold nobody. */
function heldBack(group: AutoScalingGroup): Pick<SlotState, "held"> {
  const note = heldOf(group);
  if (note === undefined) return {};
  const pinned = inUse(group) && isHeld(group) && !sameBounds(note.is, note.was);
  const off = (note.off ?? []).filter((process) => suspendedIn(group).includes(process));
  const held = [
    ...(pinned ? [`size ${note.is.min} to ${note.is.max}, its own ${note.was.min} to ${note.was.max}`] : []),
    ...off.map((process) => `${process} suspended`),
  ];
  return held.length === 0 ? {} : { held: `${group.AutoScalingGroupName}: ${held.join("; ")}` };
}

/** A slot without its group. */
function emptied(slot: Slot, cause: Cause): SlotState {
  return { slot, wanted: 0, settled: false, replicas: [], stuck: { cause, sure: true } };
}

type SeenAt = Extract<Read<never>, { readonly is: "seen" }>["at"];
