import type { Weights } from "../../../core/routing.ts";
import { SLOTS, type Slot } from "../../../core/units.ts";
import type { EndpointSlice } from "../api/objects.ts";

/** What the EndpointSlices of a Service say: where a node sends new connections once it has heard of them. */

type Endpoint = NonNullable<EndpointSlice["endpoints"]>[number];

/** Uids of the pods of each slot. */
export type PodsBySlot = Readonly<Record<Slot, ReadonlySet<string>>>;

export interface SliceLook {
  /** The slices send traffic where `to` says and nowhere else. */
  readonly agree: boolean;
  readonly detail: string;
}

/**
 * An endpoint that does not belong counts whatever its condition: its slice was not written anew since the shift.
 * Of those that belong one must be ready; the others get nothing while they are not.
 * @param slices every slice of the Service, of all address families: nothing but a label joins them, and they are
 * written one after the other.
 */
export function lookAtSlices(slices: readonly EndpointSlice[], pods: PodsBySlot, to: Weights): SliceLook {
  const endpoints = slices.flatMap((slice) => slice.endpoints ?? []);
  const wanted = SLOTS.filter((slot) => to === "pool" || to[slot] > 0);
  const strays = endpoints.filter((endpoint) => !wanted.some((slot) => pods[slot].has(uidOf(endpoint))));
  if (strays.length > 0) return { agree: false, detail: `endpoints still of ${ownersOf(strays, pods)}` };
  if (wanted.length === 0) return { agree: true, detail: "no endpoint is left" };
  // A pod has one endpoint per address family.
  const all = new Set(endpoints.map(uidOf));
  const ready = new Set(endpoints.filter(isReady).map(uidOf));
  const count = ready.size === all.size ? `${ready.size}` : `${ready.size} of ${all.size}`;
  const detail = `${count} ready endpoint${all.size === 1 ? "" : "s"}, all of ${wanted.join(" or ")}`;
  return ready.size === 0
    ? { agree: false, detail: `no ready endpoint of ${wanted.join(" or ")}` }
    : { agree: true, detail };
}

/**
 * Absent conditions mean: ready, serving as ready, not terminating. A Service with `publishNotReadyAddresses` calls
 * every endpoint ready; whether one is, `serving` and `terminating` still tell.
 */
function isReady({ conditions = {} }: Endpoint): boolean {
  const ready = conditions.ready ?? true;
  return ready && (conditions.serving ?? ready) && conditions.terminating !== true;
}

function ownersOf(strays: readonly Endpoint[], pods: PodsBySlot): string {
  const names = strays.map((endpoint) => {
    const slot = SLOTS.find((each) => pods[each].has(uidOf(endpoint)));
    return slot ?? `${endpoint.targetRef?.name ?? endpoint.addresses[0] ?? "something"} (of no slot)`;
  });
  const [first, second, ...more] = [...new Set(names)];
  const shown = [first, second].filter((name) => name !== undefined).join(", ");
  return more.length === 0 ? shown : `${shown} and ${more.length} more`;
}

/** An endpoint that somebody wrote by hand stands for no pod. */
function uidOf(endpoint: Endpoint): string {
  return endpoint.targetRef?.uid ?? "";
}
