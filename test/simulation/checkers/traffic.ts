import type { Shares, Weights } from "../../../src/core/routing.ts";
import { mayReceive } from "../../../src/core/routing.ts";
import { SLOTS, type Slot, otherSlot, sameRevision } from "../../../src/core/units.ts";
import type { Violation } from "../recording.ts";
import type { Deployed, Intent, Timeline } from "../timeline.ts";

/** From the probe's verdict to the write: journaling, the call's own way, the next look. */
const FROM_VERDICT_TO_WRITE = 1_000;

/** 1. A weight is raised only when the same replica incarnations passed within `freshness`. */
export function raisedOnlyWhatPassed(line: Timeline): readonly Violation[] {
  return shifts(line).flatMap(({ record, intent, started }) => {
    if (intent.dir === "back") return [];
    const { request } = line.deployment(intent.deployment)!.plan;
    const seen = mayHaveSeen(line, record.before, started);
    const raised = SLOTS.filter((slot) =>
      seen.every((before) => share(record.weights, slot) > share(before, slot)),
    );
    return raised.flatMap((slot) => {
      const checks = request.checks.checks
        .filter(({ name }) => !request.force.includes(name))
        .map(({ name }) => name);
      const since = started - request.strategy.freshness - FROM_VERDICT_TO_WRITE;
      const ready = line.readyThroughout(slot, started - line.tolerance, started);
      const unproven = ready.filter(
        ({ incarnation }) => !checks.every((check) => passed(line, incarnation, check, since, started)),
      );
      const nothing = !line.readyWithin(slot, started - line.tolerance, started);
      if (unproven.length === 0 && !nothing) return [];
      const why = nothing
        ? "nothing is ready there"
        : `${unproven.map((each) => each.incarnation).join(", ")} had not passed lately`;
      return [
        {
          invariant: 1,
          t: record.t,
          what: `${slot} raised to ${JSON.stringify(record.weights)} though ${why}`,
        },
      ];
    });
  });
}

/** 2. No write removes the last slot observed ready; recreate's window is declared. */
export function keepsTheLastReady(line: Timeline): readonly Violation[] {
  const shifted = shifts(line).flatMap(({ record, intent, started }): Violation[] => {
    const { strategy } = line.deployment(intent.deployment)!.plan.request;
    const from = started - line.tolerance;
    const served = mayHaveSeen(line, record.before, started).every((before) =>
      SLOTS.some((slot) => mayReceive(before, slot) && line.readyThroughout(slot, from, started).length > 0),
    );
    const serves = SLOTS.some(
      (slot) => mayReceive(record.weights, slot) && line.readyWithin(slot, from, started),
    );
    const declared = strategy.kind === "recreate" && intent.dir === "forward" && isNobody(record.weights);
    if (!served || serves || declared) return [];
    return [
      {
        invariant: 2,
        t: record.t,
        what: `traffic left the last ready slot for ${JSON.stringify(record.weights)}`,
      },
    ];
  });
  const stopped = line.records("told").flatMap((record): Violation[] => {
    if (typeof record.by === "string" || record.wanted > 0 || record.before === 0) return [];
    const started = line.startOf(record, record.by.intent);
    const from = started - line.tolerance;
    const { slot } = record;
    const moments = line.moments(from, started);
    const served =
      moments.every((t) => mayReceive(line.weights(t), slot)) &&
      line.readyThroughout(slot, from, started).length > 0;
    const others = SLOTS.some(
      (other) =>
        other !== slot &&
        moments.some((t) => mayReceive(line.weights(t), other)) &&
        line.readyWithin(other, from, started),
    );
    if (!served || others) return [];
    return [{ invariant: 2, t: record.t, what: `${slot} was stopped while it alone served` }];
  });
  return [...shifted, ...stopped];
}

/** Until every look of the guards' window lies within an outage. */
const WHOLE_WINDOW = 5_000;

/**
 * 2, second part. When both slots fail alike nothing is gained by going back: hold. Only checks can tell of both slots
 * at any time; errors of users tell it only while both have traffic, and acting on them at once harms nobody.
 */
export function holdsWhenBothFail(line: Timeline): readonly Violation[] {
  const outages = line.history.disturbances.filter(({ what }) => what === "outage");
  return line.deployments.flatMap(({ plan, events }) =>
    events.flatMap(({ t, event }): Violation[] => {
      if (
        event.kind !== "verdict" ||
        event.then !== "back" ||
        !plan.guards.some(({ id, watch }) => id === event.of && watch === "checks")
      )
        return [];
      const { slot, revision } = plan.candidate;
      const both = outages.some(({ from, to }) => from + WHOLE_WINDOW <= t && to >= t);
      const other = otherSlot(slot);
      // Who cannot be looked at cannot be seen to fail alike.
      const hidden = line.history.disturbances.some(
        ({ what, from, to }) => what === `unreadable ${other}` && from <= t && to >= t - WHOLE_WINDOW,
      );
      const could =
        plan.baseline.serving === other && line.readyThroughout(other, t - WHOLE_WINDOW, t).length > 0;
      if (!both || !could || hidden || line.history.schedule.behaviours[revision.id] !== "good") return [];
      return [{ invariant: 2, t, what: `it went back (${event.of}) though both slots fail alike` }];
    }),
  );
}

/** So long a deployment that goes back may leave traffic where it is although its destination is ready. */
const BACK_WITHIN = 15_000;

/** 3. Going back waits only for a ready destination, and moves what it can while that one grows. */
export function goesBackWithoutWaiting(line: Timeline): readonly Violation[] {
  return line.deployments.flatMap((each): Violation[] => {
    const { serving } = each.plan.baseline;
    if (serving === "nobody") return [];
    const turned = turnedBack(line, each.id);
    if (turned === undefined) return [];
    const end = each.closed ?? line.history.ended;
    let since: number | undefined;
    for (const t of line.moments(turned, end)) {
      // What was so at `since` was so until now.
      if (
        since !== undefined &&
        t - since > BACK_WITHIN &&
        line.calm(since - 6_000, t) &&
        line.attended(since - 6_000, t)
      ) {
        return [
          {
            invariant: 3,
            t,
            what: `traffic did not go back to ${serving} for ${Math.round(t - since)} ms though it was ready`,
          },
        ];
      }
      const now = line.weights(t);
      const has = now === "pool" ? 0 : now[serving];
      const can = carries(line, each, t);
      if (has >= can || isHeld(line, each.id, t)) since = undefined;
      else since ??= t;
    }
    return [];
  });
}

/** The share that the destination's ready replicas of the baseline's revision carry; all of it where nothing else is ready. */
function carries(line: Timeline, { plan }: Deployed, t: number): number {
  const { candidate, baseline } = plan;
  const serving = baseline.serving as Slot;
  const whole = Math.max(1, baseline.slots[serving].wanted);
  const proven = line
    .readyThroughout(serving, t, t)
    .filter(({ revision }) => sameRevision(revision, baseline.slots[serving].revision));
  const ready = proven.length;
  if (ready === 0) return 0;
  if (ready >= whole || (candidate.slot !== serving && line.ready(candidate.slot, t) === 0)) return 100;
  const divides = (line.history.schedule.modes as readonly string[]).includes("weights");
  return divides ? Math.floor((100 * ready) / whole) : 0;
}

/** So long requests may be lost while the slot to go back to could answer them: to notice it and to write. */
const NOTICED_WITHIN = 40_000;

/** No request is lost that could have been kept: while a deployment is advanced, what can serve gets the traffic. */
export function losesNothingItCouldKeep(line: Timeline): readonly Violation[] {
  let since: number | undefined;
  for (const moment of [...line.history.traffic, { t: line.history.ended, lost: 0 }]) {
    if (since !== undefined && moment.lost === 0) {
      const found = needlessLoss(line, since, moment.t);
      if (found !== undefined) return [found];
    }
    since = moment.lost > 0 ? (since ?? moment.t) : undefined;
  }
  return [];
}

function needlessLoss(line: Timeline, from: number, to: number): Violation | undefined {
  for (const { id, plan, opened, closed } of line.deployments) {
    const { serving } = plan.baseline;
    const start = Math.max(from, opened);
    const end = Math.min(to, closed ?? to);
    if (serving === "nobody" || plan.request.strategy.kind === "recreate" || end - start <= NOTICED_WITHIN)
      continue;
    const could = line.readyThroughout(serving, start, end).length > 0;
    const held = line.moments(start, end).some((t) => isHeld(line, id, t));
    if (could && !held && line.calm(start - 6_000, end) && line.attended(start, end)) {
      return {
        invariant: "keeps",
        t: end,
        what: `requests were lost for ${Math.round(end - start)} ms though ${serving} was ready`,
      };
    }
  }
  return undefined;
}

/** When the deployment turned back, in journal or spool. */
export function turnedBack(line: Timeline, id: string): number | undefined {
  const deployed = line.deployment(id);
  const contract = deployed?.events.find(
    ({ event }) => event.kind === "intent" && event.step === deployed.plan.pointOfNoReturn,
  );
  const turn = deployed?.events.find(({ t, event }) => {
    if (contract !== undefined && contract.t <= t) return false;
    return (
      (event.kind === "verdict" && event.then === "back") || (event.kind === "asked" && event.ask === "abort")
    );
  });
  return turn?.t;
}

/** The deployment waits, for a person or for the world, as its journal says at `t`. */
export function isHeld(line: Timeline, id: string, t: number): boolean {
  const last = line
    .deployment(id)
    ?.events.findLast(
      (each) => each.t <= t && ["verdict", "drift", "asked", "replanned", "opened"].includes(each.event.kind),
    );
  return last?.event.kind === "drift" || (last?.event.kind === "verdict" && last.event.then === "hold");
}

function shifts(line: Timeline) {
  return line.records("routed").flatMap((record) => {
    if (record.by === "foreign") return [];
    const intent = line.intents.get(record.by.intent);
    // A write nobody journaled is judged by 11.
    return intent === undefined
      ? []
      : [{ record, intent: intent as Intent, started: line.startOf(record, record.by.intent) }];
  });
}

/** What the writer may have taken for the weights: with compare-and-set exactly what it changed, else any of late. */
function mayHaveSeen(line: Timeline, before: Weights, started: number): readonly Weights[] {
  if (line.history.fencing === "atomic") return [before];
  return [before, ...line.moments(started - line.tolerance, started).map((t) => line.weights(t))];
}

function passed(line: Timeline, incarnation: string, check: string, from: number, to: number): boolean {
  return line
    .records("sample")
    .some(
      ({ t, sample }) =>
        t >= from &&
        t <= to &&
        sample.incarnation === incarnation &&
        sample.check === check &&
        sample.result === "pass",
    );
}

/** In a pool members join by their own readiness: being in it already counts as having everything. */
function share(weights: Weights, slot: Slot): number {
  return weights === "pool" ? 100 : weights[slot];
}

function isNobody(weights: Weights): boolean {
  return weights !== "pool" && (weights as Shares).blue + weights.green === 0;
}
