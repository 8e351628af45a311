import type { Evidence, Read } from "../../../core/observed.ts";
import type { Shares, Weights } from "../../../core/routing.ts";
import { millis, type Slot, SLOTS } from "../../../core/units.ts";
import type { Api } from "../api/api.ts";
import type { EndpointSlice } from "../api/objects.ts";
import { paths } from "../api/paths.ts";
import { slotName } from "../names.ts";
import type { KubernetesSettings } from "../settings.ts";
import { evidenceOf, readyEndpoints } from "./evidence.ts";
import { sameShares } from "./shares.ts";
import type { RouteViews } from "./view.ts";
import { describeShares } from "./words.ts";

/** Which slot gave each of a few answers that were just asked of the gateway; `undefined` for anyone else's. */
export type Identify = (signal: AbortSignal) => Promise<Read<readonly (Slot | undefined)[]>>;

const FRESH = millis(1_000);

/** One look at whether traffic follows: the route, what its gateways say of it, the endpoints, and who answers. */
export function createSampler(
  api: Api,
  settings: KubernetesSettings,
  views: RouteViews,
  identify: Identify | undefined,
): (to: Weights, signal: AbortSignal) => Promise<Read<Evidence>> {
  const services = { blue: slotName(settings.service, "blue"), green: slotName(settings.service, "green") };
  const slices = api.mirror<EndpointSlice>(paths.endpointSlices(api.namespace), {
    labels: `kubernetes.io/service-name in (${services.blue},${services.green})`,
  });
  const bound = propagated(settings.propagation);

  return async (to, signal) => {
    const read = await views.read({ signal });
    if (read.is === "unreadable") return read;
    const { view, at } = read;
    const seen = (value: Evidence): Read<Evidence> => ({ is: "seen", value, version: view.version, at });
    if (to === "pool") return seen({ strength: "ack", moved: false, detail: "an HTTPRoute has no pool" });
    const endpoints = await slices.read({ signal, fresh: FRESH });
    if (endpoints.is === "unreadable") return endpoints;
    const ready = {
      blue: readyEndpoints(endpoints.items, services.blue),
      green: readyEndpoints(endpoints.items, services.green),
    };
    const follows = view.shares.length > 0 && view.shares.every((shares) => sameShares(shares, to));
    const look = evidenceOf({ to, route: view.route, shares: view.shares, follows, ready, services });
    if (!look.moved) return seen(bound.reset(look));
    if (identify === undefined)
      return seen(bound.passed(look, `${view.epoch} ${view.route.metadata.generation}`));
    const answers = await identify(signal);
    return answers.is === "unreadable" ? answers : seen(identified(to, answers.value, look));
  };
}

/** Without anybody who asks the gateway, what it accepted is taken for done after the configured time. */
function propagated(propagation: number) {
  let since: { readonly what: string; readonly at: number } | undefined;
  return {
    reset(look: Evidence): Evidence {
      since = undefined;
      return look;
    },
    passed(look: Evidence, what: string): Evidence {
      if (since?.what !== what) since = { what, at: performance.now() };
      const left = propagation - (performance.now() - since.at);
      const missing = "identity: nobody asks the gateway itself which slot answers";
      if (left <= 0) {
        const bound = propagation === 0 ? "" : `, propagation of ${propagation} ms over`;
        return { ...look, detail: `${look.detail}${bound}`, missing };
      }
      return {
        ...look,
        moved: false,
        detail: `${look.detail}; propagation of ${propagation} ms not over`,
        missing,
      };
    },
  };
}

function identified(to: Shares, answers: readonly (Slot | undefined)[], look: Evidence): Evidence {
  const wrong = answers.filter((slot) => slot === undefined || to[slot] === 0).length;
  const counts = SLOTS.map((slot) => `${answers.filter((each) => each === slot).length} from ${slot}`);
  const moved = answers.length > 0 && wrong === 0;
  const detail = `${answers.length} answers of the gateway: ${counts.join(", ")}; wanted ${describeShares(to)}`;
  return { ...look, strength: "identity", moved, detail };
}
