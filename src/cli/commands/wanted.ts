import type { Wanted } from "../../api/planning.ts";
import type { StrategyKind } from "../../core/plan.ts";
import type { Slot } from "../../core/units.ts";
import { flag, text, type Invocation } from "../spec.ts";

/** What was typed about a deployment beyond the configuration. The choices were checked when the words were read. */
export function wantedOf(invocation: Invocation): Wanted {
  const { argument, options } = invocation;
  const strategy = text(invocation, "strategy");
  const live = text(invocation, "live");
  const force = options["force"];
  return {
    ...(argument === undefined ? {} : { revision: argument }),
    ...(strategy === undefined ? {} : { strategy: strategy as StrategyKind }),
    ...(Array.isArray(force) ? { force: force as readonly string[] } : {}),
    ...(live === undefined ? {} : { live: live as Slot }),
    ...(flag(invocation, "again") ? { again: true } : {}),
    ...(flag(invocation, "retryReverted") ? { retryReverted: true } : {}),
  };
}
