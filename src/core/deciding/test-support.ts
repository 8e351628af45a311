import type { Call } from "../calls.ts";
import { begin, apply, type Deployment } from "../deployment.ts";
import type { Happening, JournalEvent } from "../journal.ts";
import type { Replica, SlotState } from "../observed.ts";
import type { Plan, Step } from "../plan.ts";
import { blueServes, planned, request, seen, slot, V2, type strategy } from "../planning/testing.ts";
import type { Weights } from "../routing.ts";
import {
  assertNever,
  deploymentId,
  fence,
  instant,
  intentId,
  millis,
  version,
  type Revision,
  type Slot,
} from "../units.ts";
import type { Judgement } from "../verdict.ts";
import type { Facts, Move } from "./moves.ts";

/** Builders for tests of decisions: a deployment from its events, and facts that differ from a calm world by little. */

export { allTo, NOBODY, shareOf } from "../routing.ts";
export { blueServes, request, seen, slot, strategy, UNREADABLE, V1, V2, V3 } from "../planning/testing.ts";

/** When everything in these tests happens. */
export const NOW = instant(Date.UTC(2026, 0, 5, 12));

/** Two replicas of v1 on blue; v2 is to come to green. */
export function planOf(
  kind: Parameters<typeof request>[0] = "blueGreen",
  but: Parameters<typeof strategy>[1] = {},
  of = blueServes(2),
): Plan {
  return planned(request(kind, {}, but), of);
}

/** The deployment after these events, all at `NOW`. */
export function after(plan: Plan, ...events: readonly Happening[]): Deployment {
  const at = (event: Happening, seq: number, time = NOW): JournalEvent => ({ ...event, seq, at: time });
  const opened = at({ kind: "opened", id: deploymentId("d1"), plan, engine: 1 }, 1) as JournalEvent & {
    kind: "opened";
  };
  let { deployment } = begin(opened);
  for (const event of events) deployment = apply(deployment, at(event, deployment.seq + 1)).deployment;
  return deployment;
}

export const claimed = (number = 1): Happening => ({
  kind: "claimed",
  fence: fence(number),
  holder: { name: "ann", host: "h", pid: 1, started: "s", boot: "b" },
});

export function intent(
  step: string,
  call: Call,
  more: { id?: string; dir?: "forward" | "back"; by?: number } = {},
): Happening {
  const { id = `i-${step}`, dir = "forward", by = 1 } = more;
  return {
    kind: "intent",
    intent: intentId(id),
    step,
    dir,
    call,
    expect: version("1"),
    fence: fence(by),
    bound: millis(5_000),
  };
}

export const outcome = (
  step: string,
  result: "applied" | "unknown" | "rejected" | "conflict" = "applied",
  more: object = {},
): Happening => ({
  kind: "outcome",
  intent: intentId(`i-${step}`),
  result,
  ...more,
});

export const next = (of: string, dir: "forward" | "back" = "forward", more: object = {}): Happening => ({
  kind: "verdict",
  dir,
  of,
  result: "pass",
  then: "next",
  facts: { summary: "test" },
  ...more,
});

export const turned: Happening = {
  kind: "verdict",
  dir: "forward",
  of: "guard",
  result: "fail",
  then: "back",
  cause: { code: "TEAL-B201", message: "errors" },
  facts: { summary: "errors" },
};

/** The events by which a deployment gets to a step, its writes included. */
export function walk(plan: Plan, to: string): readonly Happening[] {
  const end = plan.steps.findIndex((step) => step.id === to);
  if (end < 0) throw new Error(`no step ${to} among ${plan.steps.map((step) => step.id).join(", ")}`);
  return [
    claimed(),
    ...plan.steps
      .slice(0, end)
      .flatMap((step) => [...written(step), next(step.id, "forward", provenBy(step))]),
  ];
}

/** The deployment as it arrives at a step, with more events after that. */
export function atStep(plan: Plan, step: string, ...more: readonly Happening[]): Deployment {
  return after(plan, ...walk(plan, step), ...more);
}

/** On its way back over these steps, from a step forward. */
export function goingBack(
  plan: Plan,
  from: string,
  steps: readonly Step[],
  ...more: readonly Happening[]
): Deployment {
  return atStep(
    plan,
    from,
    turned,
    { kind: "replanned", dir: "back", steps, from: 0, because: "test" },
    ...more,
  );
}

function written(step: Step): readonly Happening[] {
  const call = callOf(step);
  return call === undefined ? [] : [intent(step.id, call), outcome(step.id)];
}

function callOf(step: Step): Call | undefined {
  switch (step.do) {
    case "ensure":
      return {
        call: "ensure",
        slot: step.slot,
        want: { revision: step.revision, replicas: 2, checks: request("blueGreen").checks },
      };
    case "shift":
      return { call: "shift", to: step.to };
    case "retire":
      return { call: "retire", slot: step.slot, keep: 0 };
    case "migrate":
      return { call: "migrate", phase: step.phase };
    case "probe":
    case "gate":
    case "confirm":
    case "bake":
    case "restore":
    case "warm":
    case "drain":
      return undefined;
    default:
      return assertNever(step);
  }
}

function provenBy(step: Step): object {
  return step.do === "probe" ? { passed: { slot: step.slot, incarnations: ["0.1", "1.1"] } } : {};
}

/** A calm world: blue serves v1, green holds two ready v2, the router as told, nothing waited for. */
export function factsOf(over: Partial<Facts> = {}): Facts {
  return {
    now: NOW,
    elapsed: millis(0),
    observed: blueServes(2),
    fencing: "atomic",
    claimed: true,
    settle: millis(5_000),
    bound: millis(5_000),
    sinceWrite: millis(60_000),
    known: new Map(),
    ...over,
  };
}

export function replica(name: Slot, index: number, over: Partial<Replica> = {}): Replica {
  return { id: `${name}-${index}`, incarnation: `${index}.1`, phase: "ready", restarts: 0, ...over };
}

/** A slot with exactly these replicas. */
export function slotOf(
  name: Slot,
  revision: Revision,
  replicas: readonly Replica[],
  over: Partial<SlotState> = {},
): SlotState {
  return { ...slot(name, revision, 0), wanted: replicas.length, replicas, ...over };
}

/** Green with two ready replicas of v2 beside blue with two of v1. */
export function both(
  weights: Weights,
  green: SlotState = slot("green", V2, 2),
  blue: SlotState = slotBlue(),
): Facts["observed"] {
  return { routing: seenRouting(weights), slots: { blue: seen(blue), green: seen(green) } };
}

function slotBlue(): SlotState {
  const { blue } = blueServes(2).slots;
  if (blue.is === "unreadable") throw new Error("unreadable");
  return blue.value;
}

function seenRouting(weights: Weights) {
  return seen({ weights, rules: [] });
}

export function judgement(decision: Judgement["decision"], passed: readonly string[] = []): Judgement {
  return { decision, passed, failing: [], unknown: [], summary: decision };
}

/** What a move is, short enough to compare: `call shift`, `verdict next`, `look`. */
export function short(move: Move): string {
  if (move.move === "call") return `call ${move.call.call}`;
  if (move.move === "end") return `end ${move.outcome}`;
  if (move.move === "checks") return `checks ${move.slot}`;
  if (move.move !== "journal") return move.move;
  const { event } = move;
  return event.kind === "verdict" ? `${event.result} ${event.then}` : event.kind;
}

/** The code a move gives as its cause. */
export function codeOf(move: Move): string | undefined {
  if (move.move === "end") return move.cause?.code;
  return move.move === "journal" && move.event.kind === "verdict" ? move.event.cause?.code : undefined;
}
