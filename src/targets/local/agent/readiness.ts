import type { Window } from "../../../core/checks.ts";

/** What a replica's readiness checks amount to so far. */
export interface Readiness {
  readonly phase: "starting" | "ready" | "unready";
  /** Rounds passed or failed in a row. */
  readonly passes: number;
  readonly fails: number;
}

export const STARTING: Readiness = { phase: "starting", passes: 0, fails: 0 };

/** A replica that had been ready and is found running after the agent's own restart: not believed until it passes once more. */
export function adopted(window: Window): Readiness {
  return { phase: "unready", passes: window.consecutive - 1, fails: 0 };
}

/**
 * The next readiness after a round. Ready after `consecutive` passed rounds; unready after as many failed ones in a
 * row as the window cannot make up for (`of - passes + 1`), but at least two: one lost sample takes nobody out.
 */
export function afterRound(
  readiness: Readiness,
  round: "pass" | "fail" | "unknown",
  window: Window,
): Readiness {
  if (round === "unknown") return readiness;
  if (round === "pass") {
    const passes = readiness.passes + 1;
    return { phase: passes >= window.consecutive ? "ready" : readiness.phase, passes, fails: 0 };
  }
  const fails = readiness.fails + 1;
  const limit = Math.max(2, window.of - window.passes + 1);
  return {
    phase: readiness.phase === "ready" && fails >= limit ? "unready" : readiness.phase,
    passes: 0,
    fails,
  };
}
