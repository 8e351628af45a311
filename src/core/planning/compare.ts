import type { HistoryRow } from "../journal.ts";
import type { Request, StrategyKind } from "../plan.ts";
import type { Millis } from "../units.ts";
import { costOf, type Row } from "./cost.ts";
import { durationsFrom, measuredFrom, type Assumed } from "./durations.ts";
import { plan, type PlanInput } from "./plan.ts";
import { recommend, type Recommendation } from "./recommend.ts";

export const STRATEGY_KINDS = [
  "blueGreen",
  "canary",
  "rolling",
  "recreate",
] as const satisfies readonly StrategyKind[];

export interface Comparison {
  readonly rows: readonly Row[];
  readonly recommendation: Recommendation;
  /** Deployments whose measured durations were used; 0: every duration is an assumption. */
  readonly measured: number;
}

export interface CompareInput extends Pick<PlanInput, "observed" | "router" | "digest" | "reverted"> {
  /** The request as it would be with this strategy, its defaults filled in. */
  readonly requestFor: (kind: StrategyKind) => Request;
  /** Earlier deployments of this service here. */
  readonly history?: readonly HistoryRow[];
  /** Lengths of time that differ from the usual assumptions on this target. */
  readonly assumed?: Assumed;
  /** Most replicas that fit at one time, where that is known. */
  readonly capacity?: number;
  /** Longest time nobody may serve; 0 by default. */
  readonly downtimeAllowed?: Millis;
}

/** Plans every strategy and adds up what each would cost. A refused one says why. */
export function compare(input: CompareInput): Comparison {
  const history = input.history ?? [];
  const rows = STRATEGY_KINDS.map((kind): Row => {
    const request = input.requestFor(kind);
    const planned = plan({ ...input, request });
    if (planned.is !== "plan") return { ...planned, kind };
    const { window } = request.checks;
    const timing = {
      strategy: request.strategy,
      probe: window.deadline,
      propagation: input.router.propagation,
    };
    return {
      is: "possible",
      kind,
      cost: costOf(planned.plan, input, durationsFrom(timing, window, history, input.assumed)),
    };
  });
  return { rows, recommendation: recommend(rows, input), measured: measuredFrom(history) };
}
