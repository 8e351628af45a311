import type { Json } from "../kubelet/client.ts";
import { granted, type Snapshot } from "./snapshot.ts";

/** Where a reference leads. A fault is the reason of ResolvedRefs, and a 500 for the reference's share of requests. */
export type Backend =
  | { readonly is: "endpoints"; readonly origins: readonly string[] }
  | { readonly is: "fault"; readonly reason: "InvalidKind" | "RefNotPermitted" | "BackendNotFound" };

/** @param ref a BackendRef of a route of `namespace`. */
export function resolve(ref: Json, namespace: string, snapshot: Snapshot): Backend {
  const where: string = ref.namespace ?? namespace;
  if ((ref.group ?? "") !== "" || (ref.kind ?? "Service") !== "Service")
    return { is: "fault", reason: "InvalidKind" };
  const to = { kind: "Service", namespace: where, name: ref.name };
  if (!granted(snapshot, { kind: "HTTPRoute", namespace }, to))
    return { is: "fault", reason: "RefNotPermitted" };
  const service = snapshot.services.find(
    ({ metadata }) => metadata.namespace === where && metadata.name === ref.name,
  );
  const port = (service?.spec.ports ?? []).find((each: Json) => each.port === ref.port);
  if (port === undefined) return { is: "fault", reason: "BackendNotFound" };
  const slices = snapshot.slices.filter(
    ({ metadata, addressType }) =>
      metadata.namespace === where &&
      metadata.labels?.["kubernetes.io/service-name"] === ref.name &&
      addressType === "IPv4",
  );
  return { is: "endpoints", origins: slices.flatMap((slice) => originsOf(slice, port.name ?? "")) };
}

function originsOf(slice: Json, portName: string): readonly string[] {
  const port = (slice.ports ?? []).find((each: Json) => (each.name ?? "") === portName)?.port;
  if (port === undefined) return [];
  return (slice.endpoints ?? [])
    .filter((endpoint: Json) => endpoint.conditions?.ready !== false)
    .flatMap((endpoint: Json) => endpoint.addresses.map((address: string) => `http://${address}:${port}`));
}
