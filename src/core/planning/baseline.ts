import { readyReplicas, type Observed, type Read, type Routing, type SlotState } from "../observed.ts";
import type { Baseline, Refusal } from "../plan.ts";
import { mayReceive, type Weights } from "../routing.ts";
import { otherSlot, sameRevision, SLOTS, type Revision, type Slot } from "../units.ts";
import { refused } from "./refused.ts";

/** Both slots as seen; planning refuses to guess about a slot that could not be read. */
export type SeenSlots = Readonly<Record<Slot, SlotState>>;

export type BaselineFound =
  | { readonly is: "baseline"; readonly baseline: Baseline; readonly slots: SeenSlots }
  | Refusal;

/** Anything of the slot runs, or is told to. An exited replica is only a record. */
export function isOccupied(slot: SlotState): boolean {
  return slot.wanted > 0 || slot.replicas.some((replica) => replica.phase !== "exited");
}

/** The slot is the revision's through and through: no replica runs another one, as in the middle of a change. */
export function holdsOnly(slot: SlotState, revision: Revision): boolean {
  const runs = slot.replicas.filter(
    (replica) => replica.phase !== "exited" && replica.revision !== undefined,
  );
  return (
    sameRevision(slot.revision, revision) && runs.every((replica) => sameRevision(replica.revision, revision))
  );
}

/** A slot *serves* when it may receive traffic and has a ready replica; a weight alone proves nothing. */
export function serves(weights: Weights, slot: SlotState): boolean {
  return mayReceive(weights, slot.slot) && readyReplicas(slot).length > 0;
}

/**
 * What is there before the first write. `live` is the user's decision where two slots serve; it is refused when it
 * contradicts what the router says. Refuses (TEAL-P101 to P104) rather than guesses who serves.
 */
export function baselineOf(observed: Observed, live?: Slot): BaselineFound {
  const seen = allSeen(observed);
  if (seen.is === "refused") return seen;
  const { routing, slots } = seen;
  const serving = SLOTS.filter((slot) => serves(routing.weights, slots[slot]));
  if (live !== undefined && serving.length > 0 && !serving.includes(live)) {
    return refused(
      "TEAL-P104",
      `${live} was named as the live slot, but ${serving[0]} serves and ${live} does not`,
      `Leave --live away, or check with \`teal status\` what serves.`,
    );
  }
  if (serving.length > 1 && live === undefined) {
    return refused(
      "TEAL-P103",
      `both slots serve (${describeWeights(routing.weights)}), so which one is live cannot be told`,
      `Say which: --live blue or --live green; the other one is taken out of traffic first.`,
    );
  }
  const baseline: Baseline = {
    format: 1,
    serving: (serving.length > 1 ? live : serving[0]) ?? "nobody",
    weights: routing.weights,
    rules: routing.rules,
    slots: { blue: sizeOf(slots.blue), green: sizeOf(slots.green) },
  };
  return { is: "baseline", baseline, slots };
}

/** `blue 70 %, green 30 %`, for messages. */
export function describeWeights(weights: Weights): string {
  if (weights === "pool") return "a pool of both slots";
  if (weights.blue === 0 && weights.green === 0) return "nobody";
  return SLOTS.filter((slot) => weights[slot] > 0)
    .map((slot) => `${slot} ${weights[slot]} %`)
    .join(", ");
}

/** The other slot may receive traffic too, so its replicas cannot be touched yet. */
export function isShared(baseline: Baseline): boolean {
  return baseline.serving !== "nobody" && mayReceive(baseline.weights, otherSlot(baseline.serving));
}

function allSeen(
  observed: Observed,
): { readonly is: "seen"; readonly routing: Routing; readonly slots: SeenSlots } | Refusal {
  const { routing, slots } = observed;
  if (routing.is === "unreadable") {
    return refused(
      "TEAL-P101",
      `the router cannot be read, so who serves is unknown: ${routing.cause.message}`,
      "Make the router readable, then run this again; teal status shows what can be read. Nothing was changed.",
    );
  }
  if (slots.blue.is === "unreadable") return unreadableSlot("blue", slots.blue);
  if (slots.green.is === "unreadable") return unreadableSlot("green", slots.green);
  return { is: "seen", routing: routing.value, slots: { blue: slots.blue.value, green: slots.green.value } };
}

function unreadableSlot(slot: Slot, read: Read<SlotState> & { readonly is: "unreadable" }): Refusal {
  return refused(
    "TEAL-P102",
    `slot ${slot} cannot be read, so who serves is unknown: ${read.cause.message}`,
    "Make the slot readable, then run this again; teal status shows what can be read. Nothing was changed.",
  );
}

function sizeOf(slot: SlotState): Baseline["slots"][Slot] {
  const size = { wanted: slot.wanted, ready: readyReplicas(slot).length };
  return slot.revision === undefined ? size : { revision: slot.revision, ...size };
}
