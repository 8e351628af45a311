import type { Served } from "../core/deciding/moves.ts";
import type { Evidence, Read, Residual, Routing, Traffic } from "../core/observed.ts";
import type { Mode, Weights } from "../core/routing.ts";
import type { Instant, Millis, Slot } from "../core/units.ts";
import type { By, Expect, Fenced, Write } from "./write.ts";

/** What decides which slot gets production traffic. What it says is what is live. */
export interface TrafficRouter extends Fenced {
  readonly modes: readonly Mode[];
  /** After an acknowledged write, traffic follows everywhere within this time. */
  readonly propagation: Millis | "unknown";
  observe(signal: AbortSignal): Promise<Read<Routing>>;
  shift(to: Weights, expect: Expect, by: By): Promise<Write<Routing>>;
  /** One look at whether traffic follows `to`; the engine polls. */
  sample(to: Weights, signal: AbortSignal): Promise<Read<Evidence>>;
  residual(slot: Slot, signal: AbortSignal): Promise<Read<Residual>>;
}

/** What users got from a slot, by whoever can count it (the edge, Prometheus, CloudWatch). */
export interface MetricSource {
  traffic(slot: Slot, signal: AbortSignal): Promise<Read<Traffic>>;
  /** What it remembers of the time when nobody looked; absent where it counts only for whoever watches. */
  readonly history?: MetricHistory;
}

export interface MetricHistory {
  /** A stretch of time is complete so long after its end. */
  readonly lag: Millis;
  /** What users got from the slot between two instants, as far as it is complete. */
  served(slot: Slot, from: Instant, to: Instant, signal: AbortSignal): Promise<Read<Served>>;
}
