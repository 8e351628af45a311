import type { Plan, Refusal, Request, Step, StrategyKind } from "../plan.ts";
import { millis, sameRevision, type Millis, type Slot } from "../units.ts";
import type { Durations } from "./durations.ts";
import {
  modelOf,
  replicas,
  runsTwo,
  servingSlots,
  toObserved,
  walk,
  type Model,
  type Segment,
} from "./model.ts";
import { plan, type PlanInput } from "./plan.ts";
import { revertPlan } from "./revert.ts";

/** Time until the previous revision has all the traffic again, or why it never will. */
export type WayBack =
  | { readonly is: "possible"; readonly after: Millis }
  | { readonly is: "impossible"; readonly because: string };

/** What a plan costs when every step goes well, in ms and replicas. */
export interface Cost {
  /** Time in which nobody serves though somebody did before. */
  readonly downtime: Millis;
  readonly back: {
    /** From the last moment before the candidate gets everything. */
    readonly beforeCutover: WayBack;
    /** From the bake, and while the previous slot is kept warm. */
    readonly inBake: WayBack;
    /** After the previous slot was retired: by a deployment of the previous revision. */
    readonly afterRetire: WayBack;
  };
  /** How long after the bake the way back stays as quick as in it: the previous slot is kept warm. */
  readonly keptWarm: Millis;
  /** Most replicas at one time, both slots together. */
  readonly peak: number;
  readonly replicaHours: number;
  /** Replica-hours on top of what the baseline would have used in the same time; less than 0 when it used less. */
  readonly extraReplicaHours: number;
  /** How long replicas of two revisions exist at once: so long the schema must suit both. */
  readonly bothRun: Millis;
  /** How long users may meet either revision. */
  readonly bothServe: Millis;
  /** Percent of the traffic that meets the candidate first. */
  readonly firstShare: number;
  readonly steps: number;
  /** Steps that change something; `restore` counts as none, since mostly nothing was borrowed. */
  readonly writes: number;
  readonly total: Millis;
  /** A person or a schedule is waited for, on top of `total`. */
  readonly waitsForGate: boolean;
}

/** One strategy, computed from its plan for this very service. */
export type Row =
  | { readonly is: "possible"; readonly kind: StrategyKind; readonly cost: Cost }
  | { readonly is: "unchanged"; readonly kind: StrategyKind; readonly slot: Slot }
  | ({ readonly kind: StrategyKind } & Refusal);

type Planning = Pick<PlanInput, "router" | "digest">;

/** Walks the plan through the model and adds up. */
export function costOf(given: Plan, planning: Planning, durations: Durations): Cost {
  const start = modelOf(given.baseline);
  const { segments } = walk(start, given.steps, given.baseline, durations);
  const total = sum(segments, () => true);
  const hours = (count: (during: Model) => number): number => {
    return segments.reduce((hours, { took, during }) => hours + (count(during) * took) / 3_600_000, 0);
  };
  const before = replicas(start);
  return {
    downtime:
      given.baseline.serving === "nobody"
        ? millis(0)
        : sum(segments, (model) => servingSlots(model).length === 0),
    back: waysBack(given, planning, durations),
    keptWarm: millis(given.steps.reduce((time, step) => (step.do === "warm" ? time + step.for : time), 0)),
    peak: Math.max(before, ...segments.map(({ during }) => replicas(during))),
    replicaHours: hours(replicas),
    extraReplicaHours: hours((model) => replicas(model) - before),
    bothRun: sum(segments, runsTwo),
    bothServe: sum(segments, (model) => runsTwo(model) && servingSlots(model).length === 2),
    firstShare: firstShare(given),
    steps: given.steps.length,
    writes: given.steps.filter((step) => WRITES.has(step.do)).length,
    total,
    waitsForGate: given.steps.some((step) => step.do === "gate" && step.gate.gate !== "watch"),
  };
}

const WRITES: ReadonlySet<Step["do"]> = new Set(["migrate", "ensure", "shift", "retire"]);

function sum(segments: readonly Segment[], when: (during: Model) => boolean): Millis {
  return millis(segments.reduce((total, { took, during }) => (when(during) ? total + took : total), 0));
}

/** In a pool the members share by their number: the first batch's part of all replicas then. */
function firstShare(given: Plan): number {
  const first = given.steps.find((step) => {
    return step.do === "shift" && (step.to === "pool" || step.to[given.candidate.slot] > 0);
  });
  if (first?.do !== "shift") return 0;
  if (first.to !== "pool") return first.to[given.candidate.slot];
  const { after } = walk(modelOf(given.baseline), until(given.steps, first), given.baseline, () => millis(0));
  return Math.round((100 * after.slots[given.candidate.slot].ready) / Math.max(1, replicas(after)));
}

function waysBack(given: Plan, planning: Planning, durations: Durations): Cost["back"] {
  const cutover = given.steps.findLast((step) => step.do === "shift");
  const bake = given.steps.findLast((step) => step.do === "bake");
  if (cutover === undefined || bake === undefined) throw new Error("a plan without cutover or bake");
  return {
    beforeCutover: revertFrom(given, cutover, durations),
    inBake: revertFrom(given, bake, durations),
    afterRetire: deployBack(given, planning, durations),
  };
}

/** The revert plan as it would be drawn up at the beginning of `moment`, walked until traffic is back. */
function revertFrom(given: Plan, moment: Step, durations: Durations): WayBack {
  const hindered = hindrance(given, moment);
  if (hindered !== undefined) return { is: "impossible", because: hindered };
  const { after } = walk(modelOf(given.baseline), until(given.steps, moment), given.baseline, durations);
  const steps = revertPlan({ plan: given, observed: toObserved(after) });
  return { is: "possible", after: timeToLastShift(after, steps, given, durations) };
}

/** Once the previous slot is gone, the way back is a deployment like any other, though without gates. */
function deployBack(given: Plan, planning: Planning, durations: Durations): WayBack {
  const hindered = hindrance(given, given.steps.at(-1));
  if (hindered !== undefined) return { is: "impossible", because: hindered };
  const { after } = walk(modelOf(given.baseline), given.steps, given.baseline, durations);
  const { serving, slots } = given.baseline;
  const previous = serving === "nobody" ? undefined : slots[serving].revision;
  if (previous === undefined) return { is: "impossible", because: "the previous revision is not known" };
  const back = plan({
    ...planning,
    request: requestBack(given.request, previous),
    observed: toObserved(after),
  });
  if (back.is === "unchanged") return { is: "possible", after: millis(0) };
  if (back.is === "refused") return { is: "impossible", because: back.cause.message };
  return { is: "possible", after: timeToLastShift(after, back.plan.steps, back.plan, durations) };
}

function requestBack({ live: _, ...request }: Request, revision: Request["revision"]): Request {
  const migrations = { expand: false, contract: false, destructive: false };
  return {
    ...request,
    revision,
    rollback: true,
    strategy: { ...request.strategy, gates: [], shifts: [], migrations },
  };
}

function timeToLastShift(from: Model, steps: readonly Step[], given: Plan, durations: Durations): Millis {
  const last = steps.findLastIndex((step) => step.do === "shift");
  return sum(walk(from, steps.slice(0, last + 1), given.baseline, durations).segments, () => true);
}

/** Why there is no way back at `moment`, before even looking. */
function hindrance(given: Plan, moment: Step | undefined): string | undefined {
  const { serving, slots } = given.baseline;
  if (serving === "nobody") return "nobody served before";
  if (sameRevision(slots[serving].revision, given.candidate.revision))
    return "the same revision served before";
  const limit = given.steps.findIndex((step) => step.id === given.pointOfNoReturn);
  const at = given.steps.findIndex((step) => step.id === moment?.id);
  return limit >= 0 && at >= limit ? "the migration took away what the previous revision needs" : undefined;
}

function until(steps: readonly Step[], moment: Step): readonly Step[] {
  return steps.slice(
    0,
    steps.findIndex((step) => step.id === moment.id),
  );
}
