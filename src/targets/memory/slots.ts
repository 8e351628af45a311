import type { SlotState } from "../../core/observed.ts";
import { sameRevision } from "../../core/units.ts";
import type { Slot, Version } from "../../core/units.ts";
import type { Reach, SlotProvider } from "../../ports/slots.ts";
import type { By, Expect, Write } from "../../ports/write.ts";
import { cause, readOver, writeOver, writerOf } from "./wire.ts";
import { claimOn } from "./fencing.ts";
import { inFlight, type Life } from "./life.ts";
import type { World } from "./world.ts";

/** The slots as a port. */
export function memorySlots(world: World): SlotProvider {
  const { fleet } = world;

  /** Compares fence and version with what this profile lets a writer see, then lets `change` happen to the truth. */
  const guarded = (slot: Slot, expect: Expect, by: By, change: () => Write<SlotState>): Write<SlotState> => {
    const view = fleet.view(slot);
    if (by.fence < view.fence) return { is: "fenced", by: view.fence };
    if (expect !== "any" && expect !== view.version) return { is: "conflict", seen: view.state };
    if (by.fence > fleet.fence) fleet.claim(by.fence);
    return change();
  };

  return {
    fencing: world.options.profile === "loose" ? "checked" : "atomic",

    claim: (by) => claimOn(world, "slots", fleet, () => fleet.view("blue").fence, by),

    observe: (slot, signal) =>
      readOver(world, { port: "slots", method: "observe", kind: "read", slot }, signal, () => {
        const view = fleet.view(slot);
        return { value: view.state, version: view.version };
      }),

    ensure: (slot, want, expect, by) =>
      writeOver(
        world,
        { port: "slots", method: "ensure", kind: "write", slot, call: { call: "ensure", slot, want } },
        by,
        () =>
          guarded(slot, expect, by, () => {
            const { state } = fleet.truth(slot);
            const foreign = state.replicas.some(
              (replica) => !sameRevision(replica.revision ?? state.revision, want.revision),
            );
            if (foreign) {
              const message = `${slot} still runs another revision. Retire it before ${want.revision.id} is started there.`;
              return { is: "rejected", cause: cause("TEAL-Y105", message) };
            }
            if (fleet.is(slot, want)) return { is: "unchanged", seen: state };
            fleet.tell(slot, want, writerOf(by));
            return { is: "applied", seen: fleet.truth(slot).state };
          }),
      ),

    retire: (slot, keep, expect, by) =>
      writeOver(
        world,
        { port: "slots", method: "retire", kind: "write", slot, call: { call: "retire", slot, keep } },
        by,
        () =>
          guarded(slot, expect, by, () => {
            const { state } = fleet.truth(slot);
            if (state.wanted <= keep) return { is: "unchanged", seen: state };
            fleet.size(slot, keep, writerOf(by));
            return { is: "applied", seen: fleet.truth(slot).state };
          }),
      ),

    restore: (borrowed, by) =>
      writeOver(
        world,
        {
          port: "slots",
          method: "restore",
          kind: "write",
          slot: borrowed.slot,
          call: { call: "restore", borrowed },
        },
        by,
        () =>
          guarded(borrowed.slot, "any", by, () => {
            const changed = fleet.restore(borrowed, writerOf(by));
            return { is: changed ? "applied" : "unchanged", seen: fleet.truth(borrowed.slot).state };
          }),
      ),

    reach: (slot, signal) =>
      readOver(world, { port: "slots", method: "reach", kind: "read", slot }, signal, () => ({
        value: fleet
          .lives(slot)
          .filter((life) => life.phase === "starting" || life.phase === "ready" || life.phase === "unready")
          .map((life) => reachOf(world, life)),
        version: reachVersion(world, slot),
      })),
  };
}

function reachVersion(world: World, slot: Slot): Version {
  return world.fleet.truth(slot).version;
}

/** A simulated replica has no address; `host` names it for people and the probe finds it by its incarnation. */
function reachOf(world: World, life: Life): Reach {
  return {
    replica: life.id,
    incarnation: life.incarnation,
    host: `${life.id}.memory`,
    port: 80,
    tail: (lines) =>
      Promise.resolve(
        [`${life.id} runs ${life.revision.id}`, `${inFlight(life, world.t)} requests in flight`].slice(
          -lines,
        ),
      ),
  };
}
