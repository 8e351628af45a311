import type { Observed } from "../observed.ts";
import type { Plan, Step } from "../plan.ts";
import { allTo, mayReceive } from "../routing.ts";
import { millis, sameRevision, type Slot } from "../units.ts";
import { isOccupied } from "./baseline.ts";
import * as step from "./steps.ts";

export interface RevertInput {
  readonly plan: Plan;
  /** Each part seen or unreadable. */
  readonly observed: Observed;
  /** Slots this deployment has written to; only asked about a slot that cannot be read. */
  readonly touched?: readonly Slot[];
}

/**
 * The way back, from the plan's baseline and what is observed (each part seen or not): traffic to the baseline's slot,
 * proof, and only then the candidate's slot is emptied; nothing before the proof waits for the failing slot.
 *
 * - A baseline slot that has shrunk or is gone is told to grow first, without waiting; the shift then moves as much as
 *   is ready and goes on until everything is back.
 * - The candidate's slot is retired also when it never had traffic: what failed once must not be taken for a warm
 *   slot later. Its logs stay. A leftover of another revision that was not cleared yet is left as it is.
 * - Before a first deployment nobody served: a candidate that has traffic keeps it, since nothing else could serve.
 *
 * Traffic goes back to the serving slot alone, even where the baseline shared it or was a pool: with the candidate's
 * replicas still there, shared weights would send users to them.
 * Whether going back is still allowed (`pointOfNoReturn`) is for the caller to decide. An answer is never "revert".
 */
export function revertPlan(input: RevertInput): readonly Step[] {
  const { plan } = input;
  const { serving } = plan.baseline;
  if (serving === "nobody") return [...clearUnserving(input), step.restore()];
  const clear = serving === plan.candidate.slot ? [] : clearCandidate(input);
  return [...regrow(input, serving), ...trafficBack(input, serving), ...clear, step.restore()];
}

/** Tells the baseline's slot to have its size again where it has less, or may have less and cannot be read. */
function regrow(input: RevertInput, serving: Slot): readonly Step[] {
  const { revision, wanted } = input.plan.baseline.slots[serving];
  if (revision === undefined || !hasShrunk(input, serving)) return [];
  return [
    {
      id: `back-ensure-${serving}`,
      do: "ensure",
      slot: serving,
      revision,
      size: { rule: "fixed", replicas: Math.max(1, wanted) },
      wait: false,
      deadline: step.WRITE_DEADLINE,
      reason: `${serving} to be told to grow back to ${Math.max(1, wanted)}`,
      otherwise: "proceed",
    },
  ];
}

function hasShrunk({ plan, observed, touched = [] }: RevertInput, serving: Slot): boolean {
  const read = observed.slots[serving];
  const baseline = plan.baseline.slots[serving];
  // A slot that this deployment left alone is taken to be as it was: a provider that is down must not hold up the shift.
  if (read.is === "unreadable") return touched.includes(serving);
  return read.value.wanted < baseline.wanted || !sameRevision(read.value.revision, baseline.revision);
}

/** Nothing to shift where the router is seen to send everything there already; that is proven all the same. */
function trafficBack(input: RevertInput, serving: Slot): readonly Step[] {
  const { plan, observed } = input;
  const to = allTo(serving);
  const { routing } = observed;
  const there =
    routing.is === "seen" && routing.value.weights !== "pool" && routing.value.weights[serving] === 100;
  const proof = { ...step.confirm(timing(plan), to, serving, "stop"), id: `back-confirm-${serving}` };
  if (there) return [proof];
  const growth = plan.request.strategy.startDeadline;
  return [
    {
      id: `back-shift-${serving}`,
      do: "shift",
      to,
      rule: "readyShare",
      deadline: millis(
        step.WRITE_DEADLINE +
          (hasShrunk(input, serving) || input.touched?.includes(serving) === true ? growth : 0),
      ),
      reason: `traffic to be back on ${serving}, as far as its ready replicas carry it`,
      otherwise: "stop",
    },
    proof,
  ];
}

function clearCandidate({ plan, observed, touched = [] }: RevertInput): readonly Step[] {
  const { slot, revision } = plan.candidate;
  const read = observed.slots[slot];
  const before = plan.baseline.slots[slot].revision;
  if (read.is === "seen") {
    // What this deployment wrote may still be in transit: empty now is not empty then.
    if (!isOccupied(read.value)) return touched.includes(slot) ? emptied(plan) : [];
    const untouched =
      !sameRevision(read.value.revision, revision) && sameRevision(read.value.revision, before);
    if (untouched) return [];
  }
  return emptied(plan);
}

function emptied(plan: Plan): readonly Step[] {
  return step
    .drainAndRetire(plan.request.strategy, plan.candidate.slot, "stop")
    .map((each) => ({ ...each, id: `back-${each.id}` }));
}

/** A candidate nobody may reach goes; one that has traffic, or may have, is all there is and stays. */
function clearUnserving(input: RevertInput): readonly Step[] {
  const { plan } = input;
  const { routing } = input.observed;
  if (routing.is === "unreadable" || mayReceive(routing.value.weights, plan.candidate.slot)) return [];
  return clearCandidate(input);
}

/** The router's promise is not part of the plan, so going back allows for none. */
function timing(plan: Plan): step.Timing {
  const { strategy, checks } = plan.request;
  return { strategy, probe: checks.window.deadline, propagation: "unknown" };
}
