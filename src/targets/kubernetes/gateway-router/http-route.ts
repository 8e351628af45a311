import type { Condition, KubeObject } from "../api/objects.ts";

/**
 * The parts of an HTTPRoute (gateway.networking.k8s.io/v1) that Teal reads and writes. Whatever else a route, a rule,
 * a match, a filter or a reference has is carried along as it is.
 */
export interface HttpRoute extends KubeObject {
  readonly spec: {
    readonly parentRefs?: readonly ParentRef[];
    readonly hostnames?: readonly string[];
    readonly rules?: readonly RouteRule[];
    readonly [key: string]: unknown;
  };
  readonly status?: { readonly parents?: readonly RouteParentStatus[] };
}

/** At most 16 of them in a route, and 128 matches in all of them together (CRD of Gateway API 1.6). */
export interface RouteRule {
  /** Unique in the route; Teal tells its own rules by it. */
  readonly name?: string;
  readonly matches?: readonly RouteMatch[];
  readonly filters?: readonly RouteFilter[];
  readonly backendRefs?: readonly BackendRef[];
  readonly [key: string]: unknown;
}

/** All conditions of a match must hold; of several matches one is enough. */
export interface RouteMatch {
  readonly path?: { readonly type?: string; readonly value?: string };
  readonly headers?: readonly HeaderMatch[];
  readonly [key: string]: unknown;
}

export interface HeaderMatch {
  /** Absent means `Exact`. */
  readonly type?: "Exact" | "RegularExpression";
  readonly name: string;
  readonly value: string;
}

export interface RouteFilter {
  readonly type: string;
  readonly requestMirror?: { readonly backendRef: BackendRef; readonly [key: string]: unknown };
  readonly [key: string]: unknown;
}

export interface BackendRef {
  /** Absent or empty: the core group. */
  readonly group?: string;
  /** Absent: `Service`. */
  readonly kind?: string;
  readonly name: string;
  /** Absent: the route's own namespace. */
  readonly namespace?: string;
  readonly port?: number;
  /** 0 to 1,000,000; absent means 1. The share is this weight of the sum of the rule's weights. */
  readonly weight?: number;
  readonly [key: string]: unknown;
}

export interface ParentRef {
  readonly group?: string;
  readonly kind?: string;
  readonly namespace?: string;
  readonly name: string;
  readonly sectionName?: string;
  readonly port?: number;
}

/** What one controller says about the route at one of its parents. */
export interface RouteParentStatus {
  readonly parentRef: ParentRef;
  readonly controllerName: string;
  readonly conditions?: readonly Condition[];
}

/** Weights are whole numbers up to this (CRD of Gateway API). */
export const MAX_WEIGHT = 1_000_000;

export function weightOf(ref: BackendRef): number {
  return ref.weight ?? 1;
}
