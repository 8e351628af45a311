import type { Baseline, Request, SizeRule, Step } from "../plan.ts";
import { allTo, mayReceive, NOBODY, type Mode } from "../routing.ts";
import { otherSlot, SLOTS, type Slot } from "../units.ts";
import { holdsOnly, isOccupied, type SeenSlots } from "./baseline.ts";
import * as step from "./steps.ts";

/** Everything a strategy needs to know to write its steps down. */
export interface Frame extends step.Timing {
  readonly request: Request;
  readonly modes: readonly Mode[];
  readonly baseline: Baseline;
  readonly candidate: Slot;
  /** The slot that is not the candidate's. */
  readonly other: Slot;
  /** The other slot serves and is the one to go back to. */
  readonly live: boolean;
  /** Something runs in the other slot and must be gone in the end. */
  readonly otherOccupied: boolean;
  /** Before anything else: traffic off the candidate's slot, and whatever else runs there gone. */
  readonly clearing: readonly Step[];
  /** How many replicas the candidate needs to carry all the traffic. */
  readonly size: SizeRule;
}

/** Draws up the frame; `baseline` and `slots` are of the same observation. */
export function frameOf(input: {
  readonly request: Request;
  readonly router: { readonly modes: readonly Mode[]; readonly propagation: step.Timing["propagation"] };
  readonly baseline: Baseline;
  readonly slots: SeenSlots;
}): Frame {
  const { request, router, baseline, slots } = input;
  const timing: step.Timing = {
    strategy: request.strategy,
    probe: request.checks.window.deadline,
    propagation: router.propagation,
  };
  const candidate = candidateSlot(baseline, slots, request);
  const other = otherSlot(candidate);
  return {
    ...timing,
    request,
    modes: router.modes,
    baseline,
    candidate,
    other,
    live: baseline.serving === other,
    otherOccupied: isOccupied(slots[other]),
    clearing:
      baseline.serving === candidate
        ? []
        : [...takeTraffic(timing, baseline, candidate), ...clearLeftover(request, slots[candidate])],
    size: candidateSize(request, baseline, candidate),
  };
}

/** Where traffic is shared, the revision asked for may be the live one already: then it only has to get everything. */
function candidateSlot(baseline: Baseline, slots: SeenSlots, request: Request): Slot {
  if (baseline.serving !== "nobody") {
    const isLive = holdsOnly(slots[baseline.serving], request.revision);
    return isLive && request.again !== true ? baseline.serving : otherSlot(baseline.serving);
  }
  // Nobody serves. A slot without weight keeps the candidate out of traffic until it has passed its checks.
  const weightless = SLOTS.filter((slot) => !mayReceive(baseline.weights, slot));
  const choices = weightless.length > 0 ? weightless : SLOTS;
  const holding = choices.find((slot) => isOccupied(slots[slot]) && holdsOnly(slots[slot], request.revision));
  return holding ?? choices.find((slot) => !isOccupied(slots[slot])) ?? choices[0] ?? "blue";
}

function takeTraffic(timing: step.Timing, baseline: Baseline, candidate: Slot): readonly Step[] {
  if (!mayReceive(baseline.weights, candidate)) return [];
  const live = baseline.serving;
  if (live === "nobody") return step.shiftAndConfirm(timing, NOBODY, candidate);
  return [step.probe(timing, live, "-live"), ...step.shiftAndConfirm(timing, allTo(live), live)];
}

/** A leftover of an aborted deployment, or the previous revision still warm: a slot changes only when it is empty. */
function clearLeftover(request: Request, slot: SeenSlots[Slot]): readonly Step[] {
  if (!isOccupied(slot) || holdsOnly(slot, request.revision)) return [];
  return step.drainAndRetire(request.strategy, slot.slot, "revert", "-leftover");
}

function candidateSize(request: Request, baseline: Baseline, candidate: Slot): SizeRule {
  if (baseline.serving === candidate) {
    return { rule: "fixed", replicas: Math.max(baseline.slots[candidate].wanted, request.replicas) };
  }
  const { wanted } = baseline.slots[otherSlot(candidate)];
  if (baseline.serving !== "nobody" && wanted > 0) return { rule: "matchLive" };
  // Nobody serves: a slot that has traffic and is down still tells how much capacity users need.
  return { rule: "fixed", replicas: Math.max(request.replicas, wanted) };
}
