import { instant, millis, type Cause, type Instant, type Slot } from "../../../core/units.ts";
import type { Api, CallBy } from "../api/api.ts";
import type { Deployment, KubeObject, LabelSelector, Pod, ReplicaSet, Service } from "../api/objects.ts";
import { paths } from "../api/paths.ts";
import { slotDeployments, type LookFrom } from "../look.ts";
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
  /** A Deployment of `places` that serves already and is a slot only in our eyes: the first write is to mark it. */
  readonly adopting?: Deployment;
  readonly at: Instant;
}

export type Pictured =
  | { readonly is: "seen"; readonly picture: Picture }
  | { readonly is: "unreadable"; readonly cause: Cause };

/** What is shown was true at most so long ago (ms): a watch that went silent is noticed by then. */
const FRESH = millis(10_000);

/** Reads a service's slots: by mirrors for looking, by asking the API server where a write is to be decided. */
export class Reader {
  readonly #api: Api;
  readonly #settings: KubernetesSettings;
  readonly #users: LookFrom["users"];
  /** Whether the cluster knows ScaledObjects; asked once. */
  #keda: boolean | undefined;

  constructor(api: Api, settings: KubernetesSettings, users: LookFrom["users"]) {
    this.#api = api;
    this.#settings = settings;
    this.#users = users;
  }

  /** @param how `asked`: Deployments, Services and autoscalers are what the API server answers now. */
  async read(how: "mirrored" | "asked", by: CallBy): Promise<Pictured> {
    try {
      return { is: "seen", picture: await this.#picture(how, by) };
    } catch (error) {
      if (error instanceof Unreadable) return { is: "unreadable", cause: error.why };
      throw error;
    }
  }

  async #picture(how: "mirrored" | "asked", by: CallBy): Promise<Picture> {
    const { namespace } = this.#api;
    const pool = textOf(poolLabels(this.#settings.service));
    const kinds = await this.#kinds(by);
    const [deployments, services, ...governors] = await Promise.all([
      this.#deployments(how, by),
      this.#list<Service>(how, paths.services(namespace), pool, by),
      ...kinds.map(async (of) => {
        const { items } = await this.#list<Autoscaler>(how, of.path(namespace), undefined, by);
        return items.map((object) => ({ of, object }));
      }),
    ]);
    const [blue, green] = await Promise.all([
      this.#place("blue", deployments.deployments, by),
      this.#place("green", deployments.deployments, by),
    ]);
    return {
      places: { blue, green },
      governors: governors.flat(),
      services: services.items,
      ...(deployments.adopting === undefined ? {} : { adopting: deployments.adopting }),
      at: deployments.at,
    };
  }

  async #deployments(how: "mirrored" | "asked", by: CallBy) {
    const from = { api: this.#api, settings: this.#settings, users: this.#users };
    const seen = await slotDeployments(from, how, how === "mirrored" ? { ...by, fresh: FRESH } : by);
    if (seen.is === "unreadable") throw new Unreadable(seen.cause);
    return seen;
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

  async #place(slot: Slot, deployments: readonly Deployment[], by: CallBy): Promise<Place> {
    const { namespace } = this.#api;
    const deployment = deploymentOf(slot, deployments);
    if (deployment === undefined) return { slot, pods: [] };
    const labels = this.#selection(deployment.spec.selector);
    const [replicaSets, pods] = await Promise.all([
      this.#list<ReplicaSet>("mirrored", paths.replicaSets(namespace), labels, by),
      this.#list<Pod>("mirrored", paths.pods(namespace), labels, by),
    ]);
    const sets = ownedBy(replicaSets.items, [deployment]);
    return { slot, deployment, pods: ownedBy(pods.items, sets) };
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
  ): Promise<{ readonly items: readonly T[]; readonly at: Instant }> {
    const select = labels === undefined ? {} : { labels };
    if (how === "mirrored") {
      const seen = await this.#api.mirror<T>(path, select).read({ ...by, fresh: FRESH });
      if (seen.is === "unreadable") throw new Unreadable(seen.cause);
      return seen;
    }
    const answer = await this.#api.list<T>(path, select, by);
    if (answer.is !== "ok") throw new Unreadable(answer.cause);
    return { items: answer.value.items, at: instant(Date.now()) };
  }

  async #kinds(by: CallBy): Promise<readonly AutoscalerKind[]> {
    if (this.#keda === undefined) {
      const found = await this.#api.get<KubeObject>("/apis/keda.sh/v1alpha1", by);
      if (found.is !== "ok" && found.is !== "absent") throw new Unreadable(found.cause);
      this.#keda = found.is === "ok";
    }
    return this.#keda ? [KINDS.hpa, KINDS.keda] : [KINDS.hpa];
  }
}

/** Ends a look of several reads; caught where the look began. */
class Unreadable extends Error {
  readonly why: Cause;

  constructor(why: Cause) {
    super(why.message);
    this.why = why;
  }
}

/** Deployments and Services are known by Teal's labels; autoscalers by what they scale. */
function isSelected(path: string): boolean {
  return /\/(?:deployments|services)$/u.test(path);
}

/** The picture after a write that answered this object: its slot's Deployment, a slot's Service or an autoscaler. */
export function withObject(picture: Picture, object: KubeObject): Picture {
  const same = (each: KubeObject) => each.metadata.uid === object.metadata.uid;
  if (object.kind === "Deployment") {
    const { blue, green } = picture.places;
    const put = (place: Place): Place =>
      place.deployment !== undefined && same(place.deployment)
        ? { ...place, deployment: object as Deployment }
        : place;
    const { adopting, ...rest } = picture;
    const still = adopting === undefined || same(adopting) ? {} : { adopting };
    return { ...rest, ...still, places: { blue: put(blue), green: put(green) } };
  }
  if (object.kind === "Service")
    return { ...picture, services: [...picture.services.filter((each) => !same(each)), object as Service] };
  const of = Object.values(KINDS).find(({ kind }) => kind === object.kind);
  if (of === undefined) throw new Error(`a slot has no ${object.kind}`);
  const governor = { of, object: object as Autoscaler };
  return { ...picture, governors: [...picture.governors.filter((each) => !same(each.object)), governor] };
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
