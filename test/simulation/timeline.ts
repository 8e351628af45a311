import type { Happening, JournalEvent } from "../../src/core/journal.ts";
import type { Plan } from "../../src/core/plan.ts";
import { type Weights, NOBODY, mayReceive } from "../../src/core/routing.ts";
import type { Revision, Slot } from "../../src/core/units.ts";
import { SLOTS } from "../../src/core/units.ts";
import { TTL } from "../../src/engine/lease.ts";
import type { Recorded } from "../../src/targets/memory/index.ts";
import type { History, Ran } from "./recording.ts";

/** Until somebody else has the lease of a process that died or stood still: its whole time, and a look. */
const TAKEOVER = TTL + 5_000;

/** A stretch of a replica's life in one phase: from `from` up to but not at `to`. */
export interface Span {
  readonly slot: Slot;
  readonly incarnation: string;
  readonly revision: Revision;
  readonly phase: string;
  readonly from: number;
  readonly to: number;
}

export type Intent = Extract<Happening, { kind: "intent" }> & {
  readonly t: number;
  readonly deployment: string;
};

export interface Deployed {
  readonly id: string;
  readonly plan: Plan;
  readonly events: readonly { readonly t: number; readonly event: JournalEvent }[];
  readonly opened: number;
  readonly closed: number | undefined;
  readonly outcome: string | undefined;
}

type Of<K extends Recorded["is"]> = Extract<Recorded, { is: K }>;

/** A history arranged for questions about any moment of it. */
export class Timeline {
  readonly history: History;
  readonly deployments: readonly Deployed[];
  /** The first time each intent was durable, in journal or spool. */
  readonly intents: ReadonlyMap<string, Intent>;
  readonly spans: readonly Span[];
  readonly #routed: readonly { readonly t: number; readonly weights: Weights }[];
  readonly #nodes: ReadonlyMap<number, readonly { readonly t: number; readonly weights: Weights }[]>;

  constructor(history: History) {
    this.history = history;
    this.deployments = deployed(history);
    this.intents = intents(history, this.deployments);
    this.spans = spans(history);
    this.#routed = this.records("routed").map(({ t, weights }) => ({ t, weights }));
    const nodes = new Map<number, { t: number; weights: Weights }[]>();
    for (const { node, t, weights } of this.records("node"))
      nodes.set(node, [...(nodes.get(node) ?? []), { t, weights }]);
    this.#nodes = nodes;
  }

  /** Reads may be so far behind, and a decision takes so long to become a write: what changed within is excused. */
  get tolerance(): number {
    return this.history.staleness + 1_500;
  }

  records<K extends Recorded["is"]>(is: K): readonly Of<K>[] {
    return this.history.world.filter((record): record is Of<K> => record.is === is);
  }

  deployment(id: string): Deployed | undefined {
    return this.deployments.find((each) => each.id === id);
  }

  /** When the write that made this change was sent. */
  startOf(record: Recorded, intent: string): number {
    const write = this.records("write").find((each) => each.t === record.t && each.by.intent === intent);
    return write?.started ?? record.t;
  }

  /** What the router's record says at `t`. */
  weights(t: number): Weights {
    return this.#routed.findLast((each) => each.t <= t)?.weights ?? NOBODY;
  }

  /** The record, or any node still, sends something to the slot at `t`. */
  receives(slot: Slot, t: number): boolean {
    if (mayReceive(this.weights(t), slot)) return true;
    return [...this.#nodes.values()].some((changes) =>
      mayReceive(changes.findLast((each) => each.t <= t)?.weights ?? NOBODY, slot),
    );
  }

  /** Incarnations that were ready all the time from `from` to `to`. */
  readyThroughout(slot: Slot, from: number, to: number): readonly Span[] {
    return this.spans.filter(
      (span) => span.slot === slot && span.phase === "ready" && span.from <= from && span.to > to,
    );
  }

  /** Something was ready at some moment from `from` to `to`. */
  readyWithin(slot: Slot, from: number, to: number): boolean {
    return this.spans.some(
      (span) => span.slot === slot && span.phase === "ready" && span.from <= to && span.to > from,
    );
  }

  ready(slot: Slot, t: number): number {
    return this.readyThroughout(slot, t, t).length;
  }

  /** Someone with traffic is ready at `t`. */
  serves(t: number): boolean {
    return SLOTS.some((slot) => mayReceive(this.weights(t), slot) && this.ready(slot, t) > 0);
  }

  /** Nothing was made to go wrong from `from` to `to`, and no lease had to be waited for because of it. */
  calm(from: number, to: number): boolean {
    const { disturbances, runs } = this.history;
    const holders = runs.flatMap(({ ended, to: died, paused }) => [
      ...(ended === "killed" && died !== undefined ? [{ from: died, to: died + TAKEOVER }] : []),
      ...paused.map((each) => ({ from: each.from, to: each.to + TAKEOVER })),
    ]);
    return [...disturbances, ...holders].every((each) => each.to < from || each.from > to);
  }

  /** Some process runs from `from` to `to` without standing still. */
  attended(from: number, to: number): boolean {
    return this.history.runs.some((run) => attends(run, from, to));
  }

  /** Every moment at which anything changed. */
  moments(from: number, to: number): readonly number[] {
    const all = [...this.history.world.map(({ t }) => t as number), ...this.history.kept.map(({ t }) => t)];
    const between = [...new Set(all)].filter((t) => t > from && t < to);
    return [from, ...between.toSorted((a, b) => a - b), to];
  }
}

function attends(run: Ran, from: number, to: number): boolean {
  return (
    run.from <= from &&
    (run.to ?? Infinity) >= to &&
    run.paused.every((each) => each.to < from || each.from > to)
  );
}

function deployed(history: History): readonly Deployed[] {
  const ids = [...new Set(history.kept.map(({ deployment }) => deployment))];
  return ids.flatMap((id) => {
    const events = history.kept.filter(({ deployment }) => deployment === id);
    const first = events[0];
    if (first?.event.kind !== "opened") return [];
    const last = events.find(({ event }) => event.kind === "closed");
    const outcome = last?.event.kind === "closed" ? last.event.outcome : undefined;
    return [{ id, plan: first.event.plan, events, opened: first.t, closed: last?.t, outcome }];
  });
}

function intents(history: History, deployments: readonly Deployed[]): ReadonlyMap<string, Intent> {
  const found = new Map<string, Intent>();
  const note = (t: number, deployment: string, event: Happening) => {
    if (event.kind !== "intent") return;
    const before = found.get(event.intent);
    if (before === undefined || before.t > t) found.set(event.intent, { ...event, t, deployment });
  };
  for (const { t, deployment, event } of history.kept) note(t, deployment, event);
  for (const { t, event } of history.spooled) {
    // An intent names its deployment: `<id>.<number>.<random>`.
    const id =
      event.kind === "intent"
        ? deployments.find((each) => event.intent.startsWith(`${each.id}.`))?.id
        : undefined;
    if (id !== undefined) note(t, id, event);
  }
  return found;
}

function spans(history: History): readonly Span[] {
  const done: Span[] = [];
  const open = new Map<string, Omit<Span, "to">>();
  for (const record of history.world) {
    if (record.is !== "replica") continue;
    const { slot, replica, incarnation, revision, phase, t } = record;
    const before = open.get(replica);
    if (before !== undefined) done.push({ ...before, to: t });
    if (phase === "gone") open.delete(replica);
    else open.set(replica, { slot, incarnation, revision, phase, from: t });
  }
  return [...done, ...[...open.values()].map((span) => ({ ...span, to: Infinity }))];
}
