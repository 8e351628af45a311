import type { Observed, Replica, SlotState } from "../observed.ts";
import type { Baseline, SizeRule, Step } from "../plan.ts";
import { mayReceive, type Weights } from "../routing.ts";
import {
  instant,
  millis,
  otherSlot,
  sameRevision,
  SLOTS,
  version,
  type Millis,
  type Revision,
  type Slot,
} from "../units.ts";
import type { Durations } from "./durations.ts";

/** One slot in the model: `ready` of `wanted` replicas; the rest is ready after `growing`. */
interface ModelSlot {
  readonly revision?: Revision;
  readonly wanted: number;
  readonly ready: number;
  readonly growing: Millis;
}

/** The world as far as a comparison needs it: everything works, every step takes its usual time. */
export interface Model {
  readonly weights: Weights;
  readonly slots: Readonly<Record<Slot, ModelSlot>>;
}

/** What is true while a step runs, and for how long. */
export interface Segment {
  readonly step: Step;
  readonly took: Millis;
  /** Worst of the step: replicas that are starting or stopping count. */
  readonly during: Model;
}

export function modelOf(baseline: Baseline): Model {
  const slot = (name: Slot): ModelSlot => ({ ...baseline.slots[name], growing: millis(0) });
  return { weights: baseline.weights, slots: { blue: slot("blue"), green: slot("green") } };
}

/** Walks the steps; `after` is the model at the end. */
export function walk(
  start: Model,
  steps: readonly Step[],
  baseline: Baseline,
  durations: Durations,
): { readonly segments: readonly Segment[]; readonly after: Model } {
  const segments: Segment[] = [];
  let model = start;
  for (const step of steps) {
    const { took, during, after } = perform(model, step, baseline, durations);
    segments.push({ step, took, during });
    model = after;
  }
  return { segments, after: model };
}

interface Performed {
  readonly took: Millis;
  readonly during: Model;
  readonly after: Model;
}

function perform(model: Model, step: Step, baseline: Baseline, durations: Durations): Performed {
  const took = durations(step);
  if (step.do === "ensure") return grow(model, step, baseline, durations);
  if (step.do === "retire") {
    const before = model.slots[step.slot];
    const keep = sizeOf(step.keep, step.slot, model, baseline);
    const after = withSlot(model, step.slot, {
      ...before,
      wanted: keep,
      ready: Math.min(before.ready, keep),
    });
    return { took, during: model, after };
  }
  if (step.do === "shift") {
    const waits =
      step.rule === "readyShare" ? Math.max(model.slots.blue.growing, model.slots.green.growing) : 0;
    return {
      took: millis(took + waits),
      during: model,
      after: { weights: step.to, slots: grown(model.slots) },
    };
  }
  return { took, during: model, after: model };
}

/** An ensure that is there already takes no time; one that is not waited for goes on growing beside the next steps. */
function grow(
  model: Model,
  step: Step & { readonly do: "ensure" },
  baseline: Baseline,
  durations: Durations,
): Performed {
  const took = durations(step);
  const before = model.slots[step.slot];
  const wanted = sizeOf(step.size, step.slot, model, baseline);
  const done = withSlot(model, step.slot, {
    revision: step.revision,
    wanted,
    ready: wanted,
    growing: millis(0),
  });
  if (before.ready >= wanted && sameRevision(before.revision, step.revision)) {
    return { took: millis(0), during: model, after: done };
  }
  const starting = {
    revision: step.revision,
    wanted: Math.max(wanted, before.wanted),
    ready: before.ready,
    growing: took,
  };
  if (step.wait !== false) return { took, during: withSlot(model, step.slot, starting), after: done };
  const growing = durations(awaited(step));
  const told = withSlot(model, step.slot, { ...starting, wanted, growing });
  return { took, during: told, after: told };
}

/** The same ensure as a forward step: how long the replicas take that this one does not wait for. */
function awaited({
  slot,
  revision,
  size,
  deadline,
  reason,
  otherwise,
}: Step & { readonly do: "ensure" }): Step {
  return { id: `ensure-${slot}`, do: "ensure", slot, revision, size, deadline, reason, otherwise };
}

/** Resolves a size as the engine does when it performs the step. */
export function sizeOf(rule: SizeRule, slot: Slot, model: Model, baseline: Baseline): number {
  if (rule.rule === "fixed") return rule.replicas;
  const live = baseline.serving === "nobody" ? otherSlot(slot) : baseline.serving;
  const { wanted } = baseline.slots[live];
  if (rule.rule === "matchLive") return Math.max(wanted, model.slots[live].wanted);
  return Math.ceil((wanted * rule.done) / rule.of);
}

export function replicas(model: Model): number {
  return model.slots.blue.wanted + model.slots.green.wanted;
}

/** Slots that may receive traffic and have something ready. */
export function servingSlots(model: Model): readonly Slot[] {
  return SLOTS.filter((slot) => mayReceive(model.weights, slot) && model.slots[slot].ready > 0);
}

/** Replicas of two different revisions exist at once, so both use the database. */
export function runsTwo(model: Model): boolean {
  const { blue, green } = model.slots;
  return blue.wanted > 0 && green.wanted > 0 && !sameRevision(blue.revision, green.revision);
}

/** The model as a target would show it. */
export function toObserved(model: Model): Observed {
  const seen = { is: "seen", version: version("model"), at: instant(0) } as const;
  return {
    routing: { ...seen, value: { weights: model.weights, rules: [] } },
    slots: {
      blue: { ...seen, value: slotState("blue", model.slots.blue) },
      green: { ...seen, value: slotState("green", model.slots.green) },
    },
  };
}

function slotState(slot: Slot, { revision, wanted, ready }: ModelSlot): SlotState {
  const list = Array.from({ length: wanted }, (_, index): Replica => {
    return {
      id: `${slot}-${index}`,
      incarnation: "1",
      phase: index < ready ? "ready" : "starting",
      restarts: 0,
    };
  });
  const state = { slot, wanted, settled: ready === wanted, replicas: list };
  return revision === undefined ? state : { revision, ...state };
}

function withSlot(model: Model, slot: Slot, state: ModelSlot): Model {
  return { ...model, slots: { ...model.slots, [slot]: state } };
}

function grown(slots: Model["slots"]): Model["slots"] {
  const whole = (slot: ModelSlot): ModelSlot =>
    slot.growing > 0 ? { ...slot, ready: slot.wanted, growing: millis(0) } : slot;
  return { blue: whole(slots.blue), green: whole(slots.green) };
}
