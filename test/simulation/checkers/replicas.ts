import type { Happening } from "../../../src/core/journal.ts";
import type { Step } from "../../../src/core/plan.ts";
import { mayReceive, sameWeights } from "../../../src/core/routing.ts";
import { type Slot, otherSlot, sameRevision } from "../../../src/core/units.ts";
import type { Violation } from "../recording.ts";
import type { Deployed, Timeline } from "../timeline.ts";
import { turnedBack } from "./traffic.ts";

/**
 * 4. A slot is stopped only at weight 0, confirmed, its residual zero or the drain cap passed; the previous slot also
 * only after the bake. (Replicas that leave a slot which stays are drained by the provider, one by one.)
 */
export function stopsOnlyWhatIsDrained(line: Timeline): readonly Violation[] {
  return line.records("told").flatMap((record): Violation[] => {
    if (typeof record.by === "string" || record.wanted > 0 || record.before === 0) return [];
    const intent = line.intents.get(record.by.intent);
    if (intent === undefined) return [];
    const deployed = line.deployment(intent.deployment)!;
    const { slot } = record;
    const started = line.startOf(record, record.by.intent);
    const moments = line.moments(started - line.tolerance, started);
    const bad = (what: string): Violation => ({
      invariant: 4,
      t: record.t,
      what: `${slot} was stopped ${what}`,
    });
    if (moments.every((t) => line.receives(slot, t))) return [bad("while it got traffic")];
    const problems: Violation[] = [];
    if (!confirmed(line, deployed, slot, started))
      problems.push(bad("before the shift away from it was confirmed"));
    const idle = started - lastReceived(line, slot, started);
    if (record.inFlight > 0 && idle < deployed.plan.request.strategy.drainCap - line.tolerance) {
      problems.push(
        bad(`with ${record.inFlight} requests in flight, ${Math.round(idle)} ms after its traffic`),
      );
    }
    if (intent.dir === "forward" && isPrevious(deployed, slot) && !baked(deployed, started))
      problems.push(bad("before the bake was over"));
    return problems;
  });
}

/** Since the slot last was given traffic, evidence was journaled that traffic follows without it. */
function confirmed(line: Timeline, deployed: Deployed, slot: Slot, before: number): boolean {
  const routed = line.records("routed").filter(({ t }) => t >= deployed.opened && t < before);
  const gave = routed.findLast(({ weights }) => mayReceive(weights, slot));
  const took = routed.find(({ t, weights }) => t >= (gave?.t ?? 0) && !mayReceive(weights, slot));
  // What somebody else took away is not for the engine to confirm; that nothing comes any more is judged all the same.
  if (took?.by === "foreign" || gave?.by === "foreign") return true;
  if (gave === undefined && !mayReceive(deployed.plan.baseline.weights, slot)) return true;
  const known: readonly { readonly t: number; readonly event: Happening }[] = [
    ...deployed.events,
    ...line.history.spooled,
  ];
  const steps = new Map(known.flatMap(({ event }) => stepsOf(event)).map((step) => [step.id, step]));
  return known.some(({ t, event }) => {
    if (t > before || t < (gave?.t ?? deployed.opened) || event.kind !== "verdict" || event.result !== "pass")
      return false;
    const step = steps.get(event.of);
    return step?.do === "confirm" && !mayReceive(step.to, slot);
  });
}

function stepsOf(event: Happening): readonly Step[] {
  if (event.kind === "opened") return event.plan.steps;
  return event.kind === "replanned" ? event.steps : [];
}

function lastReceived(line: Timeline, slot: Slot, before: number): number {
  return line.moments(0, before).findLast((t) => line.receives(slot, t)) ?? -Infinity;
}

function isPrevious(deployed: Deployed, slot: Slot): boolean {
  const { candidate, baseline, request } = deployed.plan;
  return (
    slot === otherSlot(candidate.slot) && baseline.serving === slot && request.strategy.kind !== "recreate"
  );
}

function baked(deployed: Deployed, before: number): boolean {
  const bake = deployed.plan.steps.find((step) => step.do === "bake");
  return deployed.events.some(
    ({ t, event }) =>
      t <= before && event.kind === "verdict" && event.of === bake?.id && event.then === "next",
  );
}

/** 5. Contract only when other revisions are gone and live rehearses clean, journaled first; afterwards nothing goes back. */
export function contractsOnlyWithoutReturn(line: Timeline): readonly Violation[] {
  return line.records("migrated").flatMap((record): Violation[] => {
    if (record.phase !== "contract") return [];
    const bad = (what: string): Violation => ({
      invariant: 5,
      t: record.t,
      what: `contract of ${record.changes} ran ${what}`,
    });
    const intent = line.intents.get(record.by.intent);
    if (intent === undefined) return [bad("without an intent")];
    const deployed = line.deployment(intent.deployment)!;
    const started = line.startOf(record, record.by.intent);
    const from = started - line.tolerance;
    const exists = (incarnation: string, t: number) =>
      line.spans.some((span) => span.incarnation === incarnation && span.from <= t && span.to > t);
    const others = line.spans.filter(
      (span) =>
        span.from <= started &&
        span.to > started &&
        exists(span.incarnation, from) &&
        !sameRevision(span.revision, deployed.plan.candidate.revision),
    );
    const problems: Violation[] = [];
    if (others.length > 0)
      problems.push(
        bad(`while ${others.map((each) => each.incarnation).join(", ")} of another revision existed`),
      );
    const changed = line.history.schedule.actions.some(
      (action) => "rehearsal" in action && action.at >= from && action.at <= record.t,
    );
    if (record.rehearsal !== "clean" && !changed)
      problems.push(bad(`though the rehearsal says: ${record.rehearsal}`));
    if (deployed.plan.pointOfNoReturn !== intent.step)
      problems.push(bad("without being the declared point of no return"));
    const back = line.records("routed").find((each) => {
      if (each.by === "foreign" || each.t <= intent.t) return false;
      const other = line.intents.get(each.by.intent);
      return other?.deployment === deployed.id && other.dir === "back";
    });
    if (back !== undefined) problems.push(bad("and traffic went back afterwards"));
    return problems;
  });
}

/** 13. What is borrowed is journaled first, and restored by every ending. */
export function givesBackWhatItBorrowed(line: Timeline): readonly Violation[] {
  const taken = line.records("borrowed").flatMap((record): Violation[] => {
    const deployment = line.intents.get(record.by.intent)?.deployment;
    const started = line.startOf(record, record.by.intent);
    const known = line.history.kept.some(({ t, deployment: id, event }) => {
      return (
        id === deployment &&
        t <= started &&
        event.kind === "borrowed" &&
        event.items.some(
          (item) => item.slot === record.borrowed.slot && item.original === record.borrowed.original,
        )
      );
    });
    return known
      ? []
      : [
          {
            invariant: 13,
            t: record.t,
            what: `${record.borrowed.what} of ${record.borrowed.slot} was taken before it was journaled`,
          },
        ];
  });
  const failed = line.deployments
    .at(-1)
    ?.events.some(({ event }) => event.kind === "closed" && event.cause?.code === "TEAL-D104");
  if (line.history.open !== undefined || failed === true) return taken;
  const left = line.history.pinned.map(
    (slot) =>
      ({
        invariant: 13,
        t: line.history.ended,
        what: `${slot} is still held though every deployment is over`,
      }) as const,
  );
  return [...taken, ...left, ...heldAtClose(line)];
}

function heldAtClose(line: Timeline): readonly Violation[] {
  return line.deployments.flatMap(({ closed, events }): Violation[] => {
    if (
      closed === undefined ||
      events.some(({ event }) => event.kind === "closed" && event.cause?.code === "TEAL-D104")
    )
      return [];
    const records = line.history.world.filter(
      (each) => each.t <= closed && (each.is === "borrowed" || each.is === "restored"),
    );
    return (["blue", "green"] as const).flatMap((slot): Violation[] => {
      const last = records.findLast(
        (each) => (each.is === "borrowed" || each.is === "restored") && each.borrowed.slot === slot,
      );
      return last?.is === "borrowed"
        ? [{ invariant: 13, t: closed, what: `${slot} was still held when the deployment was closed` }]
        : [];
    });
  });
}

/** 9, second part. What a closed deployment says is so: `done` and who serves. */
export function saysOnlyWhatIsSo(line: Timeline): readonly Violation[] {
  return line.deployments.flatMap((deployed): Violation[] => {
    const last = deployed.events.at(-1)?.event;
    if (last?.kind !== "closed" || deployed.closed === undefined) return [];
    const t = deployed.closed;
    const bad = (what: string): Violation => ({
      invariant: 9,
      t,
      what: `closed as ${last.outcome}, but ${what}`,
    });
    const { candidate } = deployed.plan;
    const from = t - line.tolerance - 2_000;
    const moments = line.moments(from, t);
    const to = candidate.slot === "blue" ? { blue: 100, green: 0 } : { blue: 0, green: 100 };
    const foreign = line
      .records("routed")
      .some((each) => each.by === "foreign" && each.t >= deployed.opened && each.t <= t);
    if (last.outcome === "done" && !foreign && !moments.some((m) => sameWeights(line.weights(m), to)))
      return [bad(`traffic is at ${JSON.stringify(line.weights(t))}`)];
    const spooled = line.history.spooled.some(
      ({ event }) => event.kind === "verdict" && event.then === "back",
    );
    if (last.outcome === "reverted" && turnedBack(line, deployed.id) === undefined && !spooled)
      return [bad("it never turned back")];
    const { slot } = last.serves;
    if (slot === "unknown") return [];
    const so =
      slot === "nobody"
        ? moments.some((m) => !line.serves(m))
        : moments.some((m) => line.receives(slot, m) && line.ready(slot, m) > 0);
    return so ? [] : [bad(`it says that ${slot} serves`)];
  });
}
