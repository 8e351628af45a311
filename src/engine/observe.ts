import type { Observed, Read, SlotState } from "../core/observed.ts";
import { millis, type Millis, type Slot } from "../core/units.ts";
import type { Clock } from "../ports/clock.ts";
import type { Target } from "../ports/target.ts";
import { boundedRead } from "./ports.ts";

/** So much longer than the other parts a slot may take that nobody waits for. */
const GRACE = millis(250);

/**
 * Looks at the router and both slots at once. Every part is seen or unreadable; the look itself always ends.
 * @param unhurried a slot whose answer is not waited for once the others are there: going back never waits for the
 * slot that fails.
 */
export async function observe(
  target: Target,
  clock: Clock,
  bound: Millis,
  signal: AbortSignal,
  unhurried?: Slot,
): Promise<Observed> {
  const enough = new AbortController();
  const seen = new AbortController();
  const slot = (name: Slot): Promise<Read<SlotState>> =>
    boundedRead(clock, bound, name === unhurried ? AbortSignal.any([signal, enough.signal]) : signal, (end) =>
      target.slots.observe(name, end),
    );
  const routing = boundedRead(clock, bound, signal, (end) => target.router.observe(end));
  const slots = { blue: slot("blue"), green: slot("green") };
  if (unhurried !== undefined) {
    void slots[unhurried].then(() => seen.abort());
    await Promise.all([routing, slots[unhurried === "blue" ? "green" : "blue"]]);
    await clock.sleep(GRACE, AbortSignal.any([signal, seen.signal]));
    enough.abort();
  }
  return { routing: await routing, slots: { blue: await slots.blue, green: await slots.green } };
}
