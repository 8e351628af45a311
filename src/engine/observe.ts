import type { Observed } from "../core/observed.ts";
import type { Millis } from "../core/units.ts";
import type { Clock } from "../ports/clock.ts";
import type { Target } from "../ports/target.ts";
import { boundedRead } from "./ports.ts";

/** Looks at the router and both slots at once. Every part is seen or unreadable; the look itself always ends. */
export async function observe(target: Target, clock: Clock, bound: Millis, signal: AbortSignal): Promise<Observed> {
  const [routing, blue, green] = await Promise.all([
    boundedRead(clock, bound, signal, (end) => target.router.observe(end)),
    boundedRead(clock, bound, signal, (end) => target.slots.observe("blue", end)),
    boundedRead(clock, bound, signal, (end) => target.slots.observe("green", end)),
  ]);
  return { routing, slots: { blue, green } };
}
