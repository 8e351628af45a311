import type { StrategyKind } from "../plan.ts";
import type { Millis } from "../units.ts";
import type { Row, WayBack } from "./cost.ts";
import { timeInWords } from "./words.ts";

export interface Recommendation {
  readonly strategy: StrategyKind | "none";
  /** One sentence. */
  readonly reason: string;
}

type Possible = Row & { readonly is: "possible" };

/**
 * The strategy that keeps users served, fits, goes back fastest when users find out that the candidate is bad, keeps
 * that way back longest, and takes the fewest steps, in this order. What is lost by not taking another is in the table, not in the rule.
 */
export function recommend(
  rows: readonly Row[],
  limits: { readonly capacity?: number; readonly downtimeAllowed?: Millis },
): Recommendation {
  const possible = rows.filter((row): row is Possible => row.is === "possible");
  if (possible.length === 0) return { strategy: "none", reason: noneBecause(rows) };
  const { capacity = Infinity, downtimeAllowed = 0 } = limits;
  const fitting = possible.filter((row) => row.cost.peak <= capacity);
  if (fitting.length === 0) {
    const least = Math.min(...possible.map((row) => row.cost.peak));
    return {
      strategy: "none",
      reason: `No strategy fits into ${capacity} replicas; the smallest needs ${least}.`,
    };
  }
  const allowed = fitting.filter((row) => row.cost.downtime <= downtimeAllowed);
  const [best] = (allowed.length > 0 ? allowed : fitting).toSorted(byPreference);
  if (best === undefined) throw new Error("no row left to recommend");
  return {
    strategy: best.kind,
    reason: reasonFor(best, allowed.length > 0, possible.length - fitting.length, capacity),
  };
}

function byPreference(a: Possible, b: Possible): number {
  return (
    a.cost.downtime - b.cost.downtime ||
    felt(backTime(a.cost.back.inBake)) - felt(backTime(b.cost.back.inBake)) ||
    b.cost.keptWarm - a.cost.keptWarm ||
    a.cost.steps - b.cost.steps ||
    a.cost.peak - b.cost.peak
  );
}

/** A finite stand-in for "never", so that two of them compare as equal. */
function backTime(way: WayBack): number {
  return way.is === "possible" ? way.after : Number.MAX_SAFE_INTEGER;
}

/** Ways back that differ by less than a quarter of a second are as good as each other: nobody feels it. */
function felt(time: number): number {
  return Math.round(time / 250);
}

function reasonFor(
  { kind, cost }: Possible,
  withinDowntime: boolean,
  tooLarge: number,
  capacity: number,
): string {
  const facts = [
    cost.downtime === 0 ? "nobody goes unserved" : `nobody serves for ${timeInWords(cost.downtime)}`,
    `${backInWords(cost.back.inBake)}${cost.keptWarm > 0 ? ` and for ${timeInWords(cost.keptWarm)} after it` : ""}`,
    `it takes ${cost.steps} steps and at most ${cost.peak} replicas`,
  ];
  const because = withinDowntime ? "" : ", the shortest outage of those possible";
  const limit =
    tooLarge > 0
      ? ` (${tooLarge} other${tooLarge > 1 ? "s" : ""} would not fit into ${capacity} replicas)`
      : "";
  return `${kind}: ${facts.join(", ")}${because}${limit}.`;
}

function backInWords(way: WayBack): string {
  return way.is === "possible"
    ? `the way back takes ${timeInWords(way.after)} in the bake`
    : `there is no way back, since ${way.because}`;
}

function noneBecause(rows: readonly Row[]): string {
  const refused = rows.find((row) => row.is === "refused");
  if (refused?.is === "refused") return `No strategy is possible: ${refused.cause.message}. ${refused.next}`;
  return "Nothing to do: the revision is live already and serves.";
}
