import type { Gate, Otherwise, SizeRule, Step, Strategy } from "../plan.ts";
import { sameWeights, NOBODY, type Weights } from "../routing.ts";
import { assertNever, millis, type Millis, type Revision, type Slot } from "../units.ts";

/** Bound of one quick write (a shift, a restore, an ensure that is not waited for), retries included. */
export const WRITE_DEADLINE = millis(60_000);
/** A migration may have to wait for locks and retry; longer work belongs into a backfill. */
export const MIGRATE_DEADLINE = millis(30 * 60_000);
/** Replicas that got the stop signal and finished their work need only to exit. */
export const STOP_DEADLINE = millis(60_000);

export const NO_TIME = millis(0);

/** What of the plan's surroundings the builders need. */
export interface Timing {
  readonly strategy: Strategy;
  /** Longest time a probe may take to reach a verdict. */
  readonly probe: Millis;
  readonly propagation: Millis | "unknown";
}

/** Waiting for evidence: three times what the router promises, at least 30 s; 3 min where it promises nothing. */
export function confirmDeadline(propagation: Millis | "unknown"): Millis {
  return propagation === "unknown" ? millis(180_000) : millis(Math.max(30_000, 3 * propagation));
}

/** `green-10`, `pool`, `nobody`: the part of an id that names where traffic goes. */
export function weightsName(to: Weights, slot: Slot): string {
  if (to === "pool") return "pool";
  return sameWeights(to, NOBODY) ? "nobody" : `${slot}-${to[slot]}`;
}

export function migrate(phase: "expand" | "contract"): Step {
  return {
    id: `migrate-${phase}`,
    do: "migrate",
    phase,
    deadline: MIGRATE_DEADLINE,
    reason:
      phase === "expand"
        ? "additive schema changes to be applied"
        : "what only earlier revisions needed to be removed",
    otherwise: phase === "expand" ? "revert" : "stop",
  };
}

export function ensure(timing: Timing, slot: Slot, revision: Revision, size: SizeRule, suffix = ""): Step {
  return {
    id: `ensure-${slot}${suffix}`,
    do: "ensure",
    slot,
    revision,
    size,
    deadline: timing.strategy.startDeadline,
    reason: `${revision.id} to start on ${slot}`,
    otherwise: "revert",
  };
}

export function probe(timing: Timing, slot: Slot, suffix = ""): Step {
  return {
    id: `probe-${slot}${suffix}`,
    do: "probe",
    slot,
    deadline: timing.probe,
    reason: `${slot} to pass its checks`,
    otherwise: "revert",
  };
}

/** The gates between probe and first shift, numbered from 1. */
export function gates(strategy: Strategy): readonly Step[] {
  return strategy.gates.map((each, index) => gate(each, `gate-${index + 1}-${each.gate}`));
}

export function gate(each: Gate, id: string): Step {
  switch (each.gate) {
    case "approval":
      return {
        id,
        do: "gate",
        gate: each,
        deadline: each.timeout,
        reason: "a person's approval",
        otherwise: each.otherwise,
      };
    case "schedule":
      return {
        id,
        do: "gate",
        gate: each,
        deadline: each.timeout,
        reason: "the time window to open",
        otherwise: each.otherwise,
      };
    case "watch":
      return {
        id,
        do: "gate",
        gate: each,
        deadline: each.for,
        reason: "the candidate to prove itself under its share",
        otherwise: "proceed",
      };
    default:
      return assertNever(each);
  }
}

/** A shift to exactly these weights and the proof that traffic followed; `slot` is the one the step is named after. */
export function shiftAndConfirm(timing: Timing, to: Weights, slot: Slot): readonly Step[] {
  const name = weightsName(to, slot);
  return [
    {
      id: `shift-${name}`,
      do: "shift",
      to,
      rule: "exact",
      deadline: WRITE_DEADLINE,
      reason: `the router to accept ${describe(to, slot)}`,
      otherwise: "revert",
    },
    confirm(timing, to, slot, "revert"),
  ];
}

export function confirm(timing: Timing, to: Weights, slot: Slot, otherwise: Otherwise): Step {
  return {
    id: `confirm-${weightsName(to, slot)}`,
    do: "confirm",
    to,
    deadline: confirmDeadline(timing.propagation),
    reason: `evidence that traffic follows ${describe(to, slot)}`,
    otherwise,
  };
}

export function bake(strategy: Strategy, slot: Slot): Step {
  return {
    id: `bake-${slot}`,
    do: "bake",
    slot,
    for: strategy.bake,
    deadline: strategy.bake,
    reason: `${slot} to prove itself with all the traffic`,
    otherwise: "proceed",
  };
}

/** Always planned: what will be borrowed is known only when it is met. Does nothing when nothing was. */
export function restore(): Step {
  return {
    id: "restore",
    do: "restore",
    deadline: WRITE_DEADLINE,
    reason: "what was borrowed to be put back",
    otherwise: "stop",
  };
}

export function warm(strategy: Strategy, slot: Slot): Step {
  return {
    id: `warm-${slot}`,
    do: "warm",
    slot,
    for: strategy.keepWarm,
    deadline: strategy.keepWarm,
    reason: `${slot} kept for a quick way back`,
    otherwise: "proceed",
  };
}

/** Lets in-flight work finish, then stops everything in the slot. `otherwise` is what a retire that hangs does. */
export function drainAndRetire(
  strategy: Strategy,
  slot: Slot,
  otherwise: Otherwise,
  suffix = "",
): readonly Step[] {
  return [
    drain(strategy, slot, suffix),
    retire(strategy, slot, { rule: "fixed", replicas: 0 }, otherwise, suffix),
  ];
}

export function drain(strategy: Strategy, slot: Slot, suffix = ""): Step {
  return {
    id: `drain-${slot}${suffix}`,
    do: "drain",
    slot,
    cap: strategy.drainCap,
    deadline: strategy.drainCap,
    reason: `requests still in flight on ${slot} to finish`,
    otherwise: "proceed",
  };
}

/** Replicas that leave while their slot has traffic finish their work first, hence the drain cap in the deadline. */
export function retire(
  strategy: Strategy,
  slot: Slot,
  keep: SizeRule,
  otherwise: Otherwise,
  suffix = "",
): Step {
  return {
    id: `retire-${slot}${suffix}`,
    do: "retire",
    slot,
    keep,
    deadline: millis(strategy.drainCap + (strategy.stopDeadline ?? STOP_DEADLINE)),
    reason: `replicas on ${slot} to stop`,
    otherwise,
  };
}

function describe(to: Weights, slot: Slot): string {
  if (to === "pool") return "the pool of both slots";
  return sameWeights(to, NOBODY) ? "no traffic at all" : `${slot} ${to[slot]} %`;
}
