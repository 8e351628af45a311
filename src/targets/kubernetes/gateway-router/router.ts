import type { Routing } from "../../../core/observed.ts";
import { NOBODY, type Shares, type Weights } from "../../../core/routing.ts";
import type { Slot } from "../../../core/units.ts";
import type { TrafficRouter } from "../../../ports/router.ts";
import type { By, Expect, Write } from "../../../ports/write.ts";
import type { Api } from "../api/api.ts";
import { createSlotWork } from "../pods/slot-work.ts";
import { claimGuarded, type Decision, writeGuarded } from "../routing/guarded.ts";
import type { KubernetesSettings } from "../settings.ts";
import type { RouteRule } from "./http-route.ts";
import { exposedAfter, hidden, rewrite, type Wish } from "./rewrite.ts";
import { createSampler, type Identify } from "./sampling.ts";
import { sameShares } from "./shares.ts";
import { FRESH, type RouteView, RouteViews } from "./view.ts";
import { inexact, possible, uneven, unmanaged } from "./words.ts";

export interface GatewayRouterParts {
  /** Asks the gateway itself which slots answer: the strongest proof. */
  readonly identify?: Identify;
}

export interface GatewayRouter extends TrafficRouter {
  /**
   * Lets testers and mirrored requests reach a slot that has no traffic while the other one has. A shift keeps it so
   * as long as the traffic is divided, and ends it when one slot has everything.
   */
  expose(slot: Slot, by: By): Promise<Write<Routing>>;
  /** Ends that for this slot, whatever the weights are. */
  hide(slot: Slot, by: By): Promise<Write<Routing>>;
}

/**
 * Weights of an HTTPRoute between the two slots' Services, in every rule that names them, in one write. Fences
 * atomically: every write tests the epoch that the route carries.
 */
export function createGatewayRouter(
  api: Api,
  settings: KubernetesSettings,
  { identify }: GatewayRouterParts = {},
): GatewayRouter {
  const views = new RouteViews(api, settings);
  const work = createSlotWork(api, settings);
  const { testers, mirror } = settings.routing.by === "gateway" ? settings.routing : {};
  const wished = (to: Shares, exposed: Slot | undefined): Wish => ({
    to,
    ...(exposed === undefined ? {} : { exposed }),
    ...(testers === undefined ? {} : { testers }),
    ...(mirror === undefined ? {} : { mirror }),
  });

  const rewritten = (
    view: RouteView,
    to: Shares,
    exposed: Slot | undefined,
  ): Decision<readonly RouteRule[]> => {
    const next = rewrite(view.rules, wished(to, exposed), view.backends);
    if (next.is === "inexact") return rejected(inexact(views.name, next.rule, to));
    return { is: "write", content: next.rules };
  };

  function shift(to: Weights, expect: Expect, by: By): Promise<Write<Routing>> {
    return writeGuarded(api, views, by, (view) => {
      if (expect !== "any" && expect !== view.version) {
        return { is: "answer", answer: { is: "conflict", seen: view.routing } };
      }
      const shares = possible(to);
      if ("code" in shares) return rejected(shares);
      if (view.shares.length === 0) return rejected(unmanaged(views.name, views.services));
      return rewritten(view, shares, exposedAfter(shares, view.exposed, view.rules, view.backends));
    });
  }

  function expose(slot: Slot, by: By): Promise<Write<Routing>> {
    return writeGuarded(api, views, by, (view) => {
      const [to, ...others] = view.shares;
      if (to === undefined) return rejected(unmanaged(views.name, views.services));
      // Testers are held apart only from users who reach the other slot.
      if (to[slot] > 0 || sameShares(to, NOBODY)) return { is: "write", content: view.rules };
      if (!others.every((shares) => sameShares(shares, to))) return rejected(uneven(views.name));
      return rewritten(view, to, slot);
    });
  }

  function hide(slot: Slot, by: By): Promise<Write<Routing>> {
    return writeGuarded(api, views, by, (view) => {
      if (view.exposed !== slot) return { is: "write", content: view.rules };
      return { is: "write", content: hidden(view.rules, view.backends) };
    });
  }

  return {
    fencing: "atomic",
    modes: ["switch", "weights"],
    propagation: settings.propagation,
    shift,
    expose,
    hide,
    claim: (by) => claimGuarded(api, settings, views, by),
    async observe(signal) {
      const read = await views.read({ signal, ...FRESH });
      if (read.is === "unreadable") return read;
      const { routing, version, shares } = read.view;
      if (shares.length === 0) return { is: "unreadable", cause: unmanaged(views.name, views.services) };
      return { is: "seen", value: routing, version, at: read.at };
    },
    sample: createSampler(api, settings, views, work, identify),
    residual: (slot, signal) => work.residual(slot, signal),
  };
}

function rejected(cause: ReturnType<typeof uneven>): Decision<never> {
  return { is: "answer", answer: { is: "rejected", cause } };
}
