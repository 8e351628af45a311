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
  /** Journals of deployments. */
  journal: "journal",
  /** What is left of deployments in the history. */
  history: "history",
  /** The key with which secrets are digested. */
  key: "key",
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
  /** On an autoscaler whose bounds a deployment holds: what they are and what they were, as JSON. */
  held: "teal.dev/held",
  /** On a copy: name and content digest of what it is a copy of, as JSON. */
  origin: "teal.dev/origin",
  /** On a copy: when (ISO) a revision was last prepared with it. */
  prepared: "teal.dev/prepared",
  /** On the Lease: who holds it, as JSON. */
  lease: "teal.dev/lease",
} as const;

/** `shop-blue`: the Deployment of a slot, and the Service that reaches only this slot. */
export function slotName(service: string, slot: Slot): string {
  return `${service}-${slot}`;
}

/** `teal-shop`: the Lease of a service, which also carries the epoch that fences writers. */
export function leaseName(service: string): string {
  return `teal-${service}`;
}

/** `teal-shop-journal`: the ConfigMap with the open deployment's journal; with a page's number, where earlier events are. */
export function journalName(service: string, page?: number): string {
  return `teal-${service}-journal${page === undefined ? "" : `-${page}`}`;
}

/** `teal-shop-history-1`: a ConfigMap with history rows. */
export function historyName(service: string, page: number): string {
  return `teal-${service}-history-${page}`;
}

/** `teal-shop-key`: the Secret with the key of digests. */
export function keyName(service: string): string {
  return `teal-${service}-key`;
}

/** Labels of the pods of a slot: what its Deployment and its own Service select. */
export function slotLabels(service: string, slot: Slot): Readonly<Record<string, string>> {
  return { [LABELS.service]: service, [LABELS.slot]: slot };
}

/** Labels that the pods of both slots have: a pool. */
export function poolLabels(service: string): Readonly<Record<string, string>> {
  return { [LABELS.service]: service };
}
