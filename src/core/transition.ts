import type { Call } from "./calls.ts";
import type { JournalEvent } from "./journal.ts";
import type { Step } from "./plan.ts";
import type { Hold, State } from "./state.ts";
import { assertNever, type IntentId } from "./units.ts";

/** What a state means depends on the steps it counts through. `back` is absent until the way back was planned. */
export interface Course {
  readonly forward: readonly Step[];
  readonly back: readonly Step[] | undefined;
  /** The contract phase (or its like) was begun: there is no way back. */
  readonly pastNoReturn: boolean;
}

/** What the engine must do because of a transition. Decisions that need facts are made by `decide`, not here. */
export type Effect =
  | { readonly effect: "perform"; readonly intent: IntentId; readonly call: Call }
  /** A long wait: the right to advance is given back until something happens. */
  | { readonly effect: "releaseLease" };

export interface Transition {
  readonly state: State;
  readonly effects: readonly Effect[];
}

/**
 * The whole state machine: every event has an answer in every state. What does not fit (an outcome nobody waits
 * for, an abort while going back, a verdict about another step) changes nothing, because journals are written by
 * several processes and events may arrive late.
 */
export function transition(state: State, event: JournalEvent, course: Course): Transition {
  if (state.is === "finished") return stay(state);
  switch (event.kind) {
    case "opened":
      return stay(state);
    case "intent":
      return intended(state, event);
    case "outcome":
      return ended(state, event);
    case "verdict":
      return judged(state, event, course);
    case "drift":
      return state.is === "running" && state.dir === "forward" ? hold(state, event.hold) : stay(state);
    case "asked":
      return asked(state, event, course);
    case "replanned":
      return replanned(state, event);
    case "closed":
      return { state: { is: "finished", outcome: event.outcome }, effects: [] };
    case "claimed":
    case "borrowed":
      return stay(state);
    default:
      return assertNever(event);
  }
}

/** The state a deployment begins in. */
export function initial(): Transition {
  return stay({ is: "running", dir: "forward", step: 0 });
}

type Of<K extends JournalEvent["kind"]> = Extract<JournalEvent, { kind: K }>;
type Moving = Exclude<State, { is: "finished" }>;

function stay(state: State): Transition {
  return { state, effects: [] };
}

/** One write at a time; only a write that goes back may begin beside one whose end nobody has seen. */
function intended(state: Moving, event: Of<"intent">): Transition {
  const perform: Effect = { effect: "perform", intent: event.intent, call: event.call };
  // What was borrowed is given back from any state, since every ending does it, also that of a wait.
  if (event.call.call === "restore" && state.is !== "running") return { state, effects: [perform] };
  if (state.is !== "running" || event.dir !== state.dir) return stay(state);
  if (state.inFlight !== undefined && state.dir === "forward") return stay(state);
  return { state: { ...state, inFlight: event.intent }, effects: [perform] };
}

/** `unknown` ends nothing: the write may still take effect, so it stays in flight until it was looked for. */
function ended(state: Moving, event: Of<"outcome">): Transition {
  if (state.is !== "running" || state.inFlight !== event.intent || event.result === "unknown")
    return stay(state);
  return stay({ is: "running", dir: state.dir, step: state.step });
}

function judged(state: Moving, event: Of<"verdict">, course: Course): Transition {
  const dir = state.is === "warm" ? "forward" : state.dir;
  if (event.dir !== dir) return stay(state);
  switch (event.then) {
    case "note":
      return stay(state);
    case "back":
      return dir === "back" ? stay(state) : turnBack(state, course);
    case "next":
      return isCurrent(state, event.of, course) ? stay(advanced(state)) : stay(state);
    case "again":
      return state.is === "waiting" && isCurrent(state, event.of, course) ? resumed(state) : stay(state);
    case "hold":
      return event.hold === undefined || state.is !== "running"
        ? stay(state)
        : held(state, event, event.hold, course);
    default:
      return assertNever(event.then);
  }
}

function held(
  state: Extract<State, { is: "running" }>,
  event: Of<"verdict">,
  wanted: Hold,
  course: Course,
): Transition {
  const step = stepAt(state, course);
  if (state.dir === "forward" && step?.id === event.of && step.do === "warm") {
    return {
      state: { is: "warm", step: state.step, until: wanted.until },
      effects: [{ effect: "releaseLease" }],
    };
  }
  return hold(state, wanted);
}

/** Going back there is nothing to revert to: its waits end by going on or by stopping. */
function hold(state: Extract<State, { is: "running" }>, wanted: Hold): Transition {
  const otherwise = state.dir === "back" && wanted.otherwise === "revert" ? "stop" : wanted.otherwise;
  const isLong = wanted.for === "gate" || wanted.for === "history";
  const effects: readonly Effect[] = isLong ? [{ effect: "releaseLease" }] : [];
  return { state: { is: "waiting", dir: state.dir, step: state.step, ...wanted, otherwise }, effects };
}

function asked(state: Moving, event: Of<"asked">, course: Course): Transition {
  switch (event.ask) {
    case "abort":
      return state.is !== "warm" && state.dir === "back" ? stay(state) : turnBack(state, course);
    case "promote":
      // From `warm` it means: the previous slot need not be kept any longer.
      return state.is === "warm" || (state.is === "waiting" && state.for === "gate")
        ? stay(advanced(state))
        : stay(state);
    case "acceptDrift":
      return state.is === "waiting" && state.for === "drift" ? resumed(state) : stay(state);
    default:
      return assertNever(event.ask);
  }
}

function replanned(state: Moving, event: Of<"replanned">): Transition {
  const dir = state.is === "warm" ? "forward" : state.dir;
  if (event.dir !== dir) return stay(state);
  const inFlight = state.is === "running" && state.inFlight !== undefined ? { inFlight: state.inFlight } : {};
  return stay({ is: "running", dir, step: event.from, ...inFlight });
}

/** Traffic goes back where it was. What was in flight stays known to the fold, which settles it. */
function turnBack(state: Moving, course: Course): Transition {
  if (course.pastNoReturn) return stay(state);
  return stay({ is: "running", dir: "back", step: 0 });
}

function resumed(state: Extract<State, { is: "waiting" }>): Transition {
  return stay({ is: "running", dir: state.dir, step: state.step });
}

function advanced(state: Moving): Extract<State, { is: "running" }> {
  return { is: "running", dir: state.is === "warm" ? "forward" : state.dir, step: state.step + 1 };
}

function isCurrent(state: Moving, id: string, course: Course): boolean {
  return stepAt(state, course)?.id === id;
}

/** The step a state stands at; undefined before the way back is planned and after the last step. */
export function stepAt(state: State, course: Course): Step | undefined {
  switch (state.is) {
    case "running":
    case "waiting":
      return (state.dir === "forward" ? course.forward : course.back)?.[state.step];
    case "warm":
      return course.forward[state.step];
    case "finished":
      return undefined;
    default:
      return assertNever(state);
  }
}
