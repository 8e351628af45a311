import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { assertNever } from "../../../core/units.ts";
import type { Api, CallBy } from "../api/api.ts";
import type { Deployment, KubeObject, LabelSelector } from "../api/objects.ts";
import { paths } from "../api/paths.ts";
import { ANNOTATIONS, LABELS } from "../names.ts";
import type { KubernetesSettings } from "../settings.ts";
import { printed } from "./command.ts";
import { readDocuments, type Found } from "./documents.ts";
import { refused, type Refused } from "./refused.ts";
import { besideProblems, shapeProblems } from "./shape.ts";

/** What the slots are made from. */
export interface Template {
  /** For people: `deployment/shop`, `shop.yaml:12:1`. */
  readonly origin: string;
  readonly deployment: Deployment;
  /** How the template's own Deployment selects its pods; absent where the template is only an image. */
  readonly own?: LabelSelector;
  /** The other objects of the same documents that lie in this namespace: a chart's ConfigMap is part of the template. */
  readonly beside: readonly KubeObject[];
}

export type ReadTemplate = { readonly is: "read"; readonly template: Template } | Refused;

type Settings = Pick<KubernetesSettings, "service" | "namespace" | "template">;

export interface SourceOptions extends CallBy {
  /** Values never to be shown, such as those substituted in the configuration. */
  readonly secrets?: readonly string[];
}

/** Reads the user's template from wherever the settings say. Everything that is wrong with it is an answer. */
export async function readTemplate(
  api: Api,
  settings: Settings,
  options: SourceOptions,
): Promise<ReadTemplate> {
  const { template: source } = settings;
  switch (source.from) {
    case "live":
      return readLive(api, settings, source.deployment, options);
    case "file":
      return readFileSource(source.path, source.deployment, settings);
    case "command": {
      const { folder, command, deployment } = source;
      const output = await printed(command, { folder, ...options });
      if (output.is === "refused") return output;
      return pick(output.text, `output of ${command.slice(0, 2).join(" ")}`, deployment, settings);
    }
    case "image":
      return { is: "read", template: imageTemplate(settings.service, source) };
    default:
      return assertNever(source);
  }
}

async function readLive(api: Api, settings: Settings, name: string, call: CallBy): Promise<ReadTemplate> {
  const answer = await api.get<Deployment>(paths.deployments(settings.namespace, name), call);
  if (answer.is === "absent")
    return refused(
      "TEAL-K271",
      `there is no Deployment ${name} in ${api.place}`,
      "Correct `template`, or apply the Deployment first.",
    );
  if (answer.is !== "ok")
    return { is: "refused", cause: answer.cause, next: "Nothing was changed. Try again: teal deploy" };
  const deployment = answer.value;
  const { labels, annotations } = deployment.metadata;
  // What Teal rendered names copies and has a slot's labels: made into a template, it would be copied again and again.
  if (labels?.[LABELS.slot] !== undefined && annotations?.[ANNOTATIONS.adopted] === undefined)
    return refused(
      "TEAL-K277",
      `deployment/${name} is a slot that Teal made of a template`,
      "Name the Deployment, file or command that the slots are made from in `template`.",
    );
  const template = { origin: `deployment/${name}`, deployment, own: deployment.spec.selector, beside: [] };
  return { is: "read", template };
}

async function readFileSource(
  path: string,
  deployment: string | undefined,
  settings: Settings,
): Promise<ReadTemplate> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    const { code = "not readable" } = error as NodeJS.ErrnoException;
    return refused("TEAL-K272", `the template ${path} could not be read (${code})`, "Correct `template`.");
  }
  return pick(text, basename(path), deployment, settings);
}

/** Finds the Deployment among the documents, and what lies beside it. */
export function pick(
  text: string,
  source: string,
  wanted: string | undefined,
  settings: Pick<Settings, "namespace">,
): ReadTemplate {
  const documents = readDocuments(text, source);
  if (documents.is === "invalid")
    return refused(
      "TEAL-K273",
      documents.problems[0] ?? `${source} is not valid`,
      "Correct the template.",
      documents.problems.slice(1),
    );
  const chosen = choose(documents.found, source, wanted);
  if ("is" in chosen) return chosen;
  const problems = [...shapeProblems(chosen), ...documents.found.flatMap(besideProblems)];
  if (problems.length > 0)
    return refused("TEAL-K273", problems[0] ?? "", "Correct the template.", problems.slice(1));
  const { namespace } = chosen.object.metadata;
  if (namespace !== undefined && namespace !== settings.namespace)
    return refused(
      "TEAL-K276",
      `${chosen.at}: Deployment ${chosen.object.metadata.name} is for namespace ${namespace}, the service's is ${settings.namespace}`,
      "Render the template for the namespace of the service, or correct `namespace`.",
    );
  const beside = documents.found.filter(({ object }) => isHere(object, settings) && object !== chosen.object);
  const deployment = withoutNulls(chosen.object) as Deployment;
  return {
    is: "read",
    template: {
      origin: chosen.at,
      deployment,
      own: deployment.spec.selector,
      beside: beside.map(({ object }) => withoutNulls(object)),
    },
  };
}

/** Why these kinds cannot be slots. */
const NOT_SLOTS: Readonly<Record<string, string>> = {
  StatefulSet: "its pods have names and volumes of their own, which two slots cannot both have",
  DaemonSet: "it runs one pod on every node, so that two slots would compete for the nodes' ports",
  Pod: "nothing starts a pod again",
  ReplicaSet: "it belongs to a Deployment",
  Rollout: "Argo Rollouts owns its pods; give Teal a Deployment instead",
};

function choose(found: readonly Found[], source: string, wanted: string | undefined): Found | Refused {
  const deployments = found.filter(({ object }) => object.kind === "Deployment");
  const named = deployments.filter(({ object }) => wanted === undefined || object.metadata.name === wanted);
  const [only] = named;
  if (only !== undefined && named.length === 1)
    return only.object.apiVersion === "apps/v1" ? only : wrongVersion(only);
  const list = (of: readonly Found[]) =>
    of.map(({ object, at }) => `${object.metadata.name} (${at})`).join(", ");
  if (named.length > 1)
    return refused(
      "TEAL-K275",
      wanted === undefined
        ? `${source} has ${named.length} Deployments: ${list(named)}`
        : `${source} has Deployment ${wanted} more than once: ${list(named)}`,
      "Name the one to use: template: { ..., deployment: NAME }",
    );
  if (deployments.length > 0)
    return refused(
      "TEAL-K275",
      `${source} has no Deployment ${wanted}; it has ${list(deployments)}`,
      "Correct the name.",
    );
  return refused("TEAL-K275", `${source} has no Deployment${instead(found)}`, "Give Teal a Deployment.");
}

function instead(found: readonly Found[]): string {
  if (found.length === 0) return "; it is empty";
  const unfit = found.find(({ object }) => Object.hasOwn(NOT_SLOTS, object.kind ?? ""));
  if (unfit !== undefined) {
    const { kind = "", metadata } = unfit.object;
    return `: ${kind} ${metadata.name} (${unfit.at}) cannot be a slot: ${NOT_SLOTS[kind]}`;
  }
  return `; it has ${[...new Set(found.map(({ object }) => object.kind))].join(", ")}`;
}

function wrongVersion({ object, at }: Found): Refused {
  return refused(
    "TEAL-K273",
    `${at}: Deployment ${object.metadata.name} is of ${object.apiVersion ?? "no API version"}, which is not apps/v1`,
    "Write `apiVersion: apps/v1`.",
  );
}

function isHere({ metadata }: KubeObject, settings: Pick<Settings, "namespace">): boolean {
  return metadata.namespace === undefined || metadata.namespace === settings.namespace;
}

/** YAML's `key:` without a value is `null`, which server-side apply would take for the wish to have nothing there. */
function withoutNulls<T>(value: T): T;
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, inner]) => (inner === null ? [] : [[key, withoutNulls(inner)]])),
  );
}

/** A Deployment with nothing but a container that listens on a port. */
function imageTemplate(service: string, source: { readonly image: string; readonly port: number }): Template {
  return {
    origin: `image ${source.image}`,
    beside: [],
    deployment: {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: service },
      spec: {
        selector: {},
        template: {
          metadata: { labels: {} },
          spec: {
            containers: [
              {
                name: service,
                image: source.image,
                ports: [{ containerPort: source.port }],
                // Without one a pod counts as ready before it listens, at its start and after every restart.
                readinessProbe: { tcpSocket: { port: source.port }, periodSeconds: 2, failureThreshold: 2 },
              },
            ],
          },
        },
      },
    },
  };
}
