import type { Evidence } from "../../../core/observed.ts";
import { describeShares } from "./words.ts";
import type { Shares } from "../../../core/routing.ts";
import { type Slot, SLOTS } from "../../../core/units.ts";
import type { Condition, EndpointSlice } from "../api/objects.ts";
import type { HttpRoute, ParentRef, RouteParentStatus } from "./http-route.ts";

/** Both must be true, of the route as it is now, at each of its parents. */
const CONDITIONS = ["Accepted", "ResolvedRefs"] as const;

/**
 * What is not yet, or not at all, as the route says; `undefined` when every parent's controller accepted this very
 * generation of the route and found everything it refers to. Names the controller's own reason: `BackendNotFound`,
 * `RefNotPermitted`, `NotAllowedByListeners`; `Pending` where it has not said anything about this generation.
 */
export function undeclared(route: HttpRoute): string | undefined {
  const parents = route.spec.parentRefs ?? [];
  if (parents.length === 0) return "HTTPRoute has no parentRefs: no gateway serves it";
  for (const parent of parents) {
    const statuses = (route.status?.parents ?? []).filter((status) =>
      sameParent(status.parentRef, parent, route),
    );
    const name = parentName(parent);
    if (statuses.length === 0) return `${name}: Pending, no controller has taken up the route`;
    for (const status of statuses) {
      const missing = conditionMissing(status, route.metadata.generation);
      if (missing !== undefined) return `${name} (${status.controllerName}): ${missing}`;
    }
  }
  return undefined;
}

function conditionMissing(status: RouteParentStatus, generation: number | undefined): string | undefined {
  for (const type of CONDITIONS) {
    const condition = (status.conditions ?? []).find((each) => each.type === type);
    const fault = condition === undefined ? "Pending, not said yet" : unmet(condition, generation);
    if (fault !== undefined) return `${type}: ${fault}`;
  }
  return undefined;
}

function unmet(condition: Condition, generation: number | undefined): string | undefined {
  if (condition.observedGeneration !== generation) {
    return `Pending, said of generation ${condition.observedGeneration ?? "?"}, the route is at ${generation ?? "?"}`;
  }
  if (condition.status === "True") return undefined;
  const message = condition.message === undefined || condition.message === "" ? "" : `: ${condition.message}`;
  return `${condition.reason ?? condition.status}${message}`;
}

function sameParent(a: ParentRef, b: ParentRef, route: HttpRoute): boolean {
  const key = (ref: ParentRef) =>
    JSON.stringify([
      ref.group ?? "gateway.networking.k8s.io",
      ref.kind ?? "Gateway",
      ref.namespace ?? route.metadata.namespace,
      ref.name,
      ref.sectionName,
      ref.port,
    ]);
  return key(a) === key(b);
}

function parentName({ kind = "Gateway", namespace, name, sectionName }: ParentRef): string {
  const place = namespace === undefined ? "" : `${namespace}/`;
  return `${kind} ${place}${name}${sectionName === undefined ? "" : ` listener ${sectionName}`}`;
}

/** Ready endpoints of a Service, over all of its slices. */
export function readyEndpoints(slices: readonly EndpointSlice[], service: string): number {
  return slices
    .filter((slice) => slice.metadata.labels?.["kubernetes.io/service-name"] === service)
    .flatMap((slice) => slice.endpoints ?? [])
    .filter(({ conditions }) => conditions?.ready !== false).length;
}

/** What was seen before asking the gateway itself. */
export interface Seen {
  readonly to: Shares;
  readonly route: HttpRoute;
  /** What the route says, rule by rule. */
  readonly shares: readonly Shares[];
  readonly follows: boolean;
  readonly ready: Readonly<Record<Slot, number>>;
  readonly services: Readonly<Record<Slot, string>>;
}

/** The strongest that objects in the cluster can prove; a gateway may still be on its way to do what it accepted. */
export function evidenceOf({ to, route, shares, follows, ready, services }: Seen): Evidence {
  const { name, generation } = route.metadata;
  if (!follows) {
    const says = [...new Set(shares.map(describeShares))].join("; ");
    return { strength: "ack", moved: false, detail: `HTTPRoute ${name} says ${says}` };
  }
  const pending = undeclared(route);
  if (pending !== undefined) return { strength: "ack", moved: false, detail: pending };
  const wanted = SLOTS.filter((slot) => to[slot] > 0);
  const empty = wanted.find((slot) => ready[slot] === 0);
  if (empty !== undefined) {
    return {
      strength: "declared",
      moved: false,
      detail: `Service ${services[empty]} has no ready endpoint`,
    };
  }
  const counts = wanted.map((slot) => `ready endpoints of ${services[slot]}: ${ready[slot]}`);
  const accepted = `generation ${generation ?? "?"} of HTTPRoute ${name} accepted by every gateway`;
  return { strength: "endpoints", moved: true, detail: [accepted, ...counts].join(", ") };
}
