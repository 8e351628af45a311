import type { Json } from "../kubelet/client.ts";
import { type Attachment, attach, isGatewayRef } from "./attaching.ts";
import { resolve } from "./backends.ts";
import type { Said } from "./conditions.ts";
import { no, yes } from "./conditions.ts";
import { type Listener, listenersOf } from "./listeners.ts";
import type { Entry } from "./matching.ts";
import { keyOf, type Snapshot } from "./snapshot.ts";

export const CONTROLLER = "teal.dev/test-gateway";

/** Everything that follows from a snapshot: what to serve, and what to say. */
export interface Outcome {
  readonly classes: readonly Json[];
  readonly gateways: readonly GatewayOutcome[];
  readonly routes: readonly RouteOutcome[];
}

export interface GatewayOutcome {
  readonly gateway: Json;
  readonly listeners: readonly Listener[];
  /** By listener name: how many routes are attached. */
  readonly attached: ReadonlyMap<string, number>;
  readonly ports: readonly PortTable[];
}

/** What one port of a Gateway's address serves. */
export interface PortTable {
  readonly port: number;
  readonly listeners: readonly Listener[];
  readonly entries: readonly Entry[];
}

export interface RouteOutcome {
  readonly route: Json;
  readonly parents: readonly { readonly ref: Json; readonly said: readonly Said[] }[];
}

export function outcomeOf(snapshot: Snapshot): Outcome {
  const classes = snapshot.classes.filter(({ spec }) => spec.controllerName === CONTROLLER);
  const names = new Set(classes.map(({ metadata }) => metadata.name));
  const ours = new Map<string, { readonly gateway: Json; readonly listeners: readonly Listener[] }>();
  for (const gateway of snapshot.gateways) {
    if (!names.has(gateway.spec.gatewayClassName)) continue;
    ours.set(keyOf(gateway), { gateway, listeners: listenersOf(gateway, snapshot) });
  }
  const attachments = snapshot.routes.flatMap((route) =>
    (route.spec.parentRefs ?? []).flatMap((ref: Json) => {
      const found = ours.get(`${ref.namespace ?? route.metadata.namespace}/${ref.name}`);
      if (!isGatewayRef(ref) || found === undefined) return [];
      return { route, ref, found, attachment: attach(route, ref, found.gateway, found.listeners, snapshot) };
    }),
  );
  return {
    classes,
    gateways: [...ours.values()].map(({ gateway, listeners }) =>
      gatewayOutcome(
        gateway,
        listeners,
        attachments.filter(({ found }) => found.gateway === gateway),
        snapshot,
      ),
    ),
    routes: snapshot.routes.map((route) => ({
      route,
      parents: attachments
        .filter((each) => each.route === route)
        .map(({ ref, attachment }) => ({ ref, said: [attachment.accepted, resolved(route, snapshot)] })),
    })),
  };
}

function gatewayOutcome(
  gateway: Json,
  listeners: readonly Listener[],
  attachments: readonly { readonly route: Json; readonly attachment: Attachment }[],
  snapshot: Snapshot,
): GatewayOutcome {
  const attached = new Map<string, Set<Json>>(listeners.map(({ name }) => [name, new Set()]));
  const entries = new Map<Listener, Entry[]>();
  for (const { route, attachment } of attachments) {
    for (const { listener, hostnames } of attachment.to) {
      attached.get(listener.name)?.add(route);
      const known = entries.get(listener) ?? [];
      known.push(...hostnames.flatMap((hostname) => entriesOf(route, hostname, snapshot)));
      entries.set(listener, known);
    }
  }
  const programmed = listeners.filter((listener) => listener.programmed);
  const ports = [...new Set(programmed.map(({ port }) => port))].map((port) => {
    const here = programmed.filter((listener) => listener.port === port);
    return { port, listeners: here, entries: here.flatMap((listener) => entries.get(listener) ?? []) };
  });
  return {
    gateway,
    listeners,
    attached: new Map([...attached].map(([name, routes]) => [name, routes.size])),
    ports,
  };
}

function entriesOf(route: Json, hostname: string, snapshot: Snapshot): readonly Entry[] {
  const { namespace, creationTimestamp, uid } = route.metadata;
  return (route.spec.rules ?? []).map((rule: Json, index: number) => ({
    hostname,
    age: `${creationTimestamp} ${keyOf(route)}`,
    index,
    id: `${uid} ${rule.name ?? index}`,
    rule,
    backends: (rule.backendRefs ?? []).map((ref: Json) => ({
      backend: resolve(ref, namespace, snapshot),
      weight: ref.weight ?? 1,
      filters: ref.filters ?? [],
    })),
    mirrors: mirrorRefs(rule).map((ref) => resolve(ref, namespace, snapshot)),
  }));
}

function mirrorRefs(rule: Json): readonly Json[] {
  return (rule.filters ?? []).flatMap((filter: Json) => filter.requestMirror?.backendRef ?? []);
}

function resolved(route: Json, snapshot: Snapshot): Said {
  for (const rule of route.spec.rules ?? []) {
    for (const ref of [...(rule.backendRefs ?? []), ...mirrorRefs(rule)]) {
      const backend = resolve(ref, route.metadata.namespace, snapshot);
      if (backend.is === "fault") {
        const where = `${ref.kind ?? "Service"} ${ref.namespace ?? route.metadata.namespace}/${ref.name}:${ref.port}`;
        return no("ResolvedRefs", backend.reason, where);
      }
    }
  }
  return yes("ResolvedRefs");
}
