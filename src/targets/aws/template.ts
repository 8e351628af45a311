import { createHash } from "node:crypto";
import type { AutoScalingGroup } from "@aws-sdk/client-auto-scaling";
import { canonicalJson } from "../../core/planning/canonical.ts";
import type { Revision } from "../../core/units.ts";
import type { TemplateVersion } from "./api/api.ts";
import type { AwsSettings } from "./settings.ts";

/*
 * What a revision is in a launch template. Its `config` is a digest of everything the version says but what the
 * revision's name stands for (the image, or the user data), so that the same template gives the same digest for every
 * revision, and a changed one a different revision of the same name.
 */

/** Where the revision's name goes in a file of user data. */
export const PLACEHOLDER = "{revision}";

/** Length of a configuration's digest, in hexadecimal digits. */
const DIGITS = 12;

/** Launch template and version as a group names them; `$Latest` and `$Default` included. */
export function templateOf(
  group: AutoScalingGroup,
): { readonly id: string; readonly version: string } | undefined {
  const written =
    group.LaunchTemplate ?? group.MixedInstancesPolicy?.LaunchTemplate?.LaunchTemplateSpecification;
  const id = written?.LaunchTemplateId;
  return id === undefined ? undefined : { id, version: written?.Version ?? "$Default" };
}

/** Name of the role of the version's instances: a role mostly has its instance profile's name. */
export function roleOf({ data }: Pick<TemplateVersion, "data">): string | undefined {
  const { IamInstanceProfile: profile } = JSON.parse(data) as {
    readonly IamInstanceProfile?: { readonly Name?: string; readonly Arn?: string };
  };
  return profile?.Name ?? profile?.Arn?.split("/").at(-1);
}

/** `lt:7` and `7` name a version of the launch template; undefined for any other name. */
export function versionOf(name: string): number | undefined {
  const number = /^(?:lt:)?([1-9]\d{0,8})$/.exec(name)?.[1];
  return number === undefined ? undefined : Number(number);
}

/** The revision that is this version as it stands. @param id a name of one's own for it. */
export function sayingRevision(version: TemplateVersion, id = `lt:${version.version}`): Revision {
  return { id, config: digest(JSON.parse(version.data)) };
}

/**
 * The revision of this name that would be made from this version.
 * @param userData text of the file, where the template is by user data.
 */
export function revisionFor(
  id: string,
  base: TemplateVersion,
  template: AwsSettings["template"],
  userData: string | undefined,
): Revision {
  const { ImageId: _image, UserData: _data, ...rest } = JSON.parse(base.data) as Record<string, unknown>;
  const config =
    template.by === "image"
      ? digest({ ...rest, ...(_data === undefined ? {} : { UserData: _data }) })
      : digest({ ...rest, ...(_image === undefined ? {} : { ImageId: _image }), template: userData ?? "" });
  return { id, config };
}

/** Where a slot finds a revision in its launch template. */
export type Kept =
  /** This version starts it exactly. */
  | { readonly is: "stored"; readonly version: TemplateVersion }
  /** A version made from this one, with the revision's image or user data, starts it exactly. */
  | { readonly is: "source"; readonly version: TemplateVersion };

/**
 * Looks for a revision among the versions of a launch template, the newest first.
 * @param userData text of the file, where the template is by user data and it can be read.
 */
export function findRevision(
  { service, template }: Pick<AwsSettings, "service" | "template">,
  revision: Revision,
  versions: readonly TemplateVersion[],
  userData: string | undefined,
): Kept | undefined {
  const newest = versions.toSorted((a, b) => b.version - a.version);
  const stored = newest.find((version) => isStored({ service, template }, revision, version));
  if (stored !== undefined) return { is: "stored", version: stored };
  if (versionOf(revision.id) !== undefined) return undefined;
  if (template.by === "userData" && userData === undefined) return undefined;
  const source = newest.find(
    (version) => revisionFor(revision.id, version, template, userData).config === revision.config,
  );
  return source === undefined ? undefined : { is: "source", version: source };
}

function isStored(
  { service, template }: Pick<AwsSettings, "service" | "template">,
  revision: Revision,
  version: TemplateVersion,
): boolean {
  if (versionOf(revision.id) !== undefined) return sayingRevision(version).config === revision.config;
  // A file of user data may have changed since: what Teal wrote beside the version tells.
  if (template.by === "userData") return version.description === descriptionOf(service, revision);
  return (
    version.imageId === revision.id &&
    revisionFor(revision.id, version, template, undefined).config === revision.config
  );
}

/** The user data of a revision, in base64 as AWS wants it. */
export function rendered(userData: string, revision: string): string {
  return Buffer.from(userData.replaceAll(PLACEHOLDER, revision)).toString("base64");
}

/** How Teal describes a version that it makes: whose it is, and which revision (at most 255 characters). */
export function descriptionOf(service: string, { id, config }: Revision): string {
  return `teal ${service} ${id.slice(0, 120)} ${config}`;
}

export function isOfTeal({ description = "" }: TemplateVersion): boolean {
  return /^teal \S+ .* [0-9a-f]{12}$/.test(description);
}

function digest(data: unknown): string {
  return createHash("sha256").update(canonicalJson(data)).digest("hex").slice(0, DIGITS);
}
