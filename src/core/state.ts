import type { Otherwise } from "./plan.ts";
import type { Instant, IntentId } from "./units.ts";

/** Which way a deployment goes. */
export type Direction = "forward" | "back";

/**
 * Why a deployment waits, until when, and what happens then by itself. `history`: nobody watches its bake; whoever
 * resumes it judges the bake by what the target's metrics kept of it.
 */
export interface Hold {
  readonly for: "gate" | "drift" | "outage" | "unreadable" | "operator" | "history";
  readonly until: Instant;
  readonly otherwise: Otherwise;
}

/** How a deployment ended. `undecided`: a human must look; the closing event names what serves. */
export type Outcome = "done" | "unchanged" | "refused" | "reverted" | "undecided";

export type State =
  | { readonly is: "running"; readonly dir: Direction; readonly step: number; readonly inFlight?: IntentId }
  | ({ readonly is: "waiting"; readonly dir: Direction; readonly step: number } & Hold)
  | { readonly is: "warm"; readonly step: number; readonly until: Instant }
  | { readonly is: "finished"; readonly outcome: Outcome };
