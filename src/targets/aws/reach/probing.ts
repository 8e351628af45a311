import type { Slot } from "../../../core/units.ts";
import type { Way } from "../../../ports/exchange.ts";
import type { SlotProvider } from "../../../ports/slots.ts";
import type { Write } from "../../../ports/write.ts";
import type { Leading } from "./reaching.ts";

/**
 * Slots whose instances probes reach as configured: what that needs is borrowed with the slot, made before the slot is
 * given something to run (`lead` of the slots themselves), and gone before its last instance is. Every ending puts it
 * back, also one after a crash.
 */
export function probing(slots: SlotProvider, leading: Leading): SlotProvider {
  const ways = new Map<Slot, Way>();
  const wayTo = (slot: Slot): Way | undefined => {
    const way = ways.get(slot) ?? leading.way?.(slot);
    if (way !== undefined) ways.set(slot, way);
    return way;
  };
  return {
    ...slots,
    async observe(slot, signal) {
      const [read, lent] = await Promise.all([slots.observe(slot, signal), leading.lends(slot, signal)]);
      if ("code" in lent) return { is: "unreadable", cause: lent };
      if (read.is === "unreadable" || lent.length === 0) return read;
      return { ...read, value: { ...read.value, lends: [...(read.value.lends ?? []), ...lent] } };
    },
    async ensure(slot, want, expect, by) {
      const wrote = await slots.ensure(slot, want, expect, by);
      // Nothing was missing of the slot itself; somebody may have removed the way to it.
      if (wrote.is !== "unchanged" || want.replicas === 0) return wrote;
      return stopped(await leading.lead(slot, by)) ?? wrote;
    },
    async retire(slot, keep, expect, by) {
      const left = keep === 0 ? stopped(await leading.leave(slot, by)) : undefined;
      return left ?? slots.retire(slot, keep, expect, by);
    },
    async restore(borrowed, by) {
      const put = await leading.restore(borrowed, by);
      if (put === undefined) return slots.restore(borrowed, by);
      const failed = stopped(put);
      if (failed !== undefined) return failed;
      const read = await slots.observe(borrowed.slot, by.signal);
      // It is back; only what the slot looks like now could not be seen. Repeating it changes nothing.
      if (read.is === "unreadable") return { is: "unknown", cause: read.cause };
      return { is: put.is === "applied" ? "applied" : "unchanged", seen: read.value };
    },
    async reach(slot, signal) {
      const read = await slots.reach(slot, signal);
      const way = wayTo(slot);
      if (read.is === "unreadable" || way === undefined) return read;
      return { ...read, value: read.value.map((each) => ({ ...each, way })) };
    },
  };
}

/** The answer to give instead, when the way in could not be made or removed. */
function stopped(wrote: Write<unknown>): Exclude<Write<never>, { seen: never }> | undefined {
  return "seen" in wrote ? undefined : wrote;
}
