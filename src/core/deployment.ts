import type { Call } from "./calls.ts";
import type { Expected, Happening, Holder, JournalEvent, VerdictFacts } from "./journal.ts";
import { shapesOf, type Borrowed } from "./observed.ts";
import type { Plan, Step } from "./plan.ts";
import type { State } from "./state.ts";
import { initial, stepAt, transition, type Course, type Effect } from "./transition.ts";
import {
  SLOTS,
  fence,
  type Cause,
  type DeploymentId,
  type Fence,
  type Instant,
  type IntentId,
  type Millis,
  type Slot,
  type Version,
} from "./units.ts";

/** The engine writes plans and journals of this version and resumes those of this and the one before. */
export const ENGINE_VERSION = 1;

/** A write whose end is open: nobody saw it end, or its answer was `unknown`. */
export interface OpenIntent {
  readonly intent: IntentId;
  readonly step: string;
  readonly call: Call;
  readonly expect: Version | "any";
  readonly fence: Fence;
  readonly at: Instant;
  readonly bound: Millis;
}

/** A deployment as its journal tells it. Everything here is derived; nothing is stored beside the events. */
export interface Deployment {
  readonly id: DeploymentId;
  readonly plan: Plan;
  readonly engine: number;
  readonly seq: number;
  readonly state: State;
  readonly course: Course;
  readonly fence: Fence;
  readonly holder?: Holder;
  readonly opened: Instant;
  /** When the state, or the step within it, last changed. */
  readonly since: Instant;
  readonly open: readonly OpenIntent[];
  readonly expected: Expected;
  /** Taken hold of and not yet given back. */
  readonly borrowed: readonly Borrowed[];
  /** The last passed probe of each slot: whose incarnations, when. */
  readonly passed: Partial<
    Readonly<Record<Slot, { readonly incarnations: readonly string[]; readonly at: Instant }>>
  >;
  /** Slots whose replicas this deployment stopped or changed. */
  readonly touched: readonly Slot[];
  /** The first reason for going back, with its evidence. */
  readonly cause?: Cause;
  readonly failure?: VerdictFacts;
  /** Why the present wait began, where a verdict began it. */
  readonly held?: Cause;
  /** An operator asked to abort (or to roll back while it was open). */
  readonly abortedBy?: string;
  /** Some write was begun: from here on `refused` is not an honest ending. */
  readonly wrote: boolean;
  /** The last write of the current step that the target refused. */
  readonly rejected?: { readonly step: string; readonly cause: Cause; readonly transient: boolean };
  /** How often a wait at the present step ended by itself. */
  readonly agains: number;
  /** How often the way back had to begin again because somebody else moved the traffic. */
  readonly backAgain: number;
  /** Drift was accepted and the plan has to take what is there as expected. */
  readonly driftAccepted: boolean;
}

export interface Folded {
  readonly deployment: Deployment;
  readonly effects: readonly Effect[];
}

/** The deployment after its first event. */
export function begin(event: JournalEvent & { kind: "opened" }): Folded {
  const { state, effects } = initial();
  const { baseline } = event.plan;
  const revision = (slot: Slot) => baseline.slots[slot].revision ?? "empty";
  const deployment: Deployment = {
    id: event.id,
    plan: event.plan,
    engine: event.engine,
    seq: event.seq,
    state,
    course: { forward: event.plan.steps, back: undefined, pastNoReturn: false },
    fence: fence(0),
    opened: event.at,
    since: event.at,
    open: [],
    expected: {
      weights: baseline.weights,
      revisions: { blue: revision("blue"), green: revision("green") },
      ...shapesOf(baseline.rules),
    },
    borrowed: [],
    passed: {},
    touched: [],
    wrote: false,
    driftAccepted: false,
    agains: 0,
    backAgain: 0,
  };
  return { deployment, effects };
}

/** Folds one more event in. Pure: the same journal gives the same deployment on every machine. */
export function apply(deployment: Deployment, event: JournalEvent): Folded {
  const { state, effects } = transition(deployment.state, event, deployment.course);
  const moved = !sameSpot(state, deployment.state);
  const { rejected, held, ...rest } = remember(deployment, event);
  const written = event.kind === "outcome" && (event.result === "applied" || event.result === "unchanged");
  const refusal = moved || written || rejected === undefined ? {} : { rejected };
  const hold = heldBy(event) ?? (moved ? undefined : held);
  const next: Deployment = {
    ...rest,
    ...refusal,
    ...(hold === undefined || state.is !== "waiting" ? {} : { held: hold }),
    agains: againsAfter(deployment, event, state),
    seq: event.seq,
    state,
    since: moved ? event.at : deployment.since,
  };
  return { deployment: next, effects };
}

function againsAfter(deployment: Deployment, event: JournalEvent, state: State): number {
  const ended =
    event.kind === "verdict" &&
    event.then === "again" &&
    deployment.state.is === "waiting" &&
    state.is === "running";
  return sameStep(deployment.state, state) ? deployment.agains + (ended ? 1 : 0) : 0;
}

function sameStep(a: State, b: State): boolean {
  const moving = (state: State) => state.is === "running" || state.is === "waiting";
  return moving(a) && moving(b) && "dir" in a && "dir" in b && a.dir === b.dir && a.step === b.step;
}

function heldBy(event: JournalEvent): Cause | undefined {
  return event.kind === "verdict" && event.then === "hold" ? event.cause : undefined;
}

/** Folds a whole journal. @throws when it does not begin with `opened` or has a gap: then it is not a journal. */
export function fold(events: readonly JournalEvent[]): Deployment {
  const [first, ...rest] = events;
  if (first?.kind !== "opened") throw new Error("journal does not begin with `opened`");
  let deployment = begin(first).deployment;
  for (const event of rest) {
    if (event.seq !== deployment.seq + 1) throw new Error(`journal gap after event ${deployment.seq}`);
    deployment = apply(deployment, event).deployment;
  }
  return deployment;
}

/** The step a deployment is at; undefined before the way back is planned, after the last step and at the end. */
export function currentStep(deployment: Deployment): Step | undefined {
  return stepAt(deployment.state, deployment.course);
}

export function direction(deployment: Deployment): "forward" | "back" {
  const { state } = deployment;
  return state.is === "running" || state.is === "waiting" ? state.dir : "forward";
}

function remember(deployment: Deployment, event: JournalEvent): Deployment {
  switch (event.kind) {
    case "claimed":
      return { ...deployment, fence: event.fence, holder: event.holder };
    case "intent":
      return intended(deployment, event);
    case "outcome":
      return ended(deployment, event);
    case "verdict":
      return judged(deployment, event);
    case "asked":
      return asked(deployment, event);
    case "replanned":
      return replanned(deployment, event);
    case "borrowed":
      return { ...deployment, borrowed: [...deployment.borrowed, ...event.items] };
    case "opened":
    case "drift":
    case "closed":
      return deployment;
    default: {
      const never: never = event;
      return never;
    }
  }
}

type Of<K extends Happening["kind"]> = Extract<JournalEvent, { kind: K }>;

function intended(deployment: Deployment, event: Of<"intent">): Deployment {
  const { intent, step, call, expect, fence: by, at, bound } = event;
  const open = [
    ...deployment.open.filter((each) => each.intent !== intent),
    { intent, step, call, expect, fence: by, at, bound },
  ];
  const beyond = deployment.plan.pointOfNoReturn !== undefined && deployment.plan.pointOfNoReturn === step;
  const course = beyond ? { ...deployment.course, pastNoReturn: true } : deployment.course;
  const touched =
    call.call === "retire" || call.call === "ensure"
      ? [...new Set([...deployment.touched, call.slot])]
      : deployment.touched;
  return { ...deployment, open, course, touched, wrote: true };
}

function ended(deployment: Deployment, event: Of<"outcome">): Deployment {
  const intent = deployment.open.find((each) => each.intent === event.intent);
  if (intent === undefined || event.result === "unknown") return deployment;
  const open = deployment.open.filter((each) => each !== intent);
  if (event.result === "rejected" && event.found !== true && event.cause !== undefined) {
    return {
      ...deployment,
      open,
      rejected: { step: intent.step, cause: event.cause, transient: event.transient === true },
    };
  }
  if (event.result !== "applied" && event.result !== "unchanged") return { ...deployment, open };
  return {
    ...deployment,
    open,
    expected: expectedAfter(deployment.expected, intent.call),
    borrowed:
      intent.call.call === "restore"
        ? without(deployment.borrowed, intent.call.borrowed)
        : deployment.borrowed,
  };
}

/** What the target should look like once `call` took effect. */
export function expectedAfter(expected: Expected, call: Call): Expected {
  switch (call.call) {
    case "shift":
      return { ...expected, weights: call.to };
    case "ensure":
      return { ...expected, revisions: { ...expected.revisions, [call.slot]: call.want.revision } };
    case "retire":
    case "restore":
    case "migrate":
      return expected;
    default: {
      const never: never = call;
      return never;
    }
  }
}

function judged(deployment: Deployment, event: Of<"verdict">): Deployment {
  const passed =
    event.passed === undefined
      ? deployment.passed
      : {
          ...deployment.passed,
          [event.passed.slot]: { incarnations: event.passed.incarnations, at: event.at },
        };
  const turned = event.then === "back" && direction(deployment) === "forward";
  const why = turned && event.cause !== undefined ? { cause: event.cause, failure: event.facts } : {};
  return { ...deployment, passed, ...why };
}

function asked(deployment: Deployment, event: Of<"asked">): Deployment {
  if (event.ask === "acceptDrift") {
    const waits = deployment.state.is === "waiting" && deployment.state.for === "drift";
    return waits ? { ...deployment, driftAccepted: true } : deployment;
  }
  const turns =
    event.ask === "abort" && direction(deployment) === "forward" && deployment.state.is !== "finished";
  return turns && !deployment.course.pastNoReturn ? { ...deployment, abortedBy: event.by } : deployment;
}

function replanned(deployment: Deployment, event: Of<"replanned">): Deployment {
  if (event.dir !== direction(deployment)) return deployment;
  const course =
    event.dir === "back"
      ? { ...deployment.course, back: event.steps }
      : { ...deployment.course, forward: event.steps };
  const again = event.dir === "back" && deployment.course.back !== undefined;
  const backAgain = deployment.backAgain + (again ? 1 : 0);
  return {
    ...deployment,
    course,
    backAgain,
    expected: event.seen ?? deployment.expected,
    driftAccepted: false,
  };
}

function without(items: readonly Borrowed[], item: Borrowed): readonly Borrowed[] {
  return items.filter((each) => each.slot !== item.slot || each.what !== item.what);
}

function sameSpot(a: State, b: State): boolean {
  if (a.is !== b.is) return false;
  if (a.is === "running" && b.is === "running") return a.dir === b.dir && a.step === b.step;
  if (a.is === "waiting" && b.is === "waiting")
    return a.dir === b.dir && a.step === b.step && a.until === b.until;
  return true;
}

/** The slot the baseline says traffic goes back to; undefined when nothing served. */
export function destination(plan: Plan): Slot | undefined {
  const { serving } = plan.baseline;
  return SLOTS.find((slot) => slot === serving);
}
