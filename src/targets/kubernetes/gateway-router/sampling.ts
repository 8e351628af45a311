import type { Evidence, Read } from "../../../core/observed.ts";
import type { Shares, Weights } from "../../../core/routing.ts";
import { type Slot, SLOTS } from "../../../core/units.ts";
import type { Api } from "../api/api.ts";
import type { EndpointSlice } from "../api/objects.ts";
import { paths } from "../api/paths.ts";
import type { SlotWork } from "../pods/slot-work.ts";
import { DeclaredBound } from "../routing/declared.ts";
import type { KubernetesSettings } from "../settings.ts";
import { evidenceOf, readyEndpoints } from "./evidence.ts";
import { sameShares } from "./shares.ts";
import { FRESH, type RouteViews, servicesOf } from "./view.ts";
import { describeShares } from "./words.ts";

/** Which slot gave each of a few answers that were just asked of the gateway; `undefined` for anyone else's. */
export type Identify = (signal: AbortSignal) => Promise<Read<readonly (Slot | undefined)[]>>;

/** One look at whether traffic follows: the route, what its gateways say of it, the endpoints, and who answers. */
export function createSampler(
  api: Api,
  settings: KubernetesSettings,
  views: RouteViews,
  work: SlotWork,
  identify: Identify | undefined,
): (to: Weights, signal: AbortSignal) => Promise<Read<Evidence>> {
  const slices = api.mirror<EndpointSlice>(paths.endpointSlices(api.namespace), {
    labels: `kubernetes.io/service-name in (${views.services.join(",")})`,
  });
  const bound = new DeclaredBound("gateway", settings.propagation);

  return async (to, signal) => {
    const call = { signal, ...FRESH };
    const read = await views.read(call);
    if (read.is === "unreadable") return read;
    const { view, at } = read;
    const seen = (value: Evidence): Read<Evidence> => ({ is: "seen", value, version: view.version, at });
    if (to === "pool") return seen({ strength: "ack", moved: false, detail: "an HTTPRoute has no pool" });
    const endpoints = await slices.read(call);
    if (endpoints.is === "unreadable") return endpoints;
    const services = servicesOf(view);
    const ready = {
      blue: readyEndpoints(endpoints.items, services.blue),
      green: readyEndpoints(endpoints.items, services.green),
    };
    const follows = view.shares.length > 0 && view.shares.every((shares) => sameShares(shares, to));
    const look = evidenceOf({ to, route: view.route, shares: view.shares, follows, ready, services });
    if (!look.moved) {
      bound.reset();
      return seen(look);
    }
    if (identify !== undefined) {
      const answers = await identify(signal);
      return answers.is === "unreadable" ? answers : seen(identified(to, answers.value));
    }
    const since = bound.since(`${view.version} ${view.route.metadata.generation}`);
    const counted = await since.flat.look(to, work, signal);
    if (counted.is === "flat") {
      return seen({ strength: "counters", moved: true, detail: `${look.detail}; ${counted.detail}` });
    }
    return seen({ ...look, ...bound.passed(look.detail), missing: counted.missing });
  };
}

function identified(to: Shares, answers: readonly (Slot | undefined)[]): Evidence {
  const wrong = answers.filter((slot) => slot === undefined || to[slot] === 0).length;
  const counts = SLOTS.map((slot) => `${answers.filter((each) => each === slot).length} from ${slot}`);
  const moved = answers.length > 0 && wrong === 0;
  const detail = `${answers.length} answers of the gateway: ${counts.join(", ")}; wanted ${describeShares(to)}`;
  return { strength: "identity", moved, detail };
}
