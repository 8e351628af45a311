import type { Routing } from "../../../core/observed.ts";
import type { Weights } from "../../../core/routing.ts";
import type { TrafficRouter } from "../../../ports/router.ts";
import type { By, Expect, Write } from "../../../ports/write.ts";
import type { Api } from "../api/api.ts";
import { createSlotWork } from "../pods/slot-work.ts";
import { claimGuarded, writeGuarded } from "../routing/guarded.ts";
import type { KubernetesSettings } from "../settings.ts";
import { createSampler } from "./sampling.ts";
import { selectorFor } from "./selectors.ts";
import { FRESH, ServiceViews } from "./view.ts";
import { impossible } from "./words.ts";

/**
 * A Service whose selector says which slot is live: all traffic to one slot, or to the pool of both, or to nobody.
 * Fences atomically: every write tests the epoch that the Service carries. Connections that are established stay on
 * the pods they go to, so the previous slot has work until its clients end it.
 */
export function createServiceRouter(api: Api, settings: KubernetesSettings): TrafficRouter {
  const views = new ServiceViews(api, settings);
  const work = createSlotWork(api, settings);

  function shift(to: Weights, expect: Expect, by: By): Promise<Write<Routing>> {
    return writeGuarded(api, views, by, (view) => {
      if (expect !== "any" && expect !== view.version) {
        return { is: "answer", answer: { is: "conflict", seen: view.routing } };
      }
      const target = selectorFor(to, settings.service, view.slots);
      if (target.is === "selector") return { is: "write", content: target.selector };
      return { is: "answer", answer: { is: "rejected", cause: impossible(views.name, target.why) } };
    });
  }

  return {
    fencing: "atomic",
    modes: ["switch", "pool"],
    propagation: settings.propagation,
    claim: (by) => claimGuarded(api, settings, views, by),
    shift,
    async observe(signal) {
      const read = await views.read({ signal, ...FRESH });
      if (read.is === "unreadable") return read;
      return { is: "seen", value: read.view.routing, version: read.view.version, at: read.at };
    },
    sample: createSampler(api, settings, views, work),
    residual: (slot, signal) => work.residual(slot, signal),
  };
}
