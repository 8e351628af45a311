import type { Finding } from "../../../ports/target.ts";
import type { KubeObject, ManagedFields } from "../api/objects.ts";
import { FIELD_MANAGER } from "../names.ts";

/*
 * Who else writes what Teal writes: the selector of the Service that users reach, the weights of a route, the size of the
 * template's Deployment. Told before the first deployment, with the rule that lets each tool leave the field alone, since
 * after the cutover the next sync of a tool without it would send users back to pods that are gone.
 *
 * Two things tell: managed fields say who wrote a field last (Teal's own writes take it over), and each tool marks what
 * it applies, before and after.
 */

/**
 * `helm`, also 2 and 4 · `argocd` · `fluxHelm`, Flux's helm-controller · `flux`, its kustomize-controller · `apply`,
 * kubectl apply of a file · `unknown`, some other program. A person's `kubectl edit` repeats nothing, so it is none.
 */
export type Tool = "helm" | "argocd" | "flux" | "fluxHelm" | "apply" | "unknown";

export interface Owner {
  readonly tool: Tool;
  /** The field manager, or the mark that told. */
  readonly by: string;
  /** When it wrote last (RFC 3339), where that is known. */
  readonly at?: string;
}

/** A field that Teal writes. */
export interface Field {
  readonly of: "Service" | "Deployment" | "HTTPRoute";
  readonly name: string;
  /** Names of fields from the object's root: `["spec", "selector"]`. */
  readonly path: readonly string[];
}

/** Field managers by their names; a program that names none is called as its file. */
const MANAGERS: readonly (readonly [RegExp, Tool])[] = [
  [/^helm-controller$/u, "fluxHelm"],
  [/^(?:kustomize-controller|flux.*)$/u, "flux"],
  [/^argocd?-|^argo-cd/u, "argocd"],
  [/^(?:helm|tiller).*$/iu, "helm"],
  [/^kubectl(?:-client-side-apply|-last-applied)?$|^before-first-apply$/u, "apply"],
];
/** Commands of a person, which come once. */
const HANDS = /^kubectl-(?!client-side-apply|last-applied)|^k9s|^lens|^Mozilla|^headlamp|^node-fetch/iu;
/** Controllers of the cluster itself, which do what other fields say. */
const CLUSTER = /^kube-(?:controller-manager|scheduler|apiserver)$|^horizontal-pod-autoscaler$|^keda/u;

/** What tools put onto what they apply, as template/strip.ts knows them too. */
const MARKS: readonly (readonly [string, Tool])[] = [
  ["helm.toolkit.fluxcd.io/name", "fluxHelm"],
  ["kustomize.toolkit.fluxcd.io/name", "flux"],
  ["argocd.argoproj.io/tracking-id", "argocd"],
  ["meta.helm.sh/release-name", "helm"],
  ["kubectl.kubernetes.io/last-applied-configuration", "apply"],
];

/** Tools that will write the field again, each once; nobody for a field that only people and Teal write. */
export function ownersOf(object: KubeObject, field: Pick<Field, "path">): readonly Owner[] {
  const { managedFields = [], labels = {}, annotations = {} } = object.metadata;
  const writers = managedFields.filter((entry) => isRepeating(entry) && holds(entry, field.path));
  const managed = writers.map(({ manager, time }): Owner => {
    const tool = MANAGERS.find(([pattern]) => pattern.test(manager))?.[1] ?? "unknown";
    return { tool, by: manager, ...(time === undefined ? {} : { at: time }) };
  });
  const marked = MARKS.filter(([key]) => {
    const mark = labels[key] ?? annotations[key];
    return mark !== undefined && (!key.startsWith("kubectl") || applied(mark, field.path));
  }).map(([key, tool]): Owner => ({ tool, by: key }));
  const tools = new Set<Tool>();
  const owners = [...managed, ...marked].filter(({ tool }) => !tools.has(tool) && tools.add(tool));
  // Whatever a tool renders it also applies by one of the others: the outermost is the one to be told.
  const outer = (inner: Tool, ...by: readonly Tool[]) => by.some((tool) => tools.has(tool)) && inner;
  const inner = [outer("helm", "fluxHelm"), outer("apply", "argocd", "flux", "helm", "fluxHelm")];
  return owners.filter(({ tool }) => !inner.includes(tool));
}

/** Who wrote the field last, where that was not Teal: it is not as Teal left it. */
export function lastWriter(object: KubeObject, path: readonly string[]): ManagedFields | undefined {
  const writers = (object.metadata.managedFields ?? []).filter((entry) => holds(entry, path));
  const [last] = writers.toSorted((a, b) => (b.time ?? "").localeCompare(a.time ?? ""));
  return last === undefined || writers.some(({ manager }) => manager === FIELD_MANAGER) ? undefined : last;
}

function isRepeating({ manager, subresource }: ManagedFields): boolean {
  return (
    manager !== FIELD_MANAGER && subresource === undefined && !HANDS.test(manager) && !CLUSTER.test(manager)
  );
}

/** Whether the entry has the field, something in it, or a list that it lies in. */
function holds({ fieldsV1 }: ManagedFields, path: readonly string[]): boolean {
  let at: unknown = fieldsV1;
  for (const name of path) {
    if (typeof at !== "object" || at === null) return false;
    at = (at as Readonly<Record<string, unknown>>)[`f:${name}`];
  }
  return at !== undefined;
}

/** Whether the file that was applied last has the field. */
function applied(text: string, path: readonly string[]): boolean {
  try {
    let at: unknown = JSON.parse(text);
    for (const name of path) at = (at as Readonly<Record<string, unknown>> | undefined)?.[name];
    return at !== undefined;
  } catch {
    return false;
  }
}

/** What would happen, and the rule against it. */
export function ownerFinding(field: Field, owner: Owner): Finding {
  const { of, name, path } = field;
  const pointer = `/${path.join("/")}`;
  const since = owner.at === undefined ? "" : `, last at ${owner.at}`;
  const message = `${pointer} of ${of} ${name} is also written by ${NAMES[owner.tool]} (${owner.by}${since}): ${HARM[of]}`;
  return { is: "warns", cause: { code: CODES[of], message }, next: ruleFor(field, owner.tool) };
}

const NAMES: Readonly<Record<Tool, string>> = {
  helm: "Helm",
  argocd: "Argo CD",
  flux: "Flux",
  fluxHelm: "Flux's helm-controller",
  apply: "kubectl apply",
  unknown: "another program",
};

const HARM: Readonly<Record<Field["of"], string>> = {
  Service: "its next sync would take users away from the live slot",
  HTTPRoute: "its next sync would put the weights back to what its source says",
  Deployment: "its next sync would start pods that get no traffic",
};

const CODES: Readonly<Record<Field["of"], string>> = {
  Service: "TEAL-K510",
  HTTPRoute: "TEAL-K511",
  Deployment: "TEAL-K512",
};

const GROUPS: Readonly<Record<Field["of"], string>> = {
  Service: "",
  HTTPRoute: "gateway.networking.k8s.io",
  Deployment: "apps",
};

/** How each tool is told to leave the field alone. */
export function ruleFor({ of, name, path }: Field, tool: Tool): string {
  const pointer = `/${path.join("/")}`;
  const target = `{ kind: ${of}, name: ${name} }`;
  switch (tool) {
    case "argocd": {
      // https://argo-cd.readthedocs.io/en/latest/user-guide/diffing/ and sync-options/: without the sync option the
      // difference is only hidden, and written all the same.
      const group = GROUPS[of] === "" ? "" : `group: ${GROUPS[of]}, `;
      return `in the Application: ignoreDifferences: [{ ${group}kind: ${of}, name: ${name}, jsonPointers: [${pointer}] }] and syncPolicy: { syncOptions: [RespectIgnoreDifferences=true] }`;
    }
    case "flux":
      // https://fluxcd.io/blog/2026/08/ignore-rules-drift-detection/
      return `in the Kustomization: spec: { ignore: [{ paths: [${pointer}], target: ${target} }] }`;
    case "fluxHelm":
      // https://fluxcd.io/flux/components/helm/helmreleases/#drift-detection: it is about corrections between two
      // upgrades. What an upgrade writes is Helm's.
      return `in the HelmRelease: spec: { driftDetection: { ignore: [{ paths: [${pointer}], target: ${target} }] } }; and for upgrades: ${helm(of, name, path)}`;
    case "helm":
      return helm(of, name, path);
    case "apply":
      // https://kubernetes.io/docs/tasks/manage-kubernetes-objects/declarative-config/: a field that was applied and is
      // not in the file any more is deleted; so it has to be forgotten first.
      return `kubectl apply edit-last-applied ${of.toLowerCase()}/${name} without ${path.join(".")}, then take the field out of the file too (in this order: kubectl apply deletes what it applied before and no longer finds)`;
    case "unknown":
      return `find out what that is (kubectl get ${of.toLowerCase()} ${name} -o yaml --show-managed-fields) and have it leave ${pointer} alone`;
    default:
      return tool satisfies never;
  }
}

/**
 * Helm merges what the last release said, what this one says and what is there (https://helm.sh/docs/faq/changes_since_helm2/):
 * a changed map gets the chart's keys back beside Teal's, a field that is taken out of the chart is deleted. An object
 * with the policy `keep` may leave the chart (https://helm.sh/docs/howto/charts_tips_and_tricks/).
 */
function helm(of: Field["of"], name: string, path: readonly string[]): string {
  if (of === "Deployment")
    return `set ${path.join(".")} of deployment/${name} to 0 in the chart's values once a slot serves (taken out of the chart, it would become 1)`;
  return `annotate ${of} ${name} in the chart with helm.sh/resource-policy: keep, upgrade once, then take the ${of} out of the chart; taking only ${path.join(".")} out would delete it`;
}

/** The field is not what Teal wrote last, and who did it. */
export function revertedFinding(field: Field, writer: ManagedFields): Finding {
  const { of, name, path } = field;
  const tool = MANAGERS.find(([pattern]) => pattern.test(writer.manager))?.[1];
  const when = writer.time === undefined ? "" : ` at ${writer.time}`;
  const message = `/${path.join("/")} of ${of} ${name} is not as Teal left it: ${writer.manager} wrote it${when}`;
  const repeats = tool ?? (HANDS.test(writer.manager) ? undefined : "unknown");
  const next =
    repeats === undefined
      ? "what is there now counts; teal status shows who serves"
      : ruleFor(field, repeats);
  return { is: "warns", cause: { code: "TEAL-K513", message }, next };
}
