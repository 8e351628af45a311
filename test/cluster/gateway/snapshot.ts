import type { Client, Json } from "../kubelet/client.ts";
import { Watched } from "./watched.ts";

const GATEWAY = "/apis/gateway.networking.k8s.io/v1";

const KINDS = {
  classes: `${GATEWAY}/gatewayclasses`,
  gateways: `${GATEWAY}/gateways`,
  routes: `${GATEWAY}/httproutes`,
  grants: `${GATEWAY}/referencegrants`,
  services: "/api/v1/services",
  namespaces: "/api/v1/namespaces",
  secrets: "/api/v1/secrets",
  slices: "/apis/discovery.k8s.io/v1/endpointslices",
} as const;

/** Everything a gateway looks at, at one moment. */
export type Snapshot = Readonly<Record<keyof typeof KINDS, readonly Json[]>>;

/** Watches all of it; the answer takes a snapshot. */
export async function watchAll(
  client: Client,
  changed: () => void,
  signal: AbortSignal,
): Promise<() => Snapshot> {
  const names = Object.keys(KINDS) as (keyof typeof KINDS)[];
  const watched = names.map((name) => ({ name, kind: new Watched(client, KINDS[name], changed) }));
  await Promise.all(watched.map(({ kind }) => kind.start(signal)));
  return () => Object.fromEntries(watched.map(({ name, kind }) => [name, kind.items])) as Snapshot;
}

export const GROUP = "gateway.networking.k8s.io";

/** Where an object lives, as the key of maps. */
export function keyOf(object: Json): string {
  return `${object.metadata.namespace ?? ""}/${object.metadata.name}`;
}

/** Whether a ReferenceGrant lets `from` refer to an object in another namespace. */
export function granted(
  snapshot: Snapshot,
  from: { readonly kind: string; readonly namespace: string },
  to: { readonly kind: string; readonly namespace: string; readonly name: string },
): boolean {
  if (from.namespace === to.namespace) return true;
  return snapshot.grants.some(
    ({ metadata, spec }) =>
      metadata.namespace === to.namespace &&
      spec.from.some(
        (each: Json) => each.group === GROUP && each.kind === from.kind && each.namespace === from.namespace,
      ) &&
      spec.to.some(
        (each: Json) => each.group === "" && each.kind === to.kind && (each.name ?? to.name) === to.name,
      ),
  );
}
