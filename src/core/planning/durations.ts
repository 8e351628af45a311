import type { HistoryRow } from "../journal.ts";
import type { Step } from "../plan.ts";
import { assertNever, millis, type Millis } from "../units.ts";
import type { Timing } from "./steps.ts";

/**
 * How long steps take as long as nothing was measured, in ms. Deliberately round: they order the strategies, they do
 * not promise. A drain may of course take up to its cap.
 */
export const ASSUMED = {
  /** A replica from its start until it is ready. */
  ensure: 10_000,
  /** A replica from the stop signal to its exit. */
  retire: 2_000,
  /** In-flight requests to finish. */
  drain: 1_000,
  migrate: 5_000,
  /** A router's acknowledgement. */
  shift: 100,
  /** Evidence, on top of the router's propagation; and the propagation where the router promises none. */
  confirm: 200,
  unknownPropagation: 60_000,
} as const;

/** Lengths of time (ms) that a target assumes instead: machines start more slowly than processes. */
export type Assumed = Readonly<Partial<Record<keyof typeof ASSUMED, number>>>;

/** What one replica is: what costs are counted in. */
export type ReplicaUnit = "replica" | "instance";

/** Tells how long a step takes: measured where history has its kind, else assumed. */
export type Durations = (step: Step) => Millis;

/** Medians by kind of step, from deployments that went through; the way back also from those that were reverted. */
export function durationsFrom(
  timing: Timing,
  window: { readonly passes: number; readonly interval: Millis },
  history: readonly HistoryRow[],
  assumed: Assumed = {},
): Durations {
  const measured = medians(history);
  const lengths = { ...ASSUMED, ...assumed };
  return (step) => {
    if (step.do === "bake" || step.do === "warm") return step.for;
    if (step.do === "gate" && step.gate.gate === "watch") return step.gate.for;
    return (
      measured.get(prefixOf(step.id)) ??
      measured.get(kindOf(step)) ??
      assumedFor(step, timing, window, lengths)
    );
  };
}

/** So many deployments lie behind the measured durations. */
export function measuredFrom(history: readonly HistoryRow[]): number {
  return history.filter((row) => row.outcome === "done").length;
}

function assumedFor(
  step: Step,
  timing: Timing,
  window: { readonly passes: number; readonly interval: Millis },
  lengths: Readonly<Record<keyof typeof ASSUMED, number>>,
): Millis {
  switch (step.do) {
    case "ensure":
      return millis(step.wait === false ? lengths.shift : lengths.ensure);
    case "probe":
      return millis(Math.max(1, window.passes) * window.interval);
    case "confirm":
      return millis(
        lengths.confirm +
          (timing.propagation === "unknown" ? lengths.unknownPropagation : timing.propagation),
      );
    case "drain":
      return millis(Math.min(lengths.drain, step.cap));
    case "retire":
      return millis(lengths.retire);
    case "migrate":
      return millis(lengths.migrate);
    case "shift":
      return millis(lengths.shift);
    case "bake":
    case "warm":
      return step.for;
    case "gate":
      // People and schedules take as long as they take; the comparison says that it leaves them out.
      return millis(step.gate.gate === "watch" ? step.gate.for : 0);
    case "restore":
      return millis(0);
    default:
      return assertNever(step);
  }
}

function medians(history: readonly HistoryRow[]): ReadonlyMap<string, Millis> {
  const values = new Map<string, number[]>();
  for (const row of history) {
    for (const [id, took] of Object.entries(row.durations)) {
      if (id === "total" || (row.outcome !== "done" && !id.startsWith("back-"))) continue;
      const prefix = prefixOf(id);
      values.set(prefix, [...(values.get(prefix) ?? []), took]);
    }
  }
  return new Map([...values].map(([prefix, all]) => [prefix, median(all)]));
}

function median(values: readonly number[]): Millis {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? 0;
  return millis(sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2);
}

/** `ensure-green-2of5` and `ensure-blue` are the same kind of work; the two migrations and the way back are not. */
function prefixOf(id: string): string {
  const [first = "", second = ""] = id.split("-");
  return first === "migrate" || first === "back" ? `${first}-${second}` : first;
}

/** The way back uses what was measured forward when it was never measured itself; an unawaited ensure does not. */
function kindOf(step: Step): string {
  if (step.do === "migrate") return `migrate-${step.phase}`;
  return step.do === "ensure" && step.wait === false ? "" : step.do;
}
