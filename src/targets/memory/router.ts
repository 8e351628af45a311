import type { Evidence, Routing } from "../../core/observed.ts";
import { totalShare } from "../../core/observed.ts";
import type { Mode, Weights } from "../../core/routing.ts";
import { sameWeights } from "../../core/routing.ts";
import { SLOTS, millis } from "../../core/units.ts";
import type { MetricSource, TrafficRouter } from "../../ports/router.ts";
import type { By, Expect, Write } from "../../ports/write.ts";
import { cause, readOver, writeOver, writerOf } from "./wire.ts";
import { claimOn } from "./fencing.ts";
import type { World } from "./world.ts";

/** Which mode weights need. */
function modeOf(to: Weights): Mode {
  if (to === "pool") return "pool";
  return to.blue > 0 && to.green > 0 ? "weights" : "switch";
}

/** The router as a port. */
export function memoryRouter(world: World): TrafficRouter {
  const { routes } = world;
  const modes: readonly Mode[] = world.options.modes ?? ["switch", "weights", "pool"];

  const shift = (to: Weights, expect: Expect, by: By): Write<Routing> => {
    const view = routes.view();
    if (by.fence < view.fence) return { is: "fenced", by: view.fence };
    if (expect !== "any" && expect !== view.version) return { is: "conflict", seen: view.routing };
    const needed = modeOf(to);
    if (!modes.includes(needed) && !(needed === "switch" && modes.includes("weights"))) {
      return {
        is: "rejected",
        cause: cause(
          "TEAL-Y106",
          `This router cannot do mode ${needed}. Plan with one it has: ${modes.join(", ")}.`,
        ),
      };
    }
    if (to !== "pool" && ![0, 100].includes(totalShare(to))) {
      return {
        is: "rejected",
        cause: cause("TEAL-Y107", `Weights ${to.blue}/${to.green} add up to neither 0 nor 100.`),
      };
    }
    if (by.fence > routes.fence) routes.claim(by.fence);
    if (sameWeights(to, routes.weights)) return { is: "unchanged", seen: routes.truth.routing };
    routes.set(to, writerOf(by));
    return { is: "applied", seen: routes.truth.routing };
  };

  return {
    modes,
    propagation: millis(world.tuning.propagation),
    fencing: world.options.profile === "loose" ? "checked" : "atomic",
    claim: (by) => claimOn(world, "router", routes, () => routes.view().fence, by),
    observe: (signal) =>
      readOver(world, { port: "router", method: "observe", kind: "read" }, signal, () => {
        const view = routes.view();
        return { value: view.routing, version: view.version };
      }),
    shift: (to, expect, by) =>
      writeOver(
        world,
        { port: "router", method: "shift", kind: "write", call: { call: "shift", to } },
        by,
        () => shift(to, expect, by),
      ),
    sample: (to, signal) =>
      readOver(world, { port: "router", method: "sample", kind: "read" }, signal, () => ({
        value: look(world, to),
        version: routes.truth.version,
      })),
    residual: (slot, signal) =>
      readOver(world, { port: "router", method: "residual", kind: "read", slot }, signal, () => ({
        value: { inFlight: world.crowd.inFlight(slot), newRequests: world.crowd.newRequests(slot) },
        version: routes.truth.version,
      })),
  };
}

/** Asks every node; where replicas answer, their identity is the proof. */
function look(world: World, to: Weights): Evidence {
  const { nodes } = world.routes;
  const following = nodes.filter((weights) => sameWeights(weights, to)).length;
  const answering = SLOTS.some((slot) => world.crowd.shares[slot] > 0 && world.fleet.ready(slot).length > 0);
  return {
    strength: answering ? "identity" : "declared",
    moved: following === nodes.length,
    detail: `${following} of ${nodes.length} router nodes follow`,
    ...(answering ? {} : { missing: "no ready replica answers, so nobody's identity proves it" }),
  };
}

export function memoryMetrics(world: World): MetricSource {
  return {
    traffic: (slot, signal) =>
      readOver(world, { port: "metrics", method: "traffic", kind: "read", slot }, signal, () => ({
        value: world.crowd.traffic(slot),
        version: world.routes.truth.version,
      })),
  };
}
