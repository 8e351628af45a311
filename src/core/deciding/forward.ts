import { currentStep, type Deployment } from "../deployment.ts";
import { acceptDrift, decideDrift } from "./drift.ts";
import { ending, settledInTime } from "./ending.ts";
import { decideGuards } from "./guards.ts";
import type { Facts, Move } from "./moves.ts";
import { ifStillRight, performing } from "./perform.ts";
import { settleInFlight, settleLingering } from "./settle.ts";

export function forward(deployment: Deployment, facts: Facts): Move {
  const step = currentStep(deployment);
  // Guards first: a candidate that fails is left at once, whatever else is still open.
  const guard = decideGuards(deployment, facts);
  if (guard !== undefined) return guard;
  const settling = settleInFlight(deployment, facts) ?? settleLingering(deployment, facts);
  if (settling !== undefined)
    return settledInTime(
      settling.move === "perform" ? ifStillRight("forward", settling, deployment, facts) : settling,
      "forward",
      step,
      deployment,
      facts,
    );
  if (deployment.driftAccepted) return acceptDrift(deployment, facts);
  const drift = decideDrift(deployment, facts);
  if (drift !== undefined) return drift;
  if (step === undefined) return ending(deployment, facts, "done", undefined);
  return performing("forward", step, deployment, facts);
}
