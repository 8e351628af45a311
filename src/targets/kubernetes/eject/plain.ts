import type { Api, CallBy, JsonOperation } from "../api/api.ts";
import type { ConfigMap, Deployment, Labels, PodTemplate, Secret } from "../api/objects.ts";
import { paths } from "../api/paths.ts";
import type { Copied, RenderedRevision } from "../template/rendered.ts";
import { renameReferences } from "../template/references.ts";

/* The plain Deployment that a service is given back as: live's revision, with nothing of Teal in it. */

/** Labels by which its pods are selected, by it and by the Service. */
export function plainLabels(rendered: Pick<RenderedRevision, "own" | "service">): Labels {
  return rendered.own?.matchLabels ?? { app: rendered.service };
}

/**
 * The pod template of live's revision. ConfigMaps and Secrets are named as the template named them where they still say
 * what the revision has; else the copies stay, so that nothing else runs than what was proven.
 */
export async function plainTemplate(
  api: Api,
  rendered: RenderedRevision,
  call: CallBy,
): Promise<PodTemplate> {
  const same = await Promise.all(rendered.copies.map(async (copied) => isSame(api, copied, call)));
  const originals = new Map(
    rendered.copies.flatMap(({ kind, name, copy }, index) =>
      same[index] === true ? [[`${kind}/${copy}`, name] as const] : [],
    ),
  );
  const { metadata, spec } = rendered.template;
  return {
    metadata: { ...metadata, labels: { ...metadata?.labels, ...plainLabels(rendered) } },
    spec: renameReferences(spec, ({ kind, name }) => originals.get(`${kind}/${name}`) ?? name),
  };
}

/** What was optional and not there is the same while it is not there. */
async function isSame(api: Api, { kind, name, copy, digest }: Copied, call: CallBy): Promise<boolean> {
  const path = kind === "Secret" ? paths.secrets : paths.configMaps;
  const [original, copied] = await Promise.all([
    api.get<ConfigMap & Secret>(path(api.namespace, name), call),
    digest === undefined ? undefined : api.get<ConfigMap & Secret>(path(api.namespace, copy), call),
  ]);
  if (copied === undefined) return original.is === "absent";
  if (original.is !== "ok" || copied.is !== "ok") return false;
  return text(original.value) === text(copied.value);
}

function text({ data = {}, binaryData = {} }: ConfigMap & Secret): string {
  const sorted = (of: Readonly<Record<string, unknown>>) =>
    Object.entries(of).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([sorted(data), sorted(binaryData)]);
}

export function plainDeployment(
  name: string,
  rendered: RenderedRevision,
  template: PodTemplate,
  replicas: number,
): Deployment {
  const { labels, annotations, spec } = rendered;
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, labels, annotations },
    spec: { ...spec, replicas, selector: rendered.own ?? { matchLabels: plainLabels(rendered) }, template },
  };
}

/** Gives the template's own Deployment live's revision and size, if it is what was read. */
export function refill(seen: Deployment, template: PodTemplate, replicas: number): readonly JsonOperation[] {
  return [
    { op: "test", path: "/metadata/resourceVersion", value: seen.metadata.resourceVersion },
    { op: "replace", path: "/spec/template", value: template },
    { op: "add", path: "/spec/replicas", value: replicas },
  ];
}
