import type { Routing } from "../../../core/observed.ts";
import { millis, type Cause, type Fence, type Instant, type Version } from "../../../core/units.ts";
import { epochOf } from "../anchor.ts";
import type { Api, CallBy, Mirror } from "../api/api.ts";
import type { KubeObject, Labels, Service } from "../api/objects.ts";
import { paths } from "../api/paths.ts";
import { namedService, slotDeployments } from "../look.ts";
import { LABELS } from "../names.ts";
import type { Guarded } from "../routing/guarded.ts";
import type { KubernetesSettings } from "../settings.ts";
import { sameSelector, slotsOf, versionOf, weightsOf, type BothSlots } from "./selectors.ts";
import { absent, LATE, restless, unusable } from "./words.ts";

/** The live Service, read for what it says about the two slots. */
export interface ServiceView {
  readonly service: Service;
  readonly slots: BothSlots;
  readonly epoch: Fence;
  readonly routing: Routing;
  /** Changes with the epoch and the selector, with nothing else. */
  readonly version: Version;
}

export type ReadView =
  | { readonly is: "seen"; readonly view: ServiceView; readonly at: Instant }
  | { readonly is: "unreadable"; readonly cause: Cause };

type Look = Parameters<Mirror<Service>["read"]>[0];

/** What was watched is asked for again when nothing was heard for so long; what takes longer is not waited for. */
export const FRESH = { fresh: millis(1_000), within: millis(2_000) } as const;

/** Reads the live Service and both slots' Deployments from watches; Teal writes its selector. */
export class ServiceViews implements Guarded<Service, ServiceView, Labels> {
  readonly field = "/spec/selector";
  readonly same = sameSelector;
  readonly late = LATE;
  readonly #api: Api;
  readonly #settings: KubernetesSettings;
  readonly name: string;

  constructor(api: Api, settings: KubernetesSettings) {
    if (settings.routing.by !== "service")
      throw new Error("a Service router needs settings that name a Service");
    this.#api = api;
    this.#settings = settings;
    this.name = settings.routing.service;
  }

  get path(): string {
    return paths.services(this.#api.namespace, this.name);
  }

  /**
   * As last heard of: at most `fresh` ago, which costs a request only when a watch was silent. Without `fresh` it may
   * be of any age, for a write that tests what it was decided on.
   */
  async read(call: Look): Promise<ReadView> {
    const seen = await this.#mirror().read(call);
    if (seen.is === "unreadable") return seen;
    const service = seen.items.find((item) => item.metadata.name === this.name);
    if (service === undefined) return { is: "unreadable", cause: absent(this.name, this.#api.place) };
    return this.#view(service, seen.at, call);
  }

  /** Asked of the API server itself: after a write was refused because something changed. */
  async readAgain(call: CallBy): Promise<ReadView> {
    const answer = await this.#api.get<Service>(this.path, call);
    if (answer.is === "absent") return { is: "unreadable", cause: absent(this.name, this.#api.place) };
    if (answer.is !== "ok") return { is: "unreadable", cause: answer.cause };
    return this.took(answer.value, call);
  }

  /** The Service as a write answered it. */
  async took(service: Service, call: CallBy): Promise<ReadView> {
    this.#mirror().put(service);
    return this.#view(service, Date.now() as Instant, call);
  }

  objectOf({ service }: ServiceView): KubeObject {
    return service;
  }

  contentOf({ service }: ServiceView): Labels | undefined {
    return service.spec.selector;
  }

  restless(attempts: number): Cause {
    return restless(this.name, attempts);
  }

  #mirror() {
    const fields = `metadata.name=${this.name}`;
    return this.#api.mirror<Service>(paths.services(this.#api.namespace), { fields });
  }

  async #view(service: Service, at: Instant, call: Look): Promise<ReadView> {
    const cause = unusable(service, this.#api.place);
    if (cause !== undefined) return { is: "unreadable", cause };
    const from = { api: this.#api, settings: this.#settings, users: namedService(this.#settings) };
    const deployments = await slotDeployments(from, "mirrored", call);
    if (deployments.is === "unreadable") return deployments;
    const slots = slotsOf(this.#settings.service, deployments.deployments);
    return {
      is: "seen",
      view: viewOf(service, slots, this.#settings.service),
      at: at < deployments.at ? at : deployments.at,
    };
  }
}

/** @param name of what users call the service, which the selectors of Teal carry. */
export function viewOf(service: Service, slots: BothSlots, name: string): ServiceView {
  const weights = weightsOf(service.spec.selector, slots);
  const raw = {
    selector: service.spec.selector,
    ...(isForeign(service, slots, name) ? { reaches: "no pod of a slot" } : {}),
  };
  const { name: id } = service.metadata;
  return {
    service,
    slots,
    epoch: epochOf(service),
    routing: { weights, rules: [{ id: `service/${id}`, weights, raw: JSON.stringify(raw) }] },
    version: versionOf(service),
  };
}

/** Somebody else's selector: users may well be served by it, but by no slot. */
export function isForeign(service: Service, slots: BothSlots, name: string): boolean {
  const weights = weightsOf(service.spec.selector, slots);
  const nobody = weights !== "pool" && weights.blue + weights.green === 0;
  return nobody && service.spec.selector?.[LABELS.service] !== name;
}
