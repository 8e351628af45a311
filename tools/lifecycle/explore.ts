import type { Happening, JournalEvent } from "../../src/core/journal.ts";
import { allTo } from "../../src/core/routing.ts";
import type { Hold, Outcome, State } from "../../src/core/state.ts";
import { initial, transition, type Course } from "../../src/core/transition.ts";
import { fence, instant, intentId, millis, version } from "../../src/core/units.ts";

/**
 * Every state a deployment can reach, found by trying every event in every state found so far. Nothing here says what
 * leads where: `src/core/transition.ts` is asked.
 */

/** Which state it is, for people: steps, times and writes in flight left out. */
export type Node = "forward" | "waiting" | "warm" | "back" | "waitingBack" | "finished";

export interface Edge {
  readonly from: Node;
  readonly to: Node;
  /** What happened, in the words of the journal. */
  readonly label: string;
  /** What is waited for, where that matters. */
  readonly when?: Hold["for"];
}

interface Tried {
  readonly label: string;
  readonly event: JournalEvent;
}

const WAITS: readonly Hold["for"][] = ["gate", "drift", "outage", "unreadable", "operator"];
const OUTCOMES: readonly Outcome[] = ["done", "unchanged", "refused", "reverted", "undecided"];
const WRITES = [intentId("a"), intentId("b")] as const;

/**
 * Everything that leads from one node to another.
 * @param course the steps both ways; whether the way back is closed is part of it.
 */
export function explore(course: Course): readonly Edge[] {
  const events = alphabet(course);
  const edges = new Map<string, Edge>();
  const seen = new Set<string>();
  const open: State[] = [initial().state];
  for (let state = open.pop(); state !== undefined; state = open.pop()) {
    for (const { label, event } of events) {
      const next = transition(state, event, course).state;
      const [from, to] = [nodeOf(state), nodeOf(next)];
      if (from !== to) {
        const edge = { from, to, label, ...(state.is === "waiting" ? { when: state.for } : {}) };
        edges.set(JSON.stringify(edge), edge);
      }
      if (seen.has(key(next)) || isBeyond(next, course)) continue;
      seen.add(key(next));
      open.push(next);
    }
  }
  return [...edges.values()];
}

/** After its last step a deployment is closed by the engine; the events could count on for ever. */
function isBeyond(state: State, course: Course): boolean {
  if (state.is === "finished" || state.is === "warm") return false;
  const steps = state.dir === "forward" ? course.forward : (course.back ?? []);
  return state.step > steps.length;
}

function key(state: State): string {
  return JSON.stringify(state);
}

export function nodeOf(state: State): Node {
  if (state.is === "running") return state.dir;
  if (state.is === "waiting") return state.dir === "forward" ? "waiting" : "waitingBack";
  return state.is;
}

/** Every kind of event, with everything in it that a transition looks at. */
function alphabet(course: Course): readonly Tried[] {
  const both = ["forward", "back"] as const;
  return [
    ...both.flatMap((dir) => verdicts(course, dir)),
    ...both.flatMap((dir) => WRITES.map((intent) => tried("a write begins", write(dir, intent)))),
    ...WRITES.flatMap((intent) =>
      (["applied", "unknown"] as const).map((result) =>
        tried("a write ends", { kind: "outcome", intent, result }),
      ),
    ),
    tried("drift is seen", { kind: "drift", expected: "", observed: "", hold: hold("drift") }),
    tried("abort or rollback is asked", { kind: "asked", ask: "abort", by: "" }),
    tried("promote is asked", { kind: "asked", ask: "promote", by: "" }),
    tried("the drift is accepted", { kind: "asked", ask: "acceptDrift", by: "" }),
    ...both.map((dir) =>
      tried(dir === "forward" ? "replanned from what is there" : "the way back is planned", {
        kind: "replanned",
        dir,
        steps: [],
        from: 0,
        because: "",
      }),
    ),
    ...OUTCOMES.map((outcome) => tried("closed", { kind: "closed", outcome, serves: { slot: "unknown" } })),
    tried("borrowed", { kind: "borrowed", items: [] }),
  ];
}

/** What a verdict says happened, by what follows from it. */
const VERDICTS = {
  next: "the step is proven",
  back: "a step or a guard failed",
  again: "the reason to wait is gone",
  note: "evidence",
} as const;

function verdicts(course: Course, dir: "forward" | "back"): readonly Tried[] {
  const steps = (dir === "forward" ? course.forward : course.back) ?? [];
  const base = { kind: "verdict", dir, result: "pass", facts: { summary: "" } } as const;
  return steps.flatMap(({ id }) => [
    ...(["next", "back", "again", "note"] as const).map((then) =>
      tried(VERDICTS[then], { ...base, of: id, then }),
    ),
    ...WAITS.map((reason) => tried("must wait", { ...base, of: id, then: "hold", hold: hold(reason) })),
  ]);
}

function hold(reason: Hold["for"]): Hold {
  return { for: reason, until: instant(0), otherwise: "stop" };
}

function write(dir: "forward" | "back", intent: (typeof WRITES)[number]): Happening {
  return {
    kind: "intent",
    intent,
    step: "",
    dir,
    call: { call: "shift", to: allTo("green") },
    expect: version(""),
    fence: fence(1),
    bound: millis(1),
  };
}

function tried(label: string, happening: Happening): Tried {
  return { label, event: { ...happening, seq: 1, at: instant(0) } };
}
