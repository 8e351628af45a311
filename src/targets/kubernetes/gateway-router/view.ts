import { createHash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import type { Routing, RuleState } from "../../../core/observed.ts";
import { type Shares, soleSlot } from "../../../core/routing.ts";
import { type Cause, type Fence, type Instant, millis, type Slot, version } from "../../../core/units.ts";
import type { Version } from "../../../core/units.ts";
import { epochOf } from "../anchor.ts";
import type { Api, CallBy, Mirror } from "../api/api.ts";
import type { KubeObject, Service } from "../api/objects.ts";
import { paths } from "../api/paths.ts";
import { namedService, slotDeployments } from "../look.ts";
import { slotName } from "../names.ts";
import type { Guarded } from "../routing/guarded.ts";
import { slotsOf, weightsOf } from "../service-router/selectors.ts";
import type { KubernetesSettings } from "../settings.ts";
import type { HttpRoute, RouteRule } from "./http-route.ts";
import { type Backends, isManaged, isOriginal, isTestersRule, slotOf } from "./refs.ts";
import { exposedIn } from "./rewrite.ts";
import { meanShares, sharesOf } from "./shares.ts";
import { LATE, restless } from "./words.ts";

/** A route, read for what it says about the two slots. */
export interface RouteView {
  readonly route: HttpRoute;
  readonly rules: readonly RouteRule[];
  readonly backends: Backends;
  readonly epoch: Fence;
  /** One entry per rule that divides traffic between the slots. */
  readonly shares: readonly Shares[];
  readonly exposed?: Slot;
  readonly routing: Routing;
  /** Changes with the epoch and with what Teal owns of the route, with nothing else. */
  readonly version: Version;
}

export type ReadView =
  | { readonly is: "seen"; readonly view: RouteView; readonly at: Instant }
  | { readonly is: "unreadable"; readonly cause: Cause };

type Look = Parameters<Mirror<HttpRoute>["read"]>[0];

/** What was watched is asked for again when nothing was heard for so long; what takes longer is not waited for. */
export const FRESH = { fresh: millis(1_000), within: millis(2_000) } as const;

/** Reads one HTTPRoute from a watch, and what is needed to understand it; Teal writes its rules. */
export class RouteViews implements Guarded<HttpRoute, RouteView, readonly RouteRule[]> {
  readonly field = "/spec/rules";
  readonly late = LATE;
  readonly #api: Api;
  readonly #settings: KubernetesSettings;
  readonly #route: string;
  readonly #original: string;

  constructor(api: Api, settings: KubernetesSettings) {
    if (settings.routing.by !== "gateway")
      throw new Error("a gateway router needs settings that name a route");
    this.#api = api;
    this.#settings = settings;
    this.#route = settings.routing.route;
    this.#original = settings.routing.service ?? settings.service;
  }

  get name(): string {
    return this.#route;
  }

  /** Every Service whose references in the route are Teal's. */
  get services(): readonly string[] {
    const { service } = this.#settings;
    return [this.#original, slotName(service, "blue"), slotName(service, "green")];
  }

  get path(): string {
    return paths.httpRoutes(this.#api.namespace, this.#route);
  }

  /**
   * As last heard of: at most `fresh` ago, which costs a request only when a watch was silent. Without `fresh` it may
   * be of any age, for a write that tests what it was decided on.
   */
  async read(call: Look): Promise<ReadView> {
    const seen = await this.#mirror().read(call);
    if (seen.is === "unreadable") return seen;
    const route = seen.items.find((item) => item.metadata.name === this.#route);
    return route === undefined ? this.#absent() : this.#view(route, seen.at, call);
  }

  /** Asked of the API server itself: after a write was refused because something changed. */
  async readAgain(call: CallBy): Promise<ReadView> {
    const answer = await this.#api.get<HttpRoute>(this.path, call);
    if (answer.is === "absent") return this.#absent();
    if (answer.is !== "ok") return { is: "unreadable", cause: answer.cause };
    return this.took(answer.value, call);
  }

  /** The route as a write answered it. */
  async took(route: HttpRoute, call: CallBy): Promise<ReadView> {
    this.#mirror().put(route);
    return this.#view(route, Date.now() as Instant, call);
  }

  objectOf({ route }: RouteView): KubeObject {
    return route;
  }

  contentOf({ rules }: RouteView): readonly RouteRule[] {
    return rules;
  }

  same(a: readonly RouteRule[] | undefined, b: readonly RouteRule[] | undefined): boolean {
    return isDeepStrictEqual(a, b);
  }

  restless(attempts: number): Cause {
    return restless(this.#route, attempts);
  }

  #mirror() {
    return this.#api.mirror<HttpRoute>(paths.httpRoutes(this.#api.namespace), {
      fields: `metadata.name=${this.#route}`,
    });
  }

  #absent(): ReadView {
    const message =
      `HTTPRoute ${this.#route} does not exist in ${this.#api.place}. ` +
      "Create it, or correct kubernetes.gateway.route in teal.yaml.";
    return { is: "unreadable", cause: { code: "TEAL-K350", message } };
  }

  async #view(route: HttpRoute, at: Instant, call: Look): Promise<ReadView> {
    const { service } = this.#settings;
    const slots = { blue: slotName(service, "blue"), green: slotName(service, "green") };
    const plain: Backends = { namespace: this.#api.namespace, slots, original: this.#original };
    const rules = route.spec.rules ?? [];
    const named = rules.some((rule) => (rule.backendRefs ?? []).some((ref) => isOriginal(ref, plain)));
    if (!named) return { is: "seen", view: viewOf(route, rules, plain), at };
    const reached = await this.#originalReaches(call);
    if ("cause" in reached) return { is: "unreadable", cause: reached.cause };
    const { slot } = reached;
    const backends = slot === undefined ? plain : { ...plain, originalReaches: slot };
    return { is: "seen", view: viewOf(route, rules, backends), at };
  }

  /** The slot whose pods the original Service selects; none when they are no slot's, or of both. */
  async #originalReaches(call: Look): Promise<{ readonly slot?: Slot } | { readonly cause: Cause }> {
    const namespace = this.#api.namespace;
    const services = await this.#api
      .mirror<Service>(paths.services(namespace), { fields: `metadata.name=${this.#original}` })
      .read(call);
    if (services.is === "unreadable") return services;
    const from = { api: this.#api, settings: this.#settings, users: namedService(this.#settings) };
    const deployments = await slotDeployments(from, "mirrored", call);
    if (deployments.is === "unreadable") return deployments;
    const weights = weightsOf(
      services.items[0]?.spec.selector,
      slotsOf(this.#settings.service, deployments.deployments),
    );
    const slot = soleSlot(weights);
    return slot === undefined ? {} : { slot };
  }
}

export function viewOf(route: HttpRoute, rules: readonly RouteRule[], backends: Backends): RouteView {
  const epoch = epochOf(route);
  const managed = rules.filter((rule) => isManaged(rule, backends));
  const shares = managed.map((rule) => sharesOf(rule, backends));
  const exposed = exposedIn(rules, backends);
  return {
    route,
    rules,
    backends,
    epoch,
    shares,
    ...(exposed === undefined ? {} : { exposed }),
    routing: { weights: meanShares(shares), rules: ruleStates(rules, backends) },
    version: version(`${epoch}-${digest(owned(rules, backends))}`),
  };
}

/** The Service with which the rules reach each slot: its own, or the original one of an adopted slot. */
export function servicesOf({ rules, backends }: Pick<RouteView, "rules" | "backends">) {
  const refs = rules.filter((rule) => isManaged(rule, backends)).flatMap((rule) => rule.backendRefs ?? []);
  const name = (slot: Slot) =>
    refs.find((ref) => slotOf(ref, backends) === slot)?.name ?? backends.slots[slot];
  return { blue: name("blue"), green: name("green") };
}

function ruleStates(rules: readonly RouteRule[], backends: Backends): readonly RuleState[] {
  const states = rules
    .filter((rule) => !isTestersRule(rule))
    .map((rule, index) => ({ rule, id: rule.name ?? `rule ${index + 1}` }));
  return states
    .filter(({ rule }) => isManaged(rule, backends))
    .map(({ rule, id }) => ({ id, weights: sharesOf(rule, backends), raw: JSON.stringify(rule) }));
}

/** What Teal wrote or would write, in an order that does not depend on the fields of others. */
function owned(rules: readonly RouteRule[], backends: Backends): unknown {
  return rules
    .filter((rule) => isTestersRule(rule) || isManaged(rule, backends))
    .map((rule) => ({
      refs: (rule.backendRefs ?? [])
        .filter((ref) => slotOf(ref, backends) !== undefined || isOriginal(ref, backends))
        .map((ref) => [ref.name, ref.weight ?? 1]),
      shares: sharesOf(rule, backends),
      ...(isTestersRule(rule) ? { testers: [rule.name, rule.matches] } : {}),
      mirrors: (rule.filters ?? []).flatMap(({ requestMirror }) =>
        requestMirror === undefined ? [] : (slotOf(requestMirror.backendRef, backends) ?? []),
      ),
    }));
}

function digest(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("hex").slice(0, 16);
}
