import type { Revision } from "../../../core/units.ts";
import type { ContainerStatus, Deployment, Event, Pod } from "../api/objects.ts";
import { ANNOTATIONS, LABELS } from "../names.ts";
import type { Place } from "./state.ts";

/** Objects as an API server shows them, for tests of what is computed from them. */

export const V1: Revision = { id: "v1", config: "c1" };
export const V2: Revision = { id: "v2", config: "c2" };

type Change<T> = { readonly [K in keyof T]?: unknown };

/** Green with two replicas of v1 that are rolled out. */
export function deployment({
  status = {},
  spec = {},
  metadata = {},
}: {
  status?: Change<NonNullable<Deployment["status"]>>;
  spec?: Change<Deployment["spec"]>;
  metadata?: Change<Deployment["metadata"]>;
} = {}): Deployment {
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: {
      name: "shop-green",
      uid: "d1",
      resourceVersion: "100",
      generation: 3,
      labels: { [LABELS.service]: "shop", [LABELS.slot]: "green" },
      annotations: { [ANNOTATIONS.epoch]: "5", [ANNOTATIONS.revision]: JSON.stringify(V1) },
      ...metadata,
    },
    spec: {
      replicas: 2,
      selector: { matchLabels: {} },
      template: { spec: { containers: [{ name: "web", image: "teal.test/web:v1" }] } },
      ...spec,
    },
    status: {
      observedGeneration: 3,
      replicas: 2,
      updatedReplicas: 2,
      readyReplicas: 2,
      availableReplicas: 2,
      ...status,
    },
  } as Deployment;
}

export const RUNNING: ContainerStatus = {
  name: "web",
  ready: true,
  started: true,
  restartCount: 0,
  state: { running: { startedAt: "2026-01-05T12:00:00Z" } },
};

/** A ready pod of v1. */
export function pod(
  name: string,
  {
    web = {},
    status = {},
    spec = {},
    metadata = {},
    ready = true,
  }: {
    web?: Partial<ContainerStatus>;
    status?: Change<NonNullable<Pod["status"]>>;
    spec?: Change<Pod["spec"]>;
    metadata?: Change<Pod["metadata"]>;
    ready?: boolean;
  } = {},
): Pod {
  return {
    metadata: {
      name,
      uid: `uid-${name}`,
      annotations: { [ANNOTATIONS.revision]: JSON.stringify(V1) },
      ...metadata,
    },
    spec: { containers: [{ name: "web", image: "teal.test/web:v1" }], ...spec },
    status: {
      phase: "Running",
      podIP: "10.0.0.1",
      conditions: [{ type: "Ready", status: ready ? "True" : "False" }],
      containerStatuses: [{ ...RUNNING, ready, ...web }],
      ...status,
    },
  } as Pod;
}

/** A pod whose container waits. */
export function waiting(
  name: string,
  reason: string,
  message: string,
  more: Partial<ContainerStatus> = {},
): Pod {
  return pod(name, {
    ready: false,
    status: { phase: "Pending" },
    web: { state: { waiting: { reason, message } }, ...more },
  });
}

export function place(over: Partial<Place> = {}): Place {
  return { slot: "green", deployment: deployment(), pods: [pod("a"), pod("b")], ...over };
}

export function event(of: string, reason: string, message: string, type = "Warning"): Event {
  return {
    metadata: { name: `${of}.${reason}`, creationTimestamp: "2026-01-05T12:00:00Z" },
    type,
    reason,
    message,
    involvedObject: { kind: "Pod", name: of, uid: `uid-${of}` },
  };
}
