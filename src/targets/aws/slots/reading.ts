import type { Activity, AutoScalingGroup } from "@aws-sdk/client-auto-scaling";
import type { TargetHealthDescription } from "@aws-sdk/client-elastic-load-balancing-v2";
import { SLOTS, type Cause, type Revision, type Slot } from "../../../core/units.ts";
import type { Answer, AwsApi, CallBy, TemplateVersion } from "../api/api.ts";
import type { Found } from "../found.ts";
import type { Look, Looked, Subject } from "../look.ts";
import type { AwsSettings } from "../settings.ts";
import { templateOf } from "../template.ts";
import { desiredOf } from "./capacity.ts";
import { adopted, runningOf, taggedOf } from "./revision.ts";
import { instancesOf, phaseOf, type RevisionOfVersion } from "./state.ts";

/** The Auto Scaling groups of both slots; absent where there is none of that name. */
export type Groups = Readonly<Record<Slot, AutoScalingGroup | undefined>>;

export const GROUPS = "groups";

/** Distances (ms) between two looks, by how much depends on them. */
const EVERY = {
  /** Of instances that are in service and have to become healthy: what a deployment waits for. */
  health: 1_100,
  /** Of groups that launch or terminate. */
  groups: 2_000,
  activities: 3_000,
  /** Of what is as it is told to be. */
  rest: 6_000,
} as const;

/** How far back activities are read: more than a group does between two looks. */
const ACTIVITIES = 20;

/** Reads slots from the shared poller, and what their versions mean, which never changes, from memory. */
export class SlotReader {
  readonly #api: AwsApi;
  readonly #settings: Pick<AwsSettings, "template">;
  readonly #look: Look;
  readonly #versions = new Map<string, TemplateVersion>();
  /** Both groups were as they are told to be at the last look. */
  #resting = false;
  /** Slots with instances that were not ready at the last look. */
  readonly #waits = new Set<Slot>(SLOTS);

  constructor(api: AwsApi, settings: Pick<AwsSettings, "template">, look: Look) {
    this.#api = api;
    this.#settings = settings;
    this.#look = look;
  }

  async groups(found: Found, signal: AbortSignal): Promise<Looked<Groups>> {
    const subject: Subject<readonly AutoScalingGroup[]> = {
      name: GROUPS,
      every: this.#resting ? EVERY.rest : EVERY.groups,
      ask: (call) => this.#api.scaling.groups({ names: namesOf(found) }, call),
    };
    const looked = await this.#look.read(subject, signal);
    if (looked.is === "unreadable") return looked;
    const value = bySlot(found, looked.value);
    this.#resting = SLOTS.every((slot) => isResting(value[slot]));
    return { ...looked, value };
  }

  /** As they are now, for a write. */
  async groupsNow(found: Found, call: CallBy): Promise<Answer<Groups>> {
    const answer = await this.#api.scaling.groups({ names: namesOf(found) }, call);
    return answer.is === "ok" ? { is: "ok", value: bySlot(found, answer.value) } : answer;
  }

  async health(
    found: Found,
    slot: Slot,
    group: AutoScalingGroup,
    signal: AbortSignal,
  ): Promise<Looked<readonly TargetHealthDescription[]>> {
    const { arn } = found.slots[slot].targetGroup;
    const instances = instancesOf(group);
    const inService = instances.some(({ LifecycleState }) => LifecycleState === "InService");
    const subject: Subject<readonly TargetHealthDescription[]> = {
      name: `health ${slot}`,
      every: inService && this.#waits.has(slot) ? EVERY.health : EVERY.rest,
      ask: (call) => this.#api.elb.targetHealth(arn, call),
    };
    const looked = await this.#look.read(subject, signal);
    const health = looked.is === "seen" ? looked.value : [];
    if (instances.every((each) => phaseOf(each, health) === "ready")) this.#waits.delete(slot);
    else this.#waits.add(slot);
    return looked;
  }

  activities(group: string, signal: AbortSignal): Promise<Looked<readonly Activity[]>> {
    const ask = (call: CallBy) => this.#api.scaling.activities(group, ACTIVITIES, call);
    return this.#look.read({ name: `activities ${group}`, every: EVERY.activities, ask }, signal);
  }

  /** What a slot runs, and what the versions of its instances stand for. */
  async revisions(
    group: AutoScalingGroup,
    call: CallBy,
  ): Promise<{ readonly runs: Revision | undefined; readonly of: RevisionOfVersion } | Cause> {
    const template = templateOf(group)?.id ?? "";
    const running = runningOf(group);
    const tagged = taggedOf(group);
    const numbers = [
      ...new Set(instancesOf(group).map((each) => Number(each.LaunchTemplate?.Version))),
    ].filter((number) => Number.isSafeInteger(number) && number > 0 && number !== tagged?.version);
    const missing = numbers.filter((number) => !this.#versions.has(`${template}:${number}`));
    if (missing.length > 0) {
      const failed = await this.#learn(template, missing, call);
      if (failed !== undefined) return failed;
    }
    const of = (number: number): Revision | undefined => {
      if (number === tagged?.version) return { id: tagged.id, config: tagged.config };
      const version = this.#versions.get(`${template}:${number}`);
      // Instances of another template, or of a version that was deleted since.
      return version === undefined
        ? { id: `lt:${number}`, config: "gone" }
        : adopted(version, this.#settings.template);
    };
    switch (running.is) {
      case "nothing":
        return { runs: undefined, of };
      case "tagged":
        return { runs: running.revision, of };
      case "adopted":
        return { runs: of(running.version), of };
      case "unknown":
        return { runs: { id: group.LaunchConfigurationName ?? "unknown", config: "unknown" }, of };
      default: {
        const never: never = running;
        return never;
      }
    }
  }

  async #learn(template: string, numbers: readonly number[], call: CallBy): Promise<Cause | undefined> {
    const answer = await this.#api.compute.templateVersions(
      { id: template, versions: numbers.map(String) },
      call,
    );
    if (answer.is === "failed") return answer.code.includes("NotFound") ? undefined : answer.cause;
    for (const version of answer.value) this.#versions.set(`${template}:${version.version}`, version);
    return undefined;
  }
}

function namesOf({ slots }: Found): string[] {
  return SLOTS.map((slot) => slots[slot].group);
}

function bySlot({ slots }: Found, groups: readonly AutoScalingGroup[]): Groups {
  const of = (slot: Slot) => groups.find((group) => group.AutoScalingGroupName === slots[slot].group);
  return { blue: of("blue"), green: of("green") };
}

function isResting(group: AutoScalingGroup | undefined): boolean {
  if (group === undefined) return false;
  const instances = instancesOf(group);
  return (
    instances.length === desiredOf(group) &&
    instances.every(({ LifecycleState }) => LifecycleState === "InService")
  );
}
