import { AwsError, type CallContext, type Input, type InputValue, type Operation } from "../kernel.ts";
import { pageSize, reads, specifiedTags, tagSet, writes, type Ec2 } from "./context.ts";
import { passes } from "./filters.ts";
import { isRecord, structure, text, texts } from "./input.ts";
import { page } from "./page.ts";
import type { ComputeState, ComputeWorld, LaunchData, Template, TemplateVersion } from "./types.ts";

/* https://docs.aws.amazon.com/autoscaling/ec2/userguide/launch-templates.html and the API reference of each operation */

/** Lists have another name in answers than in requests: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ResponseLaunchTemplateData.html */
const LISTS: Readonly<Record<string, string>> = {
  BlockDeviceMapping: "blockDeviceMappingSet",
  NetworkInterface: "networkInterfaceSet",
  TagSpecification: "tagSpecificationSet",
  Tag: "tagSet",
  SecurityGroupId: "securityGroupIdSet",
  SecurityGroup: "securityGroupSet",
  LicenseSpecification: "licenseSet",
  ElasticGpuSpecification: "elasticGpuSpecificationSet",
};

function asAnswered(input: Input): LaunchData {
  const value = (one: InputValue): unknown =>
    Array.isArray(one) ? one.map(value) : isRecord(one) ? asAnswered(one) : one;
  return Object.fromEntries(
    Object.entries(input).map(([name, one]) => [
      LISTS[name] ?? name[0]!.toLowerCase() + name.slice(1),
      value(one),
    ]),
  );
}

export function templateOperations(ec2: Ec2): Record<string, Operation> {
  const arns = (input: Input) => {
    const id = text(input, "LaunchTemplateId") ?? byName(ec2.state, text(input, "LaunchTemplateName"))?.id;
    return [ec2.arn(`launch-template/${id ?? "*"}`)];
  };
  return {
    CreateLaunchTemplate: writes("CreateLaunchTemplate", {
      resources: () => [ec2.arn("launch-template/*")],
      handle: (input, call) =>
        ec2.once(text(input, "ClientToken"), "CreateLaunchTemplate", input, () => create(ec2, input, call)),
    }),
    CreateLaunchTemplateVersion: writes("CreateLaunchTemplateVersion", {
      resources: arns,
      handle: (input, call) =>
        ec2.once(text(input, "ClientToken"), "CreateLaunchTemplateVersion", input, () =>
          addVersion(ec2, input, call),
        ),
    }),
    ModifyLaunchTemplate: writes("ModifyLaunchTemplate", {
      resources: arns,
      handle: (input) => {
        const { template, version } = resolve(ec2.state, {
          ...reference(input),
          version: text(input, "SetDefaultVersion") ?? text(input, "DefaultVersion"),
        });
        const changed = { ...template, default: version.number };
        ec2.change("templates", template.id, changed);
        return { launchTemplate: templateView(ec2.state, changed) };
      },
    }),
    DeleteLaunchTemplate: writes("DeleteLaunchTemplate", {
      resources: arns,
      handle: (input) => {
        const template = known(ec2.state, reference(input));
        ec2.change("templates", template.id, undefined);
        return { launchTemplate: templateView(ec2.state, template) };
      },
    }),
    DeleteLaunchTemplateVersions: writes("DeleteLaunchTemplateVersions", {
      resources: arns,
      handle: (input) => deleteVersions(ec2, input),
    }),
    DescribeLaunchTemplates: reads("DescribeLaunchTemplates", (input, { seenAt }) => {
      const state = ec2.past.seen(seenAt);
      const named = [
        ...texts(input, "LaunchTemplateId").map((id) => known(state, { id })),
        ...texts(input, "LaunchTemplateName").map((name) => known(state, { name })),
      ];
      const found = (named.length > 0 ? named : [...state.templates.values()]).filter((template) =>
        passes(input, {
          fields: { "launch-template-name": template.name },
          tags: state.tags.get(template.id) ?? {},
        }),
      );
      const shown = page(found, { token: text(input, "NextToken"), atMost: pageSize(input, 200) });
      return { launchTemplates: shown.items.map((one) => templateView(state, one)), nextToken: shown.next };
    }),
    DescribeLaunchTemplateVersions: reads("DescribeLaunchTemplateVersions", (input, { seenAt }) => {
      const state = ec2.past.seen(seenAt);
      const template = known(state, reference(input));
      const shown = page(versionsAsked(state, template, input), {
        token: text(input, "NextToken"),
        atMost: pageSize(input, 200),
      });
      return {
        launchTemplateVersionSet: shown.items.map((one) => versionView(template, one)),
        nextToken: shown.next,
      };
    }),
  };
}

/** Newest first, as EC2 lists them (assumed); those asked for in the order they were asked for. */
function versionsAsked(state: ComputeState, template: Template, input: Input): readonly TemplateVersion[] {
  const asked = texts(input, "LaunchTemplateVersion");
  if (asked.length > 0) return asked.map((version) => resolve(state, { id: template.id, version }).version);
  const [from, to] = [text(input, "MinVersion"), text(input, "MaxVersion")];
  return template.versions
    .filter(({ number }) => number >= Number(from ?? 0) && number <= Number(to ?? Infinity))
    .toReversed();
}

interface Reference {
  readonly id?: string | undefined;
  readonly name?: string | undefined;
}

function reference(input: Input): Reference {
  const [id, name] = [text(input, "LaunchTemplateId"), text(input, "LaunchTemplateName")];
  // "You must specify either the launch template ID or the launch template name, but not both."
  if ((id === undefined) === (name === undefined)) {
    throw new AwsError(
      "InvalidParameterCombination",
      "Either LaunchTemplateId or LaunchTemplateName must be specified, but not both.",
    );
  }
  return { id, name };
}

function byName(state: ComputeState, name: string | undefined): Template | undefined {
  return [...state.templates.values()].find((template) => template.name === name);
}

function known(state: ComputeState, { id, name }: Reference): Template {
  const template = id === undefined ? byName(state, name) : state.templates.get(id);
  if (template) return template;
  if (id === undefined) {
    throw new AwsError(
      "InvalidLaunchTemplateName.NotFoundException",
      `At least one of the launch templates specified in the request does not exist.`,
    );
  }
  throw new AwsError(
    "InvalidLaunchTemplateId.NotFound",
    `The specified launch template, with template ID ${id}, does not exist.`,
  );
}

/** A version by number, `$Latest` or `$Default`; without one the default version. */
export function resolve(
  state: ComputeState,
  { version = "$Default", ...of }: Reference & { readonly version?: string | undefined },
): ReturnType<ComputeWorld["template"]> {
  const template = known(state, of);
  const number =
    version === "$Default"
      ? template.default
      : version === "$Latest"
        ? (template.versions.at(-1)?.number ?? 0)
        : Number(version);
  const found = template.versions.find((one) => one.number === number);
  if (found) return { template, version: found };
  throw new AwsError(
    "InvalidLaunchTemplateId.VersionNotFound",
    `Could not find launch template version ${version} for launch template ${template.id}.`,
  );
}

function create(ec2: Ec2, input: Input, { principal }: CallContext): object {
  const name = text(input, "LaunchTemplateName") ?? "";
  // https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateLaunchTemplate.html: 3 to 128 of these characters
  if (!/^[a-zA-Z0-9().\-/_]{3,128}$/.test(name)) {
    throw new AwsError(
      "InvalidLaunchTemplateName.MalformedException",
      `The launch template name '${name}' is not valid.`,
    );
  }
  if (byName(ec2.state, name)) {
    throw new AwsError(
      "InvalidLaunchTemplateName.AlreadyExistsException",
      "Launch template name already in use.",
    );
  }
  const created = ec2.world.clock.now();
  const description = text(input, "VersionDescription");
  const template: Template = {
    id: ec2.newId("lt"),
    name,
    created,
    createdBy: principal,
    default: 1,
    latest: 1,
    versions: [
      {
        number: 1,
        created,
        createdBy: principal,
        ...(description !== undefined && { description }),
        data: dataOf(input),
      },
    ],
  };
  ec2.change("templates", template.id, template);
  ec2.tag(template.id, specifiedTags(input, "launch-template"));
  return { launchTemplate: templateView(ec2.state, template) };
}

function dataOf(input: Input): LaunchData {
  const data = structure(input, "LaunchTemplateData");
  if (data === undefined)
    throw new AwsError("MissingParameter", "The request must contain the parameter LaunchTemplateData");
  return asAnswered(data);
}

/**
 * "The new version inherits the same launch parameters as the source version, except for parameters that you specify in
 * LaunchTemplateData": https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateLaunchTemplateVersion.html (SourceVersion).
 * Without a source it has only what is given. Numbers go up by one and are never given again.
 */
function addVersion(ec2: Ec2, input: Input, { principal }: CallContext): object {
  const template = known(ec2.state, reference(input));
  const source = text(input, "SourceVersion");
  const inherited =
    source === undefined ? {} : resolve(ec2.state, { id: template.id, version: source }).version.data;
  const description = text(input, "VersionDescription");
  const version: TemplateVersion = {
    number: template.latest + 1,
    created: ec2.world.clock.now(),
    createdBy: principal,
    ...(description !== undefined && { description }),
    data: { ...inherited, ...dataOf(input) },
  };
  const changed = { ...template, latest: version.number, versions: [...template.versions, version] };
  ec2.change("templates", template.id, changed);
  return { launchTemplateVersion: versionView(changed, version) };
}

/** "You can't delete the default version": https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteLaunchTemplateVersions.html */
function deleteVersions(ec2: Ec2, input: Input): object {
  const template = known(ec2.state, reference(input));
  const asked = texts(input, "LaunchTemplateVersion").map(Number);
  const gone = asked.filter(
    (number) => number !== template.default && template.versions.some((one) => one.number === number),
  );
  const item = (versionNumber: number) => ({
    launchTemplateId: template.id,
    launchTemplateName: template.name,
    versionNumber,
  });
  ec2.change("templates", template.id, {
    ...template,
    versions: template.versions.filter(({ number }) => !gone.includes(number)),
  });
  return {
    successfullyDeletedLaunchTemplateVersionSet: gone.map(item),
    unsuccessfullyDeletedLaunchTemplateVersionSet: asked
      .filter((number) => !gone.includes(number))
      .map((number) => ({
        ...item(number),
        responseError:
          number === template.default
            ? { code: "unexpectedError", message: "Cannot delete the default version of a launch template." }
            : {
                code: "launchTemplateVersionDoesNotExist",
                message: `Launch template version ${number} does not exist.`,
              },
      })),
  };
}

function templateView(state: ComputeState, template: Template): object {
  return {
    launchTemplateId: template.id,
    launchTemplateName: template.name,
    createTime: new Date(template.created),
    createdBy: template.createdBy,
    defaultVersionNumber: template.default,
    latestVersionNumber: template.versions.at(-1)?.number ?? template.latest,
    tagSet: tagSet(state.tags.get(template.id)),
  };
}

function versionView(template: Template, version: TemplateVersion): object {
  return {
    launchTemplateId: template.id,
    launchTemplateName: template.name,
    versionNumber: version.number,
    versionDescription: version.description,
    createTime: new Date(version.created),
    createdBy: version.createdBy,
    defaultVersion: version.number === template.default,
    launchTemplateData: version.data,
  };
}
