import type { Routing } from "../../../core/observed.ts";
import type { Weights } from "../../../core/routing.ts";
import type { Fence } from "../../../core/units.ts";
import type { TrafficRouter } from "../../../ports/router.ts";
import type { By, Expect, Write } from "../../../ports/write.ts";
import { raiseEpoch } from "../anchor.ts";
import type { Api } from "../api/api.ts";
import { createSlotWork } from "../pods/slot-work.ts";
import type { KubernetesSettings } from "../settings.ts";
import { createSampler } from "./sampling.ts";
import { selectorFor } from "./selectors.ts";
import { FRESH, ServiceViews } from "./view.ts";
import { impossible, LATE } from "./words.ts";
import { callOf, writeService } from "./writing.ts";

/**
 * A Service whose selector says which slot is live: all traffic to one slot, or to the pool of both, or to nobody.
 * Fences atomically: every write tests the epoch that the Service carries. Connections that are established stay on
 * the pods they go to, so the previous slot has work until its clients end it.
 */
export function createServiceRouter(api: Api, settings: KubernetesSettings): TrafficRouter {
  const views = new ServiceViews(api, settings);
  const work = createSlotWork(api, settings);

  function shift(to: Weights, expect: Expect, by: By): Promise<Write<Routing>> {
    return writeService(api, views, by, (view) => {
      if (expect !== "any" && expect !== view.version) {
        return { is: "answer", answer: { is: "conflict", seen: view.routing } };
      }
      const target = selectorFor(to, settings.service, view.slots);
      if (target.is === "selector") return { is: "write", selector: target.selector };
      return { is: "answer", answer: { is: "rejected", cause: impossible(views.name, target.why) } };
    });
  }

  return {
    fencing: "atomic",
    modes: ["switch", "pool"],
    propagation: settings.propagation,
    claim: (by) => claim(api, settings, views, by),
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

/** The Lease first, so that whoever makes something new learns of it; then the Service, which refuses lower fences. */
async function claim(
  api: Api,
  settings: KubernetesSettings,
  views: ServiceViews,
  by: By,
): Promise<Write<Fence>> {
  const call = callOf(by);
  if (call === undefined) return { is: "rejected", cause: LATE };
  const anchored = await raiseEpoch(api, settings.service, by.fence, call);
  if ("cause" in anchored || "by" in anchored) return anchored;
  let known = anchored.is === "already";
  const wrote = await writeService(api, views, by, (view) => {
    known &&= view.epoch === by.fence;
    return { is: "write", selector: view.service.spec.selector };
  });
  return "seen" in wrote ? { is: known ? "unchanged" : "applied", seen: by.fence } : wrote;
}
