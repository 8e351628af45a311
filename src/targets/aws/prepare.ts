import { readFile } from "node:fs/promises";
import type { Revision, Slot } from "../../core/units.ts";
import { SLOTS } from "../../core/units.ts";
import type { Prepared } from "../../ports/target.ts";
import type { AwsApi, CallBy, Image, TemplateVersion } from "./api/api.ts";
import type { Found } from "./found.ts";
import { refuse, Refused, Unreadable, valueOf } from "./refusing.ts";
import type { AwsSettings } from "./settings.ts";
import { findRevision, isOfTeal, revisionFor, sayingRevision, templateOf, versionOf } from "./template.ts";

/** What preparing needs beside the revision's name. */
export interface PrepareWith {
  readonly api: AwsApi;
  readonly settings: AwsSettings;
  readonly found: Found;
}

/**
 * Looks at what a revision's name means: an AMI, a version of the launch template, or a name for the user data. Only
 * reads: the launch template's version is made when a deployment ensures it.
 */
export async function prepare(
  using: PrepareWith,
  name: string | undefined,
  signal: AbortSignal,
  progress: (line: string) => void = () => {},
): Promise<Prepared> {
  return orRefused(() => prepared(using, name, { signal, purse: "plan" }, progress));
}

/** Whether an earlier revision can be started again exactly as it was: a launch template's version says the same. */
export async function recall(using: PrepareWith, revision: Revision, signal: AbortSignal): Promise<Prepared> {
  return orRefused(() => recalled(using, revision, { signal, purse: "switch" }));
}

async function orRefused(run: () => Promise<Prepared>): Promise<Prepared> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof Refused) return error.refusal;
    if (error instanceof Unreadable)
      return { is: "refused", cause: error.why, next: "remove the cause and run the command again" };
    throw error;
  }
}

async function prepared(
  using: PrepareWith,
  name: string | undefined,
  call: CallBy,
  progress: (line: string) => void,
): Promise<Prepared> {
  const { settings, found } = using;
  const versions = await versionsOf(using, call);
  if (name === undefined)
    return refuse("TEAL-A270", noName(settings), "name the revision: teal deploy REVISION");
  const chosen = versionOf(name);
  const bySlot = (run: (slot: Slot) => Made): Readonly<Record<Slot, Made>> => ({
    blue: run("blue"),
    green: run("green"),
  });
  const userData = await userDataFile(settings);
  const made =
    chosen === undefined
      ? bySlot((slot) => fromBase(settings, name, userData, versions[slot]))
      : bySlot((slot) => fromVersion(chosen, versions[slot]));
  const { revision, imageId, instanceType, from } = agreed(made, found);
  await checkImage(using.api, imageId, instanceType, call);
  progress(`revision ${revision.id} (${revision.config}) from launch template ${from}`);
  return {
    is: "ready",
    revision,
    detail: `${imageId ?? "the image that its instance type brings"} by launch template ${from}`,
    replicas: found.replicas,
  };
}

interface Made {
  readonly revision: Revision;
  readonly imageId: string | undefined;
  readonly instanceType: string | undefined;
  /** `lt-0abc:7`, for people. */
  readonly from: string;
}

interface Versions {
  readonly template: string;
  readonly all: readonly TemplateVersion[];
}

async function versionsOf(
  { api, found }: PrepareWith,
  call: CallBy,
): Promise<Readonly<Record<Slot, Versions>>> {
  const groups = valueOf(
    await api.scaling.groups({ names: SLOTS.map((slot) => found.slots[slot].group) }, call),
  );
  const templates = SLOTS.map((slot) => {
    const name = found.slots[slot].group;
    const group = groups.find((each) => each.AutoScalingGroupName === name);
    const template = group === undefined ? undefined : templateOf(group)?.id;
    if (template !== undefined) return template;
    return refuse(
      "TEAL-A271",
      `Auto Scaling group ${name} has no launch template${group?.LaunchConfigurationName === undefined ? "" : `, but the launch configuration ${group.LaunchConfigurationName}`}`,
      "give the group a launch template: a launch configuration has no versions, so nothing could be rolled back",
    );
  });
  const known = new Map<string, readonly TemplateVersion[]>();
  for (const template of new Set(templates))
    known.set(template, valueOf(await api.compute.templateVersions({ id: template }, call)));
  const [blue = "", green = ""] = templates;
  return {
    blue: { template: blue, all: known.get(blue) ?? [] },
    green: { template: green, all: known.get(green) ?? [] },
  };
}

/** The newest version that Teal did not make is the template: what the owner of the infrastructure wrote last. */
export function baseOf({ template, all }: Versions): TemplateVersion {
  const own = all.filter((version) => !isOfTeal(version)).toSorted((a, b) => b.version - a.version);
  return (
    own[0] ??
    refuse(
      "TEAL-A272",
      `launch template ${template} has no version that Teal did not make itself`,
      "keep one version of your own: revisions are made from it",
    )
  );
}

function fromBase(
  settings: AwsSettings,
  name: string,
  userData: string | undefined,
  versions: Versions,
): Made {
  const base = baseOf(versions);
  if (settings.template.by === "image" && !/^ami-[0-9a-f]{8,17}$/.test(name))
    refuse(
      "TEAL-A270",
      `"${name}" is neither an AMI's id nor a version of the launch template`,
      "teal deploy ami-0123456789abcdef0, or teal deploy lt:7; for names of your own set aws.template in teal.yaml to { userData: FILE }",
    );
  return {
    revision: revisionFor(name, base, settings.template, userData),
    imageId: settings.template.by === "image" ? name : base.imageId,
    instanceType: base.instanceType,
    from: `${base.template}:${base.version}`,
  };
}

function fromVersion(number: number, { template, all }: Versions): Made {
  const version = all.find((each) => each.version === number);
  if (version === undefined) {
    const newest = all.map((each) => each.version).toSorted((a, b) => b - a);
    return refuse(
      "TEAL-A273",
      `launch template ${template} has no version ${number}; the newest are ${newest.slice(0, 5).join(", ")}`,
      `teal deploy lt:${newest[0] ?? 1}`,
    );
  }
  return {
    revision: sayingRevision(version),
    imageId: version.imageId,
    instanceType: version.instanceType,
    from: `${template}:${number}`,
  };
}

/** Both slots have to mean the same by the name: which of them becomes live is decided later. */
function agreed({ blue, green }: Readonly<Record<Slot, Made>>, { slots }: Found): Made {
  if (blue.revision.config === green.revision.config) return blue;
  return refuse(
    "TEAL-A274",
    `${slots.blue.group} (${blue.from}) and ${slots.green.group} (${green.from}) would start different instances of ${blue.revision.id}`,
    "let both groups use one launch template, or make what theirs say equal",
  );
}

async function recalled(using: PrepareWith, revision: Revision, call: CallBy): Promise<Prepared> {
  const { settings } = using;
  const versions = await versionsOf(using, call);
  const userData = await userDataFile(settings).catch(() => undefined);
  for (const slot of SLOTS) {
    const { template, all } = versions[slot];
    const kept = findRevision(settings, revision, all, userData);
    if (kept === undefined)
      return refuse(
        "TEAL-A275",
        `no version of launch template ${template} can start ${revision.id} (${revision.config}) as it was`,
        `deploy it anew: teal deploy ${revision.id}`,
      );
    const made = kept.is === "source" && settings.template.by === "image";
    const imageId = made ? revision.id : kept.version.imageId;
    await checkImage(using.api, imageId, kept.version.instanceType, call);
  }
  return { is: "ready", revision, detail: `launch template ${versions.blue.template}, kept` };
}

/** An image that is gone, or of another architecture, would be found only when instances fail to start. */
async function checkImage(
  api: AwsApi,
  imageId: string | undefined,
  instanceType: string | undefined,
  call: CallBy,
): Promise<void> {
  // `resolve:ssm:…` is resolved when instances are launched.
  if (imageId === undefined || !imageId.startsWith("ami-")) return;
  const answer = await api.compute.images([imageId], call);
  const gone = answer.is === "failed" && answer.code.startsWith("InvalidAMIID");
  const image = gone ? undefined : valueOf(answer)[0];
  if (image === undefined)
    return refuse(
      "TEAL-A276",
      `there is no AMI ${imageId} in ${api.region} that this account may use`,
      `copy or share it into ${api.region}, or name another: aws ec2 describe-images --owners self`,
    );
  if (image.state !== "available")
    return refuse(
      "TEAL-A277",
      `AMI ${imageId} is ${image.state}`,
      `aws ec2 wait image-available --image-ids ${imageId}, then run the command again`,
    );
  checkArchitecture(image, instanceType);
}

function checkArchitecture({ id, architecture }: Image, instanceType: string | undefined): void {
  if (architecture === undefined || instanceType === undefined) return;
  const needed = architectureOf(instanceType);
  if (needed === undefined || needed === architecture) return;
  refuse(
    "TEAL-A278",
    `AMI ${id} is for ${architecture}, and ${instanceType} instances are ${needed}`,
    `name an AMI for ${needed}, or change the launch template's instance type`,
  );
}

/**
 * By the naming conventions of the EC2 User Guide: a `g` behind the generation is a Graviton processor (and a1 was the
 * first of them). Types whose names do not tell are not judged.
 */
export function architectureOf(instanceType: string): "x86_64" | "arm64" | undefined {
  const [, series = "", options = ""] = /^([a-z]+(?=\d))\d+([a-z]*)[.-]/.exec(instanceType) ?? [];
  if (series === "" || series === "mac") return undefined;
  return series === "a" || options.startsWith("g") ? "arm64" : "x86_64";
}

async function userDataFile({ template }: AwsSettings): Promise<string | undefined> {
  if (template.by === "image") return undefined;
  try {
    return await readFile(template.file, "utf8");
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return refuse(
      "TEAL-A279",
      `the user data cannot be read from ${template.file}: ${code === "ENOENT" ? "there is no such file" : message}`,
      "correct aws.template.userData in teal.yaml",
    );
  }
}

function noName({ template }: AwsSettings): string {
  return template.by === "image"
    ? "which AMI is to be deployed is not said"
    : "which revision is to be deployed is not said";
}
