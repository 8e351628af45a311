import type { ConfigMap, KubeObject, PodSpec, PodTemplate, Secret } from "../api/objects.ts";
import { ANNOTATIONS, LABELS, PARTS } from "../names.ts";
import type { KubernetesSettings } from "../settings.ts";
import { keyedDigest } from "./canonical.ts";
import { referencesOf, renameReferences, type Reference } from "./references.ts";
import { TemplateError } from "./refused.ts";
import type { Copied, RenderedRevision } from "./rendered.ts";

/*
 * ConfigMaps and Secrets travel with the revision: it gets immutable copies of what it named when it was prepared, so
 * that a rollback brings back the configuration too, and an edit reaches nobody before it is deployed.
 */

/** What a template may name, as found: in its own documents, or in the namespace. */
export type Content = ConfigMap | Secret;

/** One entry per object that the template names, all places of it together. */
export interface Wanted {
  readonly kind: Reference["kind"];
  readonly name: string;
  readonly optional: boolean;
  readonly keys: readonly Pick<Reference, "where" | "name">[];
}

/** Longest name of a ConfigMap or Secret. */
const LONGEST_NAME = 253;
/** Stands for the digest in the name of what is not there: no copy is ever called so. */
const ABSENT = "absent";
/** The cluster's own trust, which it rotates. */
const CLUSTERS_OWN = new Set(["kube-root-ca.crt", "openshift-service-ca.crt"]);
/** Their controller or the kubelet renews them, or removes what it does not know: a copy would be worthless or gone. */
const UNCOPYABLE = new Set(["kubernetes.io/service-account-token", "bootstrap.kubernetes.io/token"]);

/** What has to be read to prepare the template: everything it names, without what is used as it is at any moment. */
export function wantedBy(spec: PodSpec, liveSecrets: KubernetesSettings["liveSecrets"]): readonly Wanted[] {
  const wanted = new Map<string, Wanted>();
  for (const { kind, name, optional, keys, where } of referencesOf(spec)) {
    if (CLUSTERS_OWN.has(name) || isLive(kind, name, liveSecrets)) continue;
    const before = wanted.get(`${kind}/${name}`);
    wanted.set(`${kind}/${name}`, {
      kind,
      name,
      optional: optional && (before?.optional ?? true),
      keys: [...(before?.keys ?? []), ...keys.map((key) => ({ name: key, where }))],
    });
  }
  return [...wanted.values()];
}

function isLive(kind: Reference["kind"], name: string, live: KubernetesSettings["liveSecrets"]): boolean {
  return kind === "Secret" && (live === "all" || live.includes(name));
}

/**
 * The copy of one object, and the object to make. Undefined: it is not copied, the template goes on naming it.
 * @param content what was found; undefined when there is no such object.
 */
export function copyOf(
  wanted: Wanted,
  content: Content | undefined,
  key: Uint8Array,
  service: string,
): { readonly copied: Copied; readonly object?: Content } | undefined {
  const { kind, name } = wanted;
  if (content === undefined) {
    if (!wanted.optional) throw missing(wanted);
    // Also tomorrow it is not to be there: the name stays free of what someone makes meanwhile.
    return { copied: { kind, name, copy: copyName(name, ABSENT) } };
  }
  const type = typeOf(kind, content);
  if (type !== undefined && UNCOPYABLE.has(type)) return undefined;
  const data = contentOf(kind, content);
  const lacking = wanted.keys.find((each) => !(each.name in data.data) && !(each.name in data.binaryData));
  if (lacking !== undefined) throw lacksKey(wanted, lacking);
  const digest = keyedDigest(key, { kind, name, type, ...data });
  const copied: Copied = { kind, name, digest, copy: copyName(name, digest.slice(0, 8)) };
  const object: Content = {
    apiVersion: "v1",
    kind,
    metadata: {
      name: copied.copy,
      labels: { [LABELS.service]: service, [LABELS.part]: PARTS.copy },
      annotations: { [ANNOTATIONS.origin]: JSON.stringify({ name, digest }) },
    },
    ...(type === undefined ? {} : { type }),
    ...(Object.keys(data.data).length === 0 ? {} : { data: data.data }),
    ...(Object.keys(data.binaryData).length === 0 ? {} : { binaryData: data.binaryData }),
    immutable: true,
  };
  return { copied, object };
}

/** `shop-env-teal-0123abcd`; a long name is cut: the digest covers all of it. */
function copyName(name: string, mark: string): string {
  const suffix = `-teal-${mark}`;
  return `${name.slice(0, LONGEST_NAME - suffix.length).replace(/[.-]+$/, "")}${suffix}`;
}

/** The template with each name replaced by its copy's. */
export function withCopies(template: PodTemplate, copies: readonly Copied[]): PodTemplate {
  const names = new Map(copies.map(({ kind, name, copy }) => [`${kind}/${name}`, copy]));
  return {
    ...template,
    spec: renameReferences(template.spec, ({ kind, name }) => names.get(`${kind}/${name}`) ?? name),
  };
}

/**
 * Copies that neither a kept revision nor a slot's pod template names.
 * @param templates of the slots' Deployments as they are.
 */
export function unneededCopies<T extends KubeObject>(
  copies: readonly T[],
  kept: readonly Pick<RenderedRevision, "copies">[],
  templates: readonly PodTemplate[],
): readonly T[] {
  const used = new Set([
    ...kept.flatMap((revision) => revision.copies.map(({ kind, copy }) => `${kind}/${copy}`)),
    ...templates.flatMap(({ spec }) => referencesOf(spec).map(({ kind, name }) => `${kind}/${name}`)),
  ]);
  return copies.filter(({ kind, metadata }) => !used.has(`${kind}/${metadata.name}`));
}

/** Content in one form, wherever it was read: a Secret's `stringData` (files only) is encoded and wins, as the API has it. */
function contentOf(kind: Reference["kind"], content: Content) {
  const {
    data = {},
    binaryData = {},
    stringData = {},
  } = content as ConfigMap & {
    readonly stringData?: Readonly<Record<string, string>>;
  };
  if (kind === "ConfigMap") return { data, binaryData: mapValues(binaryData, normalBase64) };
  const encoded = mapValues(stringData, (text) => Buffer.from(text).toString("base64"));
  return { data: { ...mapValues(data, normalBase64), ...encoded }, binaryData: {} };
}

/** A Secret of a file need not say its type. */
function typeOf(kind: Reference["kind"], content: Content): string | undefined {
  return kind === "Secret" ? ((content as Secret).type ?? "Opaque") : undefined;
}

/** Files may break long lines; the API server does not keep that. */
function normalBase64(text: string): string {
  return Buffer.from(text, "base64").toString("base64");
}

function mapValues(of: Readonly<Record<string, string>>, change: (value: string) => string) {
  return Object.fromEntries(Object.entries(of).map(([key, value]) => [key, change(value)]));
}

function missing({ kind, name }: Wanted): TemplateError {
  return new TemplateError(
    "TEAL-K220",
    `the template names ${kind} ${name}, which is neither in its documents nor in the namespace`,
    `Create ${kind} ${name}, or mark the reference \`optional: true\`.`,
  );
}

function lacksKey({ kind, name }: Wanted, key: { readonly name: string; readonly where: string }) {
  return new TemplateError(
    "TEAL-K221",
    `${kind} ${name} has no key "${key.name}", without which ${key.where} does not start`,
    `Add the key to ${kind} ${name}, or mark the reference \`optional: true\`.`,
  );
}
