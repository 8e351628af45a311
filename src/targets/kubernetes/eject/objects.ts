import type { Cause } from "../../../core/units.ts";
import { unmarking } from "../adoption/adoption.ts";
import type { Api, CallBy } from "../api/api.ts";
import type { Deployment, KubeObject } from "../api/objects.ts";
import { paths } from "../api/paths.ts";
import { LABELS, PARTS, leaseName } from "../names.ts";
import type { Right } from "../preflight/rights.ts";
import { KINDS, ownBounds, boundsOf, heldOf, type Autoscaler } from "../slots/autoscaler.ts";
import { isAdopted } from "../slots/revision.ts";
import { referencesOf } from "../template/references.ts";

/*
 * Everything in the namespace that exists or bears marks because of Teal. What Teal made has the label of its service;
 * what was there before has marks on it.
 */

/** What leaving needs beside the rights of deployments: nothing else ever deletes these. */
export const LEAVING: readonly Right[] = [
  { group: "apps", resource: "deployments", verbs: ["delete"], why: "slots are removed", need: "must" },
  { group: "", resource: "services", verbs: ["delete"], why: "slots' Services are removed", need: "must" },
  {
    group: "coordination.k8s.io",
    resource: "leases",
    verbs: ["delete"],
    why: "the service's Lease is removed",
    need: "must",
  },
];

interface Listed {
  readonly kind: string;
  readonly path: string;
  readonly object: KubeObject;
}

/** What goes when a service leaves Teal, and what only loses its marks. */
export interface Belongings {
  /** In the order in which they go: what moves first, what lets the next run find the rest last. */
  readonly remove: readonly Listed[];
  readonly unmark: readonly Listed[];
}

export type Found =
  | { readonly is: "found"; readonly belongings: Belongings }
  | { readonly is: "unreadable"; readonly cause: Cause };

/**
 * @param keep names of Deployments and Services that stay: they only lose their marks.
 * What the Deployment that stays names, such as copies of ConfigMaps, stays with it.
 */
export async function belongingsOf(
  api: Api,
  service: string,
  keep: { readonly deployment: string; readonly service: string },
  call: CallBy,
): Promise<Found> {
  const { namespace } = api;
  const labels = `${LABELS.service}=${service}`;
  let failed: Cause | undefined;
  // Of a kind that the cluster does not know, the right to list it is missing too.
  const keda = await api.get(`/apis/${KINDS.keda.apiVersion}`, call);
  if (keda.is !== "ok" && keda.is !== "absent") return { is: "unreadable", cause: keda.cause };
  const list = async (kind: string, path: string, select: { labels?: string; fields?: string }) => {
    const answer = await api.list<KubeObject>(path, select, call);
    if (answer.is !== "ok") failed ??= answer.cause;
    const items = answer.is === "ok" ? answer.value.items : [];
    return items.map((object): Listed => ({ kind, path: `${path}/${object.metadata.name}`, object }));
  };
  const [deployments, kept, services, users, hpas, scaled, configMaps, secrets, leases] = await Promise.all([
    list("Deployment", paths.deployments(namespace), { labels }),
    list("Deployment", paths.deployments(namespace), { fields: `metadata.name=${keep.deployment}` }),
    list("Service", paths.services(namespace), { labels }),
    list("Service", paths.services(namespace), { fields: `metadata.name=${keep.service}` }),
    list("HorizontalPodAutoscaler", paths.autoscalers(namespace), {}),
    keda.is === "ok" ? list("ScaledObject", KINDS.keda.path(namespace, undefined), {}) : [],
    list("ConfigMap", paths.configMaps(namespace), { labels }),
    list("Secret", paths.secrets(namespace), { labels }),
    list("Lease", paths.leases(namespace), { fields: `metadata.name=${leaseName(service)}` }),
  ]);
  if (failed !== undefined) return { is: "unreadable", cause: failed };
  const ours = ({ object }: Listed) => object.metadata.labels?.[LABELS.service] === service;
  const stays = ({ kind, object }: Listed) =>
    (kind === "Deployment" &&
      (object.metadata.name === keep.deployment || isAdopted(object as Deployment))) ||
    (kind === "Service" && object.metadata.name === keep.service);
  const references = kept.flatMap(({ object }) => referencesOf((object as Deployment).spec.template.spec));
  const named = new Set(references.map(({ kind, name }) => `${kind}/${name}`));
  const used = ({ kind, object }: Listed) => named.has(`${kind}/${object.metadata.name}`);
  const content = [...configMaps, ...secrets];
  const journal = (each: Listed) => each.object.metadata.labels?.[LABELS.part] === PARTS.journal;
  const scalers = [...hpas, ...scaled];
  return {
    is: "found",
    belongings: {
      remove: [
        ...scalers.filter(ours),
        ...deployments.filter((each) => !stays(each)),
        ...services.filter((each) => !stays(each)),
        ...content.filter((each) => !used(each) && !journal(each)),
        ...content.filter((each) => !used(each) && journal(each)),
        ...leases,
      ],
      unmark: [
        ...deployments.filter(stays),
        ...kept,
        ...users,
        ...scalers.filter((each) => !ours(each)),
        ...content.filter(used),
      ].filter(
        (each, index, all) =>
          isMarked(each.object) && all.findIndex(({ path }) => path === each.path) === index,
      ),
    },
  };
}

function isMarked({ metadata: { labels, annotations } }: KubeObject): boolean {
  return [...Object.keys(labels ?? {}), ...Object.keys(annotations ?? {})].some((key) =>
    key.startsWith("teal.dev/"),
  );
}

/** Takes the marks off, and removes the rest in order. Repeating it goes on where it stopped. */
export async function giveUp(
  api: Api,
  { remove, unmark }: Belongings,
  call: CallBy,
): Promise<Cause | undefined> {
  for (const each of unmark) {
    const failed = await unmarkOne(api, each, call);
    if (failed !== undefined) return failed;
  }
  for (const { path, object } of remove) {
    const { uid } = object.metadata;
    const answer = await api.remove(path, { ...(uid && { uid }), propagation: "Background" }, call);
    if (answer.is !== "ok" && answer.is !== "absent") return answer.cause;
  }
  return undefined;
}

const TRIES = 6;

async function unmarkOne(api: Api, { kind, path, object }: Listed, call: CallBy): Promise<Cause | undefined> {
  let seen = object;
  for (let tries = 1; ; tries++) {
    const patch = unmarking(seen as Deployment);
    const bounds = kind in KINDS_BY_NAME ? released(kind, seen as Autoscaler) : {};
    const body = patch.by === "merge" ? { ...patch.body, ...bounds } : {};
    const answer = await api.patch(path, { by: "merge", body }, call);
    if (answer.is === "ok" || answer.is === "absent") return undefined;
    if (answer.is !== "refused" || answer.status !== 409 || tries === TRIES) return answer.cause;
    const again = await api.get<KubeObject>(path, call);
    if (again.is === "absent") return undefined;
    if (again.is !== "ok") return again.cause;
    seen = again.value;
  }
}

const KINDS_BY_NAME = { HorizontalPodAutoscaler: KINDS.hpa, ScaledObject: KINDS.keda } as const;

/** Bounds that a deployment held go back to what their owner gave. */
function released(kind: string, object: Autoscaler): object {
  const of = KINDS_BY_NAME[kind as keyof typeof KINDS_BY_NAME];
  const governor = { of, object };
  if (heldOf(governor) === undefined) return {};
  const own = ownBounds(governor);
  const now = boundsOf(governor);
  const set = (field: string, value: number | undefined, before: number | undefined) =>
    value === before ? {} : { [field]: value ?? null };
  return { spec: { ...set(of.min, own.min, now.min), ...set(of.max, own.max, now.max) } };
}
