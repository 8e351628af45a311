import type { Evidence, Read } from "../../../core/observed.ts";
import type { Weights } from "../../../core/routing.ts";
import { SLOTS, type Slot } from "../../../core/units.ts";
import type { Api } from "../api/api.ts";
import type { EndpointSlice, Pod } from "../api/objects.ts";
import { paths } from "../api/paths.ts";
import { readSlotPods } from "../pods/slot-pods.ts";
import type { SlotWork } from "../pods/slot-work.ts";
import type { KubernetesSettings } from "../settings.ts";
import { DeclaredBound } from "../routing/declared.ts";
import { lookAtSlices, type PodsBySlot } from "./evidence.ts";
import { selectorFor, sameSelector } from "./selectors.ts";
import { FRESH, type ServiceViews } from "./view.ts";

/**
 * One look at whether traffic follows, from the weakest to the strongest: the selector, the EndpointSlices that a
 * controller makes of it, and what the pods count. How far the nodes are, no object tells: without counters the
 * configured bound stands for it, and the evidence says so.
 */
export function createSampler(
  api: Api,
  settings: KubernetesSettings,
  views: ServiceViews,
  work: SlotWork,
): (to: Weights, signal: AbortSignal) => Promise<Read<Evidence>> {
  const slices = api.mirror<EndpointSlice>(paths.endpointSlices(api.namespace), {
    labels: `kubernetes.io/service-name=${views.name}`,
  });
  const bound = new DeclaredBound("node", settings.propagation);

  return async (to, signal) => {
    const call = { signal, ...FRESH };
    const read = await views.read(call);
    if (read.is === "unreadable") return read;
    const { view, at } = read;
    const seen = (value: Evidence): Read<Evidence> => ({ is: "seen", value, version: view.version, at });
    const target = selectorFor(to, settings.service, view.slots);
    if (target.is === "impossible" || !sameSelector(target.selector, view.service.spec.selector)) {
      bound.reset();
      const detail = `Service ${views.name} selects ${JSON.stringify(view.service.spec.selector)}`;
      return seen({ strength: "ack", moved: false, detail });
    }
    const [endpoints, pods] = await Promise.all([
      slices.read(call),
      readSlotPods(api, settings.service, view.slots, call),
    ]);
    if (endpoints.is === "unreadable") return endpoints;
    if (pods.is === "unreadable") return pods;
    const look = lookAtSlices(endpoints.items, uidsOf(pods.pods), to);
    if (!look.agree) {
      bound.reset();
      return seen({ strength: "endpoints", moved: false, detail: `Service ${views.name}: ${look.detail}` });
    }
    const since = bound.since(view.version);
    const counted = await since.flat.look(to, work, signal);
    if (counted.is === "flat") {
      return seen({ strength: "counters", moved: true, detail: `${look.detail}; ${counted.detail}` });
    }
    return seen({ strength: "endpoints", ...bound.passed(look.detail), missing: counted.missing });
  };
}

function uidsOf(pods: Readonly<Record<Slot, readonly Pod[]>>): PodsBySlot {
  const [blue, green] = SLOTS.map((slot) => new Set(pods[slot].map((pod) => pod.metadata.uid ?? "")));
  return { blue: blue ?? new Set(), green: green ?? new Set() };
}
