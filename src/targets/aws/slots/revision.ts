import type { AutoScalingGroup, Instance } from "@aws-sdk/client-auto-scaling";
import type { Revision } from "../../../core/units.ts";
import type { TemplateVersion } from "../api/api.ts";
import { TAGS } from "../names.ts";
import type { AwsSettings } from "../settings.ts";
import { isOfTeal, revisionFor, sayingRevision, templateOf } from "../template.ts";
import { tagOf } from "./capacity.ts";

/* Which revision a slot runs: its group's tag says it, as long as the group still launches what the tag is about. */

/** The tag teal.dev/revision. */
export interface Tagged extends Revision {
  /** Version of the launch template. */
  readonly version: number;
}

export function taggedOf(group: AutoScalingGroup): Tagged | undefined {
  const text = tagOf(group, TAGS.revision);
  if (text === undefined) return undefined;
  try {
    const { id, config, version } = JSON.parse(text) as Partial<Tagged>;
    const whole = typeof id === "string" && typeof config === "string" && Number.isSafeInteger(version);
    return whole ? { id, config, version: version as number } : undefined;
  } catch {
    return undefined;
  }
}

export function taggedText({ id, config }: Revision, version: number): string {
  return JSON.stringify({ id, config, version });
}

/** The version that the group launches, where it names one; not for `$Latest` and `$Default`. */
export function launchVersion(group: AutoScalingGroup): number | undefined {
  const number = Number(templateOf(group)?.version);
  return Number.isSafeInteger(number) ? number : undefined;
}

/** The version that an instance was launched from. */
export function versionOfInstance({ LaunchTemplate }: Instance): number | undefined {
  const number = Number(LaunchTemplate?.Version);
  return Number.isSafeInteger(number) && number > 0 ? number : undefined;
}

/** The version that most instances run; of as many, the highest. */
export function commonVersion(group: AutoScalingGroup): number | undefined {
  const counts = new Map<number, number>();
  for (const instance of group.Instances ?? []) {
    const number = versionOfInstance(instance);
    if (number !== undefined) counts.set(number, (counts.get(number) ?? 0) + 1);
  }
  return [...counts].toSorted(([a, many], [b, more]) => more - many || b - a)[0]?.[0];
}

/** What a slot runs, by the version its revision has: told by the tag, or to be read from the launch template. */
export type Running =
  | { readonly is: "nothing" }
  | { readonly is: "tagged"; readonly revision: Revision; readonly version: number }
  | { readonly is: "adopted"; readonly version: number }
  /** Instances of a launch configuration, or of a template that is not told. */
  | { readonly is: "unknown" };

export function runningOf(group: AutoScalingGroup): Running {
  const tagged = taggedOf(group);
  const common = commonVersion(group);
  const launches = launchVersion(group);
  const has = (group.Instances ?? []).length > 0;
  if (tagged !== undefined && tagged.version === (has ? common : launches))
    return { is: "tagged", revision: { id: tagged.id, config: tagged.config }, version: tagged.version };
  if (!has) return { is: "nothing" };
  return common === undefined ? { is: "unknown" } : { is: "adopted", version: common };
}

/** The revision that somebody else's launch template version, or one of Teal's whose tag is gone, stands for. */
export function adopted(version: TemplateVersion, template: AwsSettings["template"]): Revision {
  const [, id, config] = /^teal \S+ (.+) ([0-9a-f]{12})$/u.exec(version.description ?? "") ?? [];
  if (isOfTeal(version) && id !== undefined && config !== undefined) return { id, config };
  const { imageId } = version;
  if (template.by === "image" && imageId?.startsWith("ami-") === true)
    return revisionFor(imageId, version, template, undefined);
  return sayingRevision(version);
}
