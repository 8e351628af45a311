import type { Json } from "../kubelet/client.ts";
import { no, type Said, yes } from "./conditions.ts";
import { intersection } from "./hostnames.ts";
import type { Listener } from "./listeners.ts";
import { GROUP, type Snapshot } from "./snapshot.ts";

/** What became of a route at one of its parents. */
export interface Attachment {
  readonly accepted: Said;
  /** The listeners it is attached to, each with the hosts that both name. */
  readonly to: readonly { readonly listener: Listener; readonly hostnames: readonly string[] }[];
}

/** The parent of a reference, when it is a Gateway. */
export function isGatewayRef(ref: Json): boolean {
  return (ref.group ?? GROUP) === GROUP && (ref.kind ?? "Gateway") === "Gateway";
}

export function attach(
  route: Json,
  ref: Json,
  gateway: Json,
  listeners: readonly Listener[],
  snapshot: Snapshot,
): Attachment {
  const named = listeners.filter(
    ({ name, port }) => (ref.sectionName ?? name) === name && (ref.port ?? port) === port,
  );
  if (named.length === 0) return refused("NoMatchingParent", "no listener has this name and port");
  const allowed = named.filter(
    (listener) => listener.kinds.includes("HTTPRoute") && allows(listener, route, gateway, snapshot),
  );
  if (allowed.length === 0)
    return refused("NotAllowedByListeners", "no listener allows routes of this namespace");
  const to = allowed
    .filter(({ accepted }) => accepted)
    .map((listener) => ({ listener, hostnames: common(route, listener) }))
    .filter(({ hostnames }) => hostnames.length > 0);
  if (to.length === 0) return refused("NoMatchingListenerHostname", "no listener has one of the hostnames");
  return { accepted: yes("Accepted"), to };
}

function refused(reason: string, message: string): Attachment {
  return { accepted: no("Accepted", reason, message), to: [] };
}

function common(route: Json, listener: Listener): readonly string[] {
  const hostnames: readonly string[] = route.spec.hostnames ?? ["*"];
  return hostnames.flatMap((hostname) => intersection(hostname, listener.hostname) ?? []);
}

function allows(listener: Listener, route: Json, gateway: Json, snapshot: Snapshot): boolean {
  const { from = "Same", selector } = listener.allowed.namespaces ?? {};
  const { namespace } = route.metadata;
  switch (from) {
    case "All":
      return true;
    case "Same":
      return namespace === gateway.metadata.namespace;
    case "Selector":
      return selects(
        selector,
        snapshot.namespaces.find(({ metadata }) => metadata.name === namespace),
      );
    default:
      return false;
  }
}

function selects(selector: Json, namespace: Json): boolean {
  const labels = namespace?.metadata.labels ?? {};
  const expressions: readonly Json[] = selector?.matchExpressions ?? [];
  return (
    Object.entries(selector?.matchLabels ?? {}).every(([key, value]) => labels[key] === value) &&
    expressions.every(({ key, operator, values = [] }) => {
      switch (operator) {
        case "In":
          return values.includes(labels[key]);
        case "NotIn":
          return !values.includes(labels[key]);
        case "Exists":
          return key in labels;
        default:
          return !(key in labels);
      }
    })
  );
}
