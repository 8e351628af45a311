import { SLOTS, instant, millis, type Cause, type Instant, type Slot } from "../../../core/units.ts";
import type { Answer, Api, CallBy, List } from "../api/api.ts";
import type { Deployment, KubeObject, LabelSelector, Pod, ReplicaSet, Service } from "../api/objects.ts";
import { paths } from "../api/paths.ts";
import { LABELS, poolLabels, slotName } from "../names.ts";
import { textOf } from "../service-router/selectors.ts";
import type { KubernetesSettings } from "../settings.ts";
import { KINDS, governs, type Autoscaler, type AutoscalerKind, type Governor } from "./autoscaler.ts";
import { ownedBy, type Place } from "./state.ts";

/** Both slots with everything that has a say in them. */
export interface Picture {
  readonly places: Readonly<Record<Slot, Place>>;
  readonly governors: readonly Governor[];
  /** Slot Services. */
  readonly services: readonly Service[];
  readonly at: Instant;
}

export type Pictured =
  | { readonly is: "seen"; readonly picture: Picture }
  | { readonly is: "unreadable"; readonly cause: Cause };

/** What is shown was true at most so long ago (ms): a watch that went silent is noticed by then. */
const FRESH = millis(10_000);

type Listed<T> =
  | { readonly is: "seen"; readonly items: readonly T[]; readonly at: Instant }
  | { readonly is: "unreadable"; readonly cause: Cause };

/** Reads a service's slots: by mirrors for looking, by asking the API server where a write is to be decided. */
export class Reader {
  readonly #api: Api;
  readonly #settings: KubernetesSettings;
  /** Whether the cluster knows ScaledObjects; asked once. */
  #keda: boolean | undefined;

  constructor(api: Api, settings: KubernetesSettings) {
    this.#api = api;
    this.#settings = settings;
  }

  /** @param how `asked`: Deployments, Services and autoscalers are what the API server answers now. */
  async read(how: "mirrored" | "asked", by: CallBy): Promise<Pictured> {
    const { namespace } = this.#api;
    const pool = textOf(poolLabels(this.#settings.service));
    const kinds = await this.#kinds(by);
    if ("code" in kinds) return { is: "unreadable", cause: kinds };
    const [deployments, services, ...autoscalers] = await Promise.all([
      this.#list<Deployment>(how, paths.deployments(namespace), pool, by),
      this.#list<Service>(how, paths.services(namespace), pool, by),
      ...kinds.map((kind) => this.#list<Autoscaler>(how, kind.path(namespace), undefined, by)),
    ]);
    const unreadable = [deployments, services, ...autoscalers].find((each) => each.is === "unreadable");
    if (unreadable?.is === "unreadable") return unreadable;
    if (deployments.is === "unreadable" || services.is === "unreadable") return deployments as Pictured & Listed<never>;
    const places = await Promise.all(SLOTS.map((slot) => this.#place(slot, deployments.items, by)));
    const [blue, green] = places;
    if (blue?.is !== "seen") return blue ?? deployments as never;
    if (green?.is !== "seen") return green ?? deployments as never;
    const governors = kinds.flatMap((of, index) => {
      const listed = autoscalers[index];
      return listed?.is === "seen" ? listed.items.map((object) => ({ of, object })) : [];
    });
    return {
      is: "seen",
      picture: {
        places: { blue: blue.place, green: green.place },
        governors,
        services: services.items,
        at: deployments.at,
      },
    };
  }

  /** Makes the answer of an own write visible to the next look. `path`: of the kind. */
  put(path: string, object: KubeObject): void {
    const mirror = this.#mirror(path);
    // A Deployment that was let go is in no slot any more.
    if (isSelected(path) && object.metadata.labels?.[LABELS.service] === undefined)
      mirror.drop(object.metadata.uid ?? "");
    else mirror.put(object);
  }

  drop(path: string, uid: string): void {
    this.#mirror(path).drop(uid);
  }

  #mirror(path: string) {
    const pool = textOf(poolLabels(this.#settings.service));
    return this.#api.mirror(path, isSelected(path) ? { labels: pool } : {});
  }

  async #place(
    slot: Slot,
    deployments: readonly Deployment[],
    by: CallBy,
  ): Promise<{ is: "seen"; place: Place } | { is: "unreadable"; cause: Cause }> {
    const { namespace } = this.#api;
    const deployment = deploymentOf(slot, deployments);
    if (deployment === undefined) return { is: "seen", place: { slot, replicaSets: [], pods: [] } };
    const labels = this.#selection(deployment.spec.selector);
    const [replicaSets, pods] = await Promise.all([
      this.#list<ReplicaSet>("mirrored", paths.replicaSets(namespace), labels, by),
      this.#list<Pod>("mirrored", paths.pods(namespace), labels, by),
    ]);
    if (replicaSets.is === "unreadable") return replicaSets;
    if (pods.is === "unreadable") return pods;
    const sets = ownedBy(replicaSets.items, [deployment.metadata.uid]);
    const own = ownedBy(pods.items, sets.map(({ metadata }) => metadata.uid));
    return { is: "seen", place: { slot, deployment, replicaSets: sets, pods: own } };
  }

  /** Both slots made by Teal are in one selection, hence one watch; an adopted Deployment needs its own. */
  #selection(selector: LabelSelector): string {
    const { service } = this.#settings;
    return selector.matchLabels?.[LABELS.service] === service
      ? textOf(poolLabels(service))
      : selectorText(selector);
  }

  async #list<T extends KubeObject>(
    how: "mirrored" | "asked",
    path: string,
    labels: string | undefined,
    by: CallBy,
  ): Promise<Listed<T>> {
    const select = labels === undefined ? {} : { labels };
    if (how === "mirrored") return this.#api.mirror<T>(path, select).read({ ...by, fresh: FRESH });
    const answer: Answer<List<T>> = await this.#api.list<T>(path, select, by);
    if (answer.is === "ok") return { is: "seen", items: answer.value.items, at: instant(Date.now()) };
    return { is: "unreadable", cause: answer.cause };
  }

  async #kinds(by: CallBy): Promise<readonly AutoscalerKind[] | Cause> {
    if (this.#keda === undefined) {
      const found = await this.#api.get<KubeObject>("/apis/keda.sh/v1alpha1", by);
      if (found.is !== "ok" && found.is !== "absent") return found.cause;
      this.#keda = found.is === "ok";
    }
    return this.#keda ? [KINDS.hpa, KINDS.keda] : [KINDS.hpa];
  }
}

/** Deployments and Services are known by Teal's labels; autoscalers by what they scale. */
function isSelected(path: string): boolean {
  return /\/(?:deployments|services)$/u.test(path);
}

/** The picture after a write that answered this object: its slot's Deployment, a slot's Service or an autoscaler. */
export function withObject(picture: Picture, object: KubeObject): Picture {
  const same = (each: KubeObject) => each.metadata.uid === object.metadata.uid;
  switch (object.kind) {
    case "Deployment": {
      const { places } = picture;
      const put = (place: Place): Place =>
        place.deployment !== undefined && same(place.deployment)
          ? { ...place, deployment: object as Deployment }
          : place;
      return { ...picture, places: { blue: put(places.blue), green: put(places.green) } };
    }
    case "Service":
      return { ...picture, services: [...picture.services.filter((each) => !same(each)), object as Service] };
    default: {
      const of = Object.values(KINDS).find(({ kind }) => kind === object.kind);
      if (of === undefined) throw new Error(`a slot has no ${object.kind}`);
      const governor = { of, object: object as Autoscaler };
      return { ...picture, governors: [...picture.governors.filter((each) => !same(each.object)), governor] };
    }
  }
}

/** The Deployment that is this slot, by the labels on the Deployment itself: an adopted one has a name of its own. */
export function deploymentOf(slot: Slot, deployments: readonly Deployment[]): Deployment | undefined {
  return deployments.find(({ metadata }) => metadata.labels?.[LABELS.slot] === slot);
}

/** The autoscaler that scales the slot. */
export function governorOf(picture: Picture, slot: Slot): Governor | undefined {
  const name = picture.places[slot].deployment?.metadata.name;
  return name === undefined ? undefined : picture.governors.find((each) => governs(each, name));
}

/** The autoscaler that a slot without one is to get a copy of: the template's, else the other slot's. */
export function sourceFor(picture: Picture, slot: Slot, settings: KubernetesSettings): Governor | undefined {
  const { template, service } = settings;
  const named = "deployment" in template && template.deployment !== undefined ? template.deployment : service;
  const other = slot === "blue" ? "green" : "blue";
  return picture.governors.find((each) => governs(each, named)) ?? governorOf(picture, other);
}

export function serviceOf(picture: Picture, service: string, slot: Slot): Service | undefined {
  return picture.services.find(({ metadata }) => metadata.name === slotName(service, slot));
}

/** A label selector in the notation of a query. */
export function selectorText({ matchLabels = {}, matchExpressions = [] }: LabelSelector): string {
  const equal = Object.entries(matchLabels).map(([key, value]) => `${key}=${value}`);
  const rest = matchExpressions.map(({ key, operator, values = [] }) => {
    switch (operator) {
      case "In":
        return `${key} in (${values.join(",")})`;
      case "NotIn":
        return `${key} notin (${values.join(",")})`;
      case "Exists":
        return key;
      case "DoesNotExist":
        return `!${key}`;
      default:
        return operator satisfies never;
    }
  });
  return [...equal, ...rest].join(",");
}
