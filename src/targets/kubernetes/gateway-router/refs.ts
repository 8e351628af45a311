import type { Slot } from "../../../core/units.ts";
import { SLOTS } from "../../../core/units.ts";
import type { BackendRef, RouteRule } from "./http-route.ts";

/** The Services whose references in a route belong to Teal. */
export interface Backends {
  readonly namespace: string;
  readonly slots: Readonly<Record<Slot, string>>;
  /** The Service that the route named before the first deployment. */
  readonly original: string;
  /**
   * The slot whose pods that Service reaches: an adopted Deployment has no other Service, so that the reference to it
   * is the slot's for as long as the adoption lasts.
   */
  readonly originalReaches?: Slot;
}

function serviceOf(ref: BackendRef, namespace: string): string | undefined {
  if ((ref.group ?? "") !== "" || (ref.kind ?? "Service") !== "Service") return undefined;
  return ref.namespace === undefined || ref.namespace === namespace ? ref.name : undefined;
}

export function isOriginal(ref: BackendRef, backends: Backends): boolean {
  return serviceOf(ref, backends.namespace) === backends.original;
}

/** The slot that a reference leads to. */
export function slotOf(ref: BackendRef, backends: Backends): Slot | undefined {
  const service = serviceOf(ref, backends.namespace);
  const slot = SLOTS.find((each) => backends.slots[each] === service);
  return slot ?? (isOriginal(ref, backends) ? backends.originalReaches : undefined);
}

/** Teal's own part of a rule's references; all others are foreign and stay as they are. */
export function isOurs(ref: BackendRef, backends: Backends): boolean {
  return slotOf(ref, backends) !== undefined || isOriginal(ref, backends);
}

/** Rules of the testers are made and removed by Teal; their names say so. */
export const TESTERS = "teal-testers-";

export function isTestersRule(rule: RouteRule): boolean {
  return rule.name?.startsWith(TESTERS) === true;
}

/** A rule of the user in which Teal divides the traffic. */
export function isManaged(rule: RouteRule, backends: Backends): boolean {
  return !isTestersRule(rule) && (rule.backendRefs ?? []).some((ref) => isOurs(ref, backends));
}
