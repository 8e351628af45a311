import { sameRevision, type Cause, type Instant, type Revision } from "../../core/units.ts";
import type { Answer, CallBy, List } from "./api/api.ts";
import type { ConfigMap, Deployment, KubeObject, Secret } from "./api/objects.ts";
import { paths } from "./api/paths.ts";
import { ANNOTATIONS, LABELS, PARTS } from "./names.ts";
import type { PrepareWith } from "./prepare.ts";
import type { RenderedRevision } from "./template/rendered.ts";
import { unneededCopies } from "./template/snapshot.ts";
import { parseStored } from "./template/stored.ts";

/** Whoever prepares a revision writes its copies first; within so long (ms) they belong to one that is on its way. */
const FRESH = 60 * 60 * 1000;

export type Pruned =
  /** Names of what is gone: `ConfigMap teal-shop-r-...`. */
  | { readonly is: "pruned"; readonly removed: readonly string[] }
  | { readonly is: "refused"; readonly cause: Cause };

/** The API server did not do it: nothing more is removed. */
class NotDone extends Error {
  readonly answer: Cause;
  constructor(answer: Cause) {
    super(answer.message);
    this.answer = answer;
  }
}

/**
 * Removes stored revisions that neither `keep` nor a slot names, and copies that nothing kept needs. Nothing goes that
 * was prepared within the last hour, nor, when a kept revision cannot be read, any copy.
 */
export async function pruneRevisions(
  using: Pick<PrepareWith, "api" | "settings" | "clock">,
  keep: readonly Revision[],
  signal: AbortSignal,
): Promise<Pruned> {
  try {
    return { is: "pruned", removed: await prune(using, keep, { signal }) };
  } catch (error) {
    if (error instanceof NotDone) return { is: "refused", cause: error.answer };
    throw error;
  }
}

async function prune(
  { api, settings, clock }: Pick<PrepareWith, "api" | "settings" | "clock">,
  keep: readonly Revision[],
  call: CallBy,
): Promise<readonly string[]> {
  const { namespace, service } = settings;
  const labels = `${LABELS.service}=${service}`;
  const all = async <T extends KubeObject>(path: string, kind: string, part?: string) => {
    const select = { labels: part === undefined ? labels : `${labels},${LABELS.part}=${part}` };
    const { items } = seen(await api.list<T>(path, select, call));
    // Items of a list do not say what they are.
    return items.map((item) => ({ ...item, kind }));
  };
  const now = clock.now();
  const gone: string[] = [];
  const remove = async (object: KubeObject, path: string) => {
    const { name, uid, resourceVersion } = object.metadata;
    const same = {
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
    };
    const answer = await api.remove(path, same, call);
    // Changed since it was listed: somebody needs it again.
    if (answer.is === "absent" || (answer.is === "refused" && answer.status === 409)) return;
    if (answer.is !== "ok") throw new NotDone(answer.cause);
    gone.push(`${object.kind} ${name}`);
  };

  const slots = await all<Deployment>(paths.deployments(namespace), "Deployment");
  const told = slots.flatMap(
    ({ metadata }) => revisionIn(metadata.annotations?.[ANNOTATIONS.revision]) ?? [],
  );
  const needed = [...keep, ...told];
  const stored = await all<ConfigMap>(paths.configMaps(namespace), "ConfigMap", PARTS.revision);
  const kept: RenderedRevision[] = [];
  for (const object of stored) {
    const revision = revisionIn(object.metadata.annotations?.[ANNOTATIONS.revision]);
    const isNeeded = revision !== undefined && needed.some((each) => sameRevision(each, revision));
    if (revision !== undefined && (isNeeded || isFresh(object.metadata.creationTimestamp, now))) {
      const read = parseStored(object, revision);
      if (read.is !== "found") throw new NotDone(read.cause);
      kept.push(read.rendered);
    } else if (!isFresh(object.metadata.creationTimestamp, now))
      await remove(object, paths.configMaps(namespace, object.metadata.name));
  }

  const copies = [
    ...(await all<ConfigMap>(paths.configMaps(namespace), "ConfigMap", PARTS.copy)),
    ...(await all<Secret>(paths.secrets(namespace), "Secret", PARTS.copy)),
  ];
  const unneeded = unneededCopies<KubeObject>(
    copies,
    kept,
    slots.map(({ spec }) => spec.template),
  );
  for (const object of unneeded) {
    const { name, creationTimestamp, annotations } = object.metadata;
    if (isFresh(annotations?.[ANNOTATIONS.prepared] ?? creationTimestamp, now)) continue;
    await remove(object, (object.kind === "Secret" ? paths.secrets : paths.configMaps)(namespace, name));
  }
  return gone;
}

function seen<T>(answer: Answer<List<T>>): List<T> {
  if (answer.is !== "ok") throw new NotDone(answer.cause);
  return answer.value;
}

/** A time that cannot be read is taken for now: what is kept for too long harms nobody. */
function isFresh(time: string | undefined, now: Instant): boolean {
  const at = Date.parse(time ?? "");
  return Number.isNaN(at) || now - at < FRESH;
}

function revisionIn(text: string | undefined): Revision | undefined {
  if (text === undefined) return undefined;
  try {
    const { id, config } = JSON.parse(text) as Partial<Revision>;
    return typeof id === "string" && typeof config === "string" ? { id, config } : undefined;
  } catch {
    return undefined;
  }
}
