import type { SlotSpec } from "../../../core/calls.ts";
import { otherSlot, sameRevision, type Cause, type Millis, type Slot } from "../../../core/units.ts";
import type { By } from "../../../ports/write.ts";
import type { Answer, Api, CallBy, JsonOperation } from "../api/api.ts";
import type { Deployment, KubeObject, Service } from "../api/objects.ts";
import { paths } from "../api/paths.ts";
import { ANNOTATIONS, LABELS } from "../names.ts";
import type { KubernetesSettings } from "../settings.ts";
import { renderSlot } from "../template/render.ts";
import type { RenderedRevision, SlotObjects } from "../template/rendered.ts";
import { loadRevision } from "../template/stored.ts";
import {
  annotation,
  boundsFor,
  copyFor,
  heldCopy,
  heldOf,
  holding,
  ownBounds,
  type Governor,
} from "./autoscaler.ts";
import { marksOf } from "./fenced.ts";
import { governorOf, serviceOf, sourceFor, type Picture, type Reader } from "./picture.ts";
import { isReplica } from "./pods.ts";
import { isAdopted, revisionOf, slotRevision, templateEditors } from "./revision.ts";
import { wantedOf, type Place } from "./state.ts";
import type { Next, Writer } from "./writer.ts";

export interface SlotsContext {
  readonly api: Api;
  readonly settings: KubernetesSettings;
  readonly reader: Reader;
  readonly writer: Writer;
}

/**
 * One thing at a time that a slot lacks to be what is wanted, in this order: nothing of another revision, its
 * Deployment (made with no replicas), its Service, autoscalers that keep their hands off, and last its size.
 */
export class Ensure {
  readonly #of: SlotsContext;
  readonly #slot: Slot;
  readonly #want: SlotSpec;
  readonly #by: By;
  #rendered: RenderedRevision | undefined;

  constructor(of: SlotsContext, slot: Slot, want: SlotSpec, by: By) {
    this.#of = of;
    this.#slot = slot;
    this.#want = want;
    this.#by = by;
  }

  async next(picture: Picture, call: CallBy): Promise<Next> {
    const place = picture.places[this.#slot];
    const other = occupant(place, this.#want);
    if (other !== undefined) return { next: "refuse", cause: other };
    const { deployment } = place;
    const runs = deployment !== undefined && sameRevision(slotRevision(deployment), this.#want.revision);
    if (!runs) return this.#place(deployment, call);
    return (
      (await this.#service(picture, deployment, call)) ??
      this.#govern(picture, deployment) ??
      this.#keepOther(picture) ??
      this.#size(deployment)
    );
  }

  /** A Deployment for the revision: a new one, or the empty one that ran another. */
  async #place(deployment: Deployment | undefined, call: CallBy): Promise<Next> {
    if (deployment !== undefined && isAdopted(deployment)) return this.#letGo(deployment);
    const owners = deployment === undefined ? [] : templateEditors(deployment).filter(isTool);
    if (deployment !== undefined && owners.length > 0)
      return { next: "refuse", cause: owned(deployment, owners) };
    const objects = await this.#objects(call);
    if ("next" in objects) return objects;
    return deployment === undefined ? this.#create(objects) : this.#replace(deployment, objects);
  }

  #create({ deployment }: SlotObjects): Next {
    const { api, reader } = this.#of;
    const path = paths.deployments(api.namespace);
    const { metadata, spec } = deployment;
    const body = {
      ...deployment,
      metadata: {
        ...metadata,
        annotations: { ...metadata.annotations, ...marksOf(this.#by.fence, this.#by.intent) },
      },
      spec: { ...spec, replicas: 0 },
    };
    const write = async (call: CallBy) =>
      putting(reader, path, await api.create<Deployment>(path, body, call));
    return { next: "write", makes: true, write };
  }

  /**
   * The whole specification is replaced, so that nothing of an earlier revision or of somebody's edit stays in it;
   * the marks of those edits (managed fields) go with them.
   */
  #replace(seen: Deployment, { deployment }: SlotObjects): Next {
    const { selector } = seen.spec;
    const editors = templateEditors(seen);
    const kept = (seen.metadata.managedFields ?? []).filter(({ manager }) => !editors.includes(manager));
    const { labels = {}, annotations = {} } = deployment.metadata;
    const operations: readonly JsonOperation[] = [
      { op: "add", path: "/spec", value: { ...deployment.spec, selector, replicas: 0 } },
      { op: "add", path: "/metadata/labels", value: labels },
      ...Object.entries(annotations).map(([name, value]): JsonOperation => ({
        op: "add",
        path: annotation(name),
        value,
      })),
      ...(editors.length === 0
        ? []
        : [{ op: "replace", path: "/metadata/managedFields", value: kept } as const]),
    ];
    return { next: "write", write: this.#of.writer.patchDeployment(seen, this.#by, operations) };
  }

  /** An adopted Deployment is only ever scaled: another revision gets a Deployment of its own beside it. */
  #letGo(seen: Deployment): Next {
    const labels = [LABELS.service, LABELS.slot].filter((key) => seen.metadata.labels?.[key] !== undefined);
    const notes = [ANNOTATIONS.adopted, ANNOTATIONS.revision, ANNOTATIONS.selector].filter(
      (key) => seen.metadata.annotations?.[key] !== undefined,
    );
    const operations: readonly JsonOperation[] = [
      ...labels.map((key): JsonOperation => ({ op: "remove", path: pointer("labels", key) })),
      // With the fence and the intent of this very patch: it is nobody's from now on.
      ...[...notes, ANNOTATIONS.epoch, ANNOTATIONS.intent].map((key): JsonOperation => ({
        op: "remove",
        path: pointer("annotations", key),
      })),
    ];
    return { next: "write", makes: true, write: this.#of.writer.patchDeployment(seen, this.#by, operations) };
  }

  async #service(picture: Picture, deployment: Deployment, call: CallBy): Promise<Next | undefined> {
    const { api, reader, settings } = this.#of;
    // An adopted Deployment is reached by the Service that it had.
    if (serviceOf(picture, settings.service, this.#slot) !== undefined || isAdopted(deployment))
      return undefined;
    const objects = await this.#objects(call);
    if ("next" in objects) return objects;
    const path = paths.services(api.namespace);
    const at = paths.services(api.namespace, objects.service.metadata.name);
    const write = async (by: CallBy) =>
      putting(
        reader,
        path,
        await api.patch<Service>(at, { by: "apply", body: objects.service, force: false }, by),
      );
    return { next: "write", write };
  }

  /** The slot's own autoscaler, held before there is anything that it could scale: at no replicas it is inert. */
  #govern(picture: Picture, deployment: Deployment): Next | undefined {
    const own = governorOf(picture, this.#slot);
    const replicas = Math.max(this.#want.replicas, wantedOf(deployment));
    if (own !== undefined) return this.#hold(own, replicas);
    const { api, reader, settings } = this.#of;
    const source = sourceFor(picture, this.#slot, settings);
    if (source === undefined) return undefined;
    const object = copyFor(source, settings.service, this.#slot, deployment.metadata.name);
    const copy = { of: source.of, object };
    const body = heldCopy(copy, boundsFor(ownBounds(copy), replicas, "atLeast"));
    const marked = {
      ...body,
      metadata: {
        ...body.metadata,
        annotations: { ...body.metadata.annotations, ...marksOf(this.#by.fence) },
      },
    };
    const path = source.of.path(api.namespace);
    const write = async (call: CallBy) => putting(reader, path, await api.create(path, marked, call));
    return { next: "write", write };
  }

  /** The slot that is not touched gets no smaller meanwhile, whatever its load: it is what one goes back to. */
  #keepOther(picture: Picture): Next | undefined {
    const other = otherSlot(this.#slot);
    const governor = governorOf(picture, other);
    const replicas = wantedOf(picture.places[other].deployment);
    if (governor === undefined || replicas === 0) return undefined;
    const held = heldOf(governor);
    if (held?.is.min !== undefined && held.is.min >= replicas) return undefined;
    return this.#hold(governor, replicas);
  }

  #hold(governor: Governor, replicas: number): Next | undefined {
    const operations = holding(governor, boundsFor(ownBounds(governor), replicas, "atLeast"));
    if (operations.length === 0) return undefined;
    return { next: "write", write: this.#of.writer.patchGovernor(governor, this.#by, operations) };
  }

  #size(deployment: Deployment): Next {
    const { replicas } = this.#want;
    if (wantedOf(deployment) >= replicas) return { next: "done" };
    const write = this.#of.writer.patchDeployment(deployment, this.#by, [
      { op: "add", path: "/spec/replicas", value: replicas },
    ]);
    return { next: "write", write };
  }

  async #objects(call: CallBy): Promise<SlotObjects | Extract<Next, { next: "refuse" }>> {
    const { api, settings } = this.#of;
    if (this.#rendered === undefined) {
      const loaded = await loadRevision(api, settings, this.#want.revision, call);
      if (loaded.is === "missing") return { next: "refuse", cause: loaded.cause };
      if (loaded.is === "unreadable") return { next: "refuse", cause: loaded.cause, retryAfter: SOON };
      this.#rendered = loaded.rendered;
    }
    return renderSlot(this.#rendered, this.#slot);
  }
}

const SOON = 500 as Millis;

/** What else is in the slot: it must be gone before the slot may change its revision. */
function occupant({ slot, deployment, pods }: Place, { revision }: SlotSpec): Cause | undefined {
  if (deployment === undefined) return undefined;
  const has = slotRevision(deployment);
  const foreign = pods.filter(isReplica).filter((pod) => {
    const runs = revisionOf(pod.metadata) ?? has;
    return !sameRevision(runs, revision);
  });
  const told = wantedOf(deployment) > 0 && !sameRevision(has, revision);
  if (!told && foreign.length === 0) return undefined;
  const what = has === undefined ? "a revision that nobody named" : `${has.id} (${has.config})`;
  const message = `${slot} (deployment/${deployment.metadata.name}) still runs ${what}: it must be empty before ${revision.id} is started there`;
  return { code: "TEAL-K203", message };
}

/** Tools that write what their source says, again and again: who overwrites them only starts a fight. */
function isTool(manager: string): boolean {
  return /helm|argocd|argo-cd|flux|kustomize-controller|terraform|pulumi/iu.test(manager);
}

function owned({ metadata }: Deployment, owners: readonly string[]): Cause {
  const message = `the pod template of deployment/${metadata.name} is also written by ${owners.join(", ")}, which would undo what is deployed. Take ${metadata.name} out of what it manages; Teal makes it from the template.`;
  return { code: "TEAL-K242", message };
}

function pointer(map: "labels" | "annotations", key: string): string {
  return annotation(key).replace("/annotations/", `/${map}/`);
}

function putting<T extends KubeObject>(reader: Reader, path: string, answer: Answer<T>): Answer<T> {
  if (answer.is === "ok") reader.put(path, answer.value);
  return answer;
}
