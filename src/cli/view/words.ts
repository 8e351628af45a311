import { describeWeights } from "../../core/planning/baseline.ts";
import type { Serves } from "../../core/journal.ts";
import type { Step } from "../../core/plan.ts";
import { assertNever, type Revision, type Slot } from "../../core/units.ts";

/** A measured length of time: `6 ms`, `3.1 s`, `35 s`, `2 min 5 s`. */
export function tookInWords(ms: number): string {
  if (Math.round(ms) < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 9_950) return `${(ms / 1_000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3_600)
    return seconds % 60 === 0 ? `${seconds / 60} min` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3_600)} h ${Math.round((seconds % 3_600) / 60)} min`;
}

/** What a step is called before its line. */
export function labelOf(step: Step): string {
  switch (step.do) {
    case "migrate":
      return "schema";
    case "ensure":
      return "start";
    case "probe":
      return "checks";
    case "shift":
    case "confirm":
      return step.to !== "pool" && (step.to.blue === 100 || step.to.green === 100) ? "cutover" : "shift";
    case "gate":
    case "bake":
    case "restore":
    case "warm":
    case "drain":
    case "retire":
      return step.do;
    default:
      return assertNever(step);
  }
}

/** `blue r41 (v1)`, as far as known. */
export function placeOf(slot: Slot, revision: Revision | undefined, number: number | undefined): string {
  return [
    slot,
    number === undefined ? undefined : `r${number}`,
    revision === undefined ? undefined : `(${revision.id})`,
  ]
    .filter((part) => part !== undefined)
    .join(" ");
}

/** A sentence about who serves now, by what the router and the slots say. */
export function servesInWords({ slot, revision, weights }: Serves): string {
  switch (slot) {
    case "nobody":
      return "Nobody serves.";
    case "unknown":
      return weights === undefined
        ? "What serves could not be seen."
        : `Traffic goes to ${describeWeights(weights)}; whether it is answered could not be seen.`;
    case "blue":
    case "green": {
      const shared = weights !== undefined && weights !== "pool" && weights.blue > 0 && weights.green > 0;
      const split = shared ? ` (traffic: ${describeWeights(weights)})` : "";
      return `${revision ?? "A revision without a name"} serves on ${slot}${split}.`;
    }
    default:
      return assertNever(slot);
  }
}

/** First letter large. */
export function sentence(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
