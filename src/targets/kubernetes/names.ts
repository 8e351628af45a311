import type { Slot } from "../../core/units.ts";

/**
 * Every name Teal gives something in a namespace. A slot is always called blue or green, never by a hash, so that
 * nothing is renamed by a new version of Teal.
 */

/** Who owns the fields that Teal writes, as `kubectl get --show-managed-fields` shows it. */
export const FIELD_MANAGER = "teal";

export const LABELS = {
  /** On everything Teal creates or adopts, and on the pods of its slots: the service's name. */
  service: "teal.dev/service",
  /** On Deployments and pods of a slot: `blue` or `green`. */
  slot: "teal.dev/slot",
  /** On ConfigMaps and Secrets of Teal: one of `PARTS`. */
  part: "teal.dev/part",
} as const;

/** What a ConfigMap or Secret of Teal is there for. */
export const PARTS = {
  /** What a revision was rendered to. */
  revision: "revision",
  /** A copy of a ConfigMap or Secret that a revision uses. */
  copy: "copy",
} as const;

export const ANNOTATIONS = {
  /** The highest fence (a whole number) that wrote to this object or claimed it. */
  epoch: "teal.dev/epoch",
  /** Id and config digest of the revision, as JSON. On slot Deployments and their pods. */
  revision: "teal.dev/revision",
  /** The intent that wrote last. */
  intent: "teal.dev/intent",
  /** JSON of the selector with which a Service reaches exactly this slot; on slot Deployments. */
  selector: "teal.dev/selector",
  /** On a Deployment that serves as a slot without having been made by Teal. */
  adopted: "teal.dev/adopted",
  /** On a copy: name and content digest of what it is a copy of, as JSON. */
  origin: "teal.dev/origin",
  /** On a copy: when (ISO) a revision was last prepared with it. */
  prepared: "teal.dev/prepared",
} as const;

/** `shop-blue`: the Deployment of a slot, and the Service that reaches only this slot. */
export function slotName(service: string, slot: Slot): string {
  return `${service}-${slot}`;
}

/** `teal-shop`: the Lease of a service, which also carries the epoch that fences writers. */
export function leaseName(service: string): string {
  return `teal-${service}`;
}

/** Labels of the pods of a slot: what its Deployment and its own Service select. */
export function slotLabels(service: string, slot: Slot): Readonly<Record<string, string>> {
  return { [LABELS.service]: service, [LABELS.slot]: slot };
}

/** Labels that the pods of both slots have: a pool. */
export function poolLabels(service: string): Readonly<Record<string, string>> {
  return { [LABELS.service]: service };
}
