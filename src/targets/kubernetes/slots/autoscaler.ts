import type { Borrowed } from "../../../core/observed.ts";
import type { Slot } from "../../../core/units.ts";
import type { JsonOperation } from "../api/api.ts";
import type { KubeObject } from "../api/objects.ts";
import { paths } from "../api/paths.ts";
import { ANNOTATIONS, LABELS, slotLabels, slotName } from "../names.ts";

/*
 * Whoever scales a slot by load. Each slot has an autoscaler of its own, copied from the template's (or from the
 * other slot's, or an adopted Deployment's own), while it has replicas. During a deployment its lower bound is held
 * at what the slot was told to have, so that neither a candidate that gets no traffic yet nor a previous slot that
 * gets none any more shrinks below what users need; growing is left to it.
 */

export interface Autoscaler extends KubeObject {
  readonly spec: {
    readonly scaleTargetRef: { readonly kind?: string; readonly name: string; readonly apiVersion?: string };
    readonly [key: string]: unknown;
  };
}

export interface AutoscalerKind {
  readonly kind: "HorizontalPodAutoscaler" | "ScaledObject";
  readonly apiVersion: string;
  readonly path: (namespace: string, name?: string) => string;
  /** Fields of the specification; `min` may be absent and then means `least`. */
  readonly min: "minReplicas" | "minReplicaCount";
  readonly max: "maxReplicas" | "maxReplicaCount";
}

export const KINDS = {
  hpa: {
    kind: "HorizontalPodAutoscaler",
    apiVersion: "autoscaling/v2",
    path: paths.autoscalers,
    min: "minReplicas",
    max: "maxReplicas",
  },
  keda: {
    kind: "ScaledObject",
    apiVersion: "keda.sh/v1alpha1",
    path: (namespace, name) =>
      `/apis/keda.sh/v1alpha1/namespaces/${encodeURIComponent(namespace)}/scaledobjects${name === undefined ? "" : `/${name}`}`,
    min: "minReplicaCount",
    max: "maxReplicaCount",
  },
} as const satisfies Record<string, AutoscalerKind>;

/** An autoscaler with what is known of its kind. */
export interface Governor {
  readonly of: AutoscalerKind;
  readonly object: Autoscaler;
}

/** How far it may scale. Absent: the kind's own default. */
export interface Bounds {
  readonly min?: number;
  readonly max?: number;
}

/** `teal.dev/held`: what Teal set the bounds to, and what they were. */
interface Held {
  readonly is: Bounds;
  readonly was: Bounds;
}

export function isOwnedBy(object: KubeObject, kind: string): boolean {
  return (object.metadata.ownerReferences ?? []).some((owner) => owner.kind === kind);
}

/** Whether it scales this Deployment itself: the autoscaler that KEDA makes for a ScaledObject does so in its name. */
export function governs({ object }: Governor, deployment: string): boolean {
  const { kind = "Deployment", name } = object.spec.scaleTargetRef;
  return kind === "Deployment" && name === deployment && !isOwnedBy(object, "ScaledObject");
}

export function boundsOf({ of, object }: Governor): Bounds {
  const min = object.spec[of.min];
  const max = object.spec[of.max];
  return { ...(typeof min === "number" ? { min } : {}), ...(typeof max === "number" ? { max } : {}) };
}

export function heldOf({ object }: Governor): Held | undefined {
  const text = object.metadata.annotations?.[ANNOTATIONS.held];
  if (text === undefined) return undefined;
  try {
    const { is, was } = JSON.parse(text) as Partial<Held>;
    return typeof is === "object" && typeof was === "object" ? { is, was } : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The bounds that its owner gave it. What somebody changed while it was held is that person's newer decision, or their
 * tool's, and counts as the owner's.
 */
export function ownBounds(governor: Governor): Bounds {
  const held = heldOf(governor);
  const bounds = boundsOf(governor);
  return held !== undefined && sameBounds(held.is, bounds) ? held.was : bounds;
}

/**
 * What a deployment has to put back in the end: the bounds of the slot's autoscaler, or of the one it is to get. Also of
 * one that is held: it may be an earlier deployment that holds it and could not put it back.
 */
export function lent(
  slot: Slot,
  name: string,
  own: Governor | undefined,
  source: Governor | undefined,
): readonly Borrowed[] {
  const from = own ?? source;
  if (from === undefined) return [];
  const { min, max } = ownBounds(from);
  const { kind } = from.of;
  const original = { kind, name: own?.object.metadata.name ?? name, min: min ?? null, max: max ?? null };
  return [{ slot, what: "autoscaler", original: JSON.stringify(original) }];
}

/**
 * A copy of the autoscaler for a slot, free of marks of whoever manages the original (Helm, Argo CD, KEDA's own
 * state), with the bounds that its owner gave it.
 */
export function copyFor(source: Governor, service: string, slot: Slot, deployment: string): Autoscaler {
  const { of } = source;
  const { [of.min]: _min, [of.max]: _max, ...rest } = source.object.spec;
  const { min, max } = ownBounds(source);
  return {
    apiVersion: of.apiVersion,
    kind: of.kind,
    metadata: { name: slotName(service, slot), labels: slotLabels(service, slot) },
    spec: {
      ...(of.kind === "ScaledObject" ? withoutName(rest) : rest),
      ...(min === undefined ? {} : { [of.min]: min }),
      ...(max === undefined ? {} : { [of.max]: max }),
      scaleTargetRef: { ...rest.scaleTargetRef, apiVersion: "apps/v1", kind: "Deployment", name: deployment },
    },
  };
}

/** KEDA lets users name the autoscaler that it makes; two of one name would fight. */
function withoutName(spec: Autoscaler["spec"]): Autoscaler["spec"] {
  const advanced = spec["advanced"] as { horizontalPodAutoscalerConfig?: { name?: string } } | undefined;
  if (advanced?.horizontalPodAutoscalerConfig?.name === undefined) return spec;
  const { name: _name, ...config } = advanced.horizontalPodAutoscalerConfig;
  return { ...spec, advanced: { ...advanced, horizontalPodAutoscalerConfig: config } };
}

/** Whether Teal made it for the slot. */
export function isCopy({ object: { metadata } }: Governor, service: string, slot: Slot): boolean {
  return metadata.name === slotName(service, slot) && metadata.labels?.[LABELS.service] === service;
}

/** `atLeast`: it may grow. `exactly`: it may not, since the slot is being taken down in parts. */
export function boundsFor(own: Bounds, replicas: number, how: "atLeast" | "exactly"): Bounds {
  if (how === "exactly") return { min: replicas, max: replicas };
  const min = Math.max(own.min ?? 0, replicas);
  return { min, ...(own.max === undefined ? {} : { max: Math.max(own.max, min) }) };
}

export function sameBounds(a: Bounds, b: Bounds): boolean {
  return a.min === b.min && a.max === b.max;
}

/** The object as it is created for a slot that is to have so many replicas: held from the first moment. */
export function heldCopy(copy: Governor, is: Bounds): Autoscaler {
  const was = boundsOf(copy);
  const { metadata, spec } = copy.object;
  return {
    ...copy.object,
    metadata: {
      ...metadata,
      annotations: { ...metadata.annotations, [ANNOTATIONS.held]: JSON.stringify({ is, was }) },
    },
    spec: { ...spec, ...fields(copy.of, is) },
  };
}

/**
 * Operations that hold it at these bounds; none where it is. What its owner gave it stays noted. The object must have
 * annotations by then: `stamped` goes before.
 */
export function holding(governor: Governor, is: Bounds): readonly JsonOperation[] {
  const held = heldOf(governor);
  if (held !== undefined && sameBounds(held.is, is) && sameBounds(boundsOf(governor), is)) return [];
  const value = JSON.stringify({ is, was: ownBounds(governor) } satisfies Held);
  return [...setting(governor, is), { op: "add", path: annotation(ANNOTATIONS.held), value }];
}

/** Operations that give it back as its owner wants it; none where it is not held. */
export function releasing(governor: Governor): readonly JsonOperation[] {
  if (heldOf(governor) === undefined) return [];
  return [...setting(governor, ownBounds(governor)), { op: "remove", path: annotation(ANNOTATIONS.held) }];
}

function setting(governor: Governor, to: Bounds): readonly JsonOperation[] {
  const { of } = governor;
  const now = boundsOf(governor);
  const set = (
    field: string,
    value: number | undefined,
    before: number | undefined,
  ): readonly JsonOperation[] => {
    const path = `/spec/${field}`;
    if (value !== undefined) return [{ op: "add", path, value }];
    return before === undefined ? [] : [{ op: "remove", path }];
  };
  // What was read is what is changed: a change that somebody makes meanwhile is not overwritten unseen.
  const tests = (["min", "max"] as const).flatMap((end): readonly JsonOperation[] =>
    now[end] === undefined ? [] : [{ op: "test", path: `/spec/${of[end]}`, value: now[end] }],
  );
  return [...tests, ...set(of.min, to.min, now.min), ...set(of.max, to.max, now.max)];
}

function fields(of: AutoscalerKind, { min, max }: Bounds): Readonly<Record<string, number>> {
  return { ...(min === undefined ? {} : { [of.min]: min }), ...(max === undefined ? {} : { [of.max]: max }) };
}

/** JSON pointer of an annotation. */
export function annotation(name: string): string {
  return `/metadata/annotations/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
}
