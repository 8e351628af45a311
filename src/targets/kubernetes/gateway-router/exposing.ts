import type { SlotProvider } from "../../../ports/slots.ts";
import type { Write } from "../../../ports/write.ts";
import type { GatewayRouter } from "./router.ts";

/**
 * Slots whose candidate testers reach as soon as it is there, before it has any traffic: a slot is exposed after it
 * was given what to run, and hidden before its last replica is taken away, so that no tester meets an empty slot.
 * Both happen in the name of the same intent, and repeating them changes nothing.
 */
export function exposing(slots: SlotProvider, router: GatewayRouter): SlotProvider {
  return {
    fencing: slots.fencing,
    claim: (by) => slots.claim(by),
    observe: (slot, signal) => slots.observe(slot, signal),
    restore: (borrowed, by) => slots.restore(borrowed, by),
    reach: (slot, signal) => slots.reach(slot, signal),
    async ensure(slot, want, expect, by) {
      const wrote = await slots.ensure(slot, want, expect, by);
      if ((wrote.is !== "applied" && wrote.is !== "unchanged") || want.replicas === 0) return wrote;
      return stopped(await router.expose(slot, by)) ?? wrote;
    },
    async retire(slot, keep, expect, by) {
      const hid = keep === 0 ? stopped(await router.hide(slot, by)) : undefined;
      return hid ?? (await slots.retire(slot, keep, expect, by));
    },
  };
}

/** The answer to give instead, when the route could not be written. */
function stopped(wrote: Write<unknown>): Exclude<Write<never>, { seen: never }> | undefined {
  return "seen" in wrote ? undefined : wrote;
}
