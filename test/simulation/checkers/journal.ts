import { digest } from "../../../src/api/connection.ts";
import type { Call } from "../../../src/core/calls.ts";
import type { Happening } from "../../../src/core/journal.ts";
import { canonicalJson } from "../../../src/core/planning/canonical.ts";
import { isIntact } from "../../../src/core/planning/plan.ts";
import type { Step } from "../../../src/core/plan.ts";
import { SLOTS, sameRevision } from "../../../src/core/units.ts";
import type { Violation } from "../recording.ts";
import type { Deployed, Timeline } from "../timeline.ts";

/** From a wait's deadline to the event that ends it, where a process attends. */
const ENFORCED_WITHIN = 25_000;

/** 8. Every wait has deadline, reason and default answer, and they are enforced. */
export function waitsEnd(line: Timeline): readonly Violation[] {
  return line.deployments.flatMap((deployed) => [
    ...deployed.plan.steps.flatMap((step) => stepProblem(step, deployed)),
    ...deployed.events.flatMap(({ t, event }, index): Violation[] => {
      const hold =
        event.kind === "drift"
          ? event.hold
          : event.kind === "verdict" && event.then === "hold"
            ? event.hold
            : undefined;
      if (event.kind === "verdict" && event.then === "hold" && hold === undefined)
        return [{ invariant: 8, t, what: `${event.of} waits without a deadline` }];
      if (hold === undefined) return [];
      const length = hold.until - event.at;
      if (!Number.isFinite(length) || length < 0 || length > 86_400_000)
        return [{ invariant: 8, t, what: `a wait for ${hold.for} of ${length} ms` }];
      if (!["proceed", "revert", "stop"].includes(hold.otherwise))
        return [{ invariant: 8, t, what: `a wait for ${hold.for} without a default answer` }];
      const over = t + length;
      const next = deployed.events.slice(index + 1).find((each) => each.event.kind !== "claimed");
      const late = (next?.t ?? line.history.ended) > over + ENFORCED_WITHIN;
      const jumped = line.history.disturbances.some(
        (each) => each.what === "clock" && each.from >= t && each.from <= over + ENFORCED_WITHIN,
      );
      if (
        !late ||
        jumped ||
        !line.calm(over, over + ENFORCED_WITHIN) ||
        !line.attended(over, over + ENFORCED_WITHIN)
      )
        return [];
      return [
        {
          invariant: 8,
          t: over,
          what: `the wait for ${hold.for} was over and nothing happened for ${ENFORCED_WITHIN} ms`,
        },
      ];
    }),
  ]);
}

function stepProblem(step: Step, { opened }: Deployed): readonly Violation[] {
  const whole =
    Number.isFinite(step.deadline) &&
    step.deadline >= 0 &&
    step.reason !== "" &&
    ["proceed", "revert", "stop"].includes(step.otherwise);
  return whole
    ? []
    : [{ invariant: 8, t: opened, what: `step ${step.id} lacks deadline, reason or default answer` }];
}

/** 9, first part. What was acknowledged to a process is in the journal for good, and what it told its user is so. */
export function keepsWhatItAcknowledged(line: Timeline): readonly Violation[] {
  const kept = new Set(line.history.kept.map(({ deployment, event }) => key(deployment, event)));
  const lost = line.history.acknowledged
    .filter(({ deployment, event }) => !kept.has(key(deployment, event)))
    .map(({ t, event }): Violation => ({
      invariant: 9,
      t,
      what: `${event.kind} was acknowledged and is not in the journal`,
    }));
  const untrue = line.history.runs.flatMap((run): Violation[] => {
    if (run.said === undefined) return [];
    const { deployment, outcome } = run.said;
    const closed = line.history.kept.some(
      ({ deployment: id, event }) =>
        id === deployment && event.kind === "closed" && event.outcome === outcome,
    );
    return closed
      ? []
      : [
          {
            invariant: 9,
            t: run.to ?? 0,
            what: `process ${run.process} said ${outcome} and the journal does not`,
          },
        ];
  });
  return [...lost, ...untrue];
}

function key(deployment: string, event: Happening): string {
  return canonicalJson({ deployment, ...event, seq: 0, at: 0 });
}

/** 10. One open deployment per service. */
export function opensOneAtATime(line: Timeline): readonly Violation[] {
  const sorted = line.deployments.toSorted((a, b) => a.opened - b.opened);
  return sorted.flatMap((deployed, index): Violation[] => {
    const before = sorted[index - 1];
    if (before === undefined || (before.closed ?? Infinity) <= deployed.opened) return [];
    return [
      { invariant: 10, t: deployed.opened, what: `${deployed.id} was opened while ${before.id} was open` },
    ];
  });
}

/** 11. Every write has a journaled intent; one write in flight, a revert excepted. */
export function journalsBeforeItWrites(line: Timeline): readonly Violation[] {
  const unknown = line.records("write").flatMap((record): Violation[] => {
    if (record.operation.method === "claim") return [];
    const intent = line.intents.get(record.by.intent);
    if (intent === undefined || intent.t > record.started)
      return [{ invariant: 11, t: record.t, what: `${record.operation.method} without a journaled intent` }];
    return sameCall(intent.call, record.operation.call)
      ? []
      : [{ invariant: 11, t: record.t, what: `${record.operation.method} differs from its intent` }];
  });
  const several = line.deployments.flatMap(({ events }) => {
    const open = new Set<string>();
    return events.flatMap(({ t, event }): Violation[] => {
      if (event.kind === "outcome" && event.result !== "unknown") open.delete(event.intent);
      if (event.kind !== "intent") return [];
      const found: Violation[] =
        event.dir === "forward" && event.call.call !== "restore" && open.size > 0
          ? [
              {
                invariant: 11,
                t,
                what: `intent ${event.intent} was begun while ${[...open].join(", ")} was open`,
              },
            ]
          : [];
      open.add(event.intent);
      return found;
    });
  });
  const beside = line.history.calls.flatMap((call, index): Violation[] => {
    const intent = line.intents.get(call.intent);
    if (intent === undefined || intent.dir === "back" || intent.call.call === "restore") return [];
    const other = line.history.calls
      .slice(0, index)
      .find(
        (each) =>
          each.process === call.process &&
          each.intent !== call.intent &&
          line.intents.has(each.intent) &&
          (each.ended ?? -1) > call.started,
      );
    return other === undefined
      ? []
      : [
          {
            invariant: 11,
            t: call.started,
            what: `${call.method} began while ${other.method} was in flight`,
          },
        ];
  });
  return [...unknown, ...several, ...beside];
}

function sameCall(a: Call, b: Call | undefined): boolean {
  return b !== undefined && canonicalJson(a) === canonicalJson(b);
}

/** 12. Plan and revision are fixed per deployment. */
export function changesNoPlan(line: Timeline): readonly Violation[] {
  const plans = line.deployments.flatMap((deployed): Violation[] => {
    const bad = (what: string): Violation => ({ invariant: 12, t: deployed.opened, what });
    const problems: Violation[] = [];
    if (!isIntact(deployed.plan, digest))
      problems.push(bad(`the plan of ${deployed.id} is not what was sealed`));
    if (deployed.events.filter(({ event }) => event.kind === "opened").length > 1)
      problems.push(bad(`${deployed.id} was opened twice`));
    for (const { event } of deployed.events) {
      if (
        event.kind === "replanned" &&
        event.dir === "forward" &&
        canonicalJson(event.steps) !== canonicalJson(deployed.plan.steps)
      )
        problems.push(bad(`the steps of ${deployed.id} changed`));
    }
    return problems;
  });
  const revisions = line.records("told").flatMap((record): Violation[] => {
    if (typeof record.by === "string" || record.wanted === 0 || record.wanted < record.before) return [];
    const deployed = line.deployment(line.intents.get(record.by.intent)?.deployment ?? "");
    // Whoever accepts drift makes what was found there part of the deployment.
    if (
      deployed === undefined ||
      deployed.events.some(({ event }) => event.kind === "asked" && event.ask === "acceptDrift")
    )
      return [];
    const { plan } = deployed;
    const planned = [
      plan.baseline.slots[record.slot].revision,
      ...(record.slot === plan.candidate.slot ? [plan.candidate.revision] : []),
    ];
    if (planned.some((revision) => sameRevision(revision, record.revision))) return [];
    return [
      {
        invariant: 12,
        t: record.t,
        what: `${record.slot} was told ${record.revision?.id}, which the plan does not know there`,
      },
    ];
  });
  return [...plans, ...revisions, ...raisesOnlyWhatIsPlanned(line)];
}

/** 12, second part. Forward, a slot gets more traffic only while it runs what the plan knows there. */
function raisesOnlyWhatIsPlanned(line: Timeline): readonly Violation[] {
  return line.records("routed").flatMap((record): Violation[] => {
    const intent = record.by === "foreign" ? undefined : line.intents.get(record.by.intent);
    const deployed = line.deployment(intent?.deployment ?? "");
    if (intent === undefined || intent.dir === "back" || deployed === undefined || record.by === "foreign")
      return [];
    if (deployed.events.some(({ event }) => event.kind === "asked" && event.ask === "acceptDrift")) return [];
    const { candidate, baseline } = deployed.plan;
    const { weights, before } = record;
    const started = line.startOf(record, record.by.intent);
    return SLOTS.flatMap((slot): Violation[] => {
      if (weights === "pool" || before === "pool" || weights[slot] <= before[slot]) return [];
      const planned = slot === candidate.slot ? candidate.revision : baseline.slots[slot].revision;
      const ready = line.readyThroughout(slot, started - line.tolerance, started);
      if (ready.length === 0 || ready.some(({ revision }) => sameRevision(revision, planned))) return [];
      return [
        { invariant: 12, t: record.t, what: `${slot} was raised while it ran ${ready[0]!.revision.id}` },
      ];
    });
  });
}

/** 14. The journal is gapless and fences never fall. */
export function keepsOrder(line: Timeline): readonly Violation[] {
  const gaps = line.deployments.flatMap(({ id, events }) =>
    events.flatMap(({ t, event }, index): Violation[] =>
      event.seq === index + 1
        ? []
        : [{ invariant: 14, t, what: `${id} has event ${event.seq} as its number ${index + 1}` }],
    ),
  );
  let highest = 0;
  const claimed = line.history.kept.flatMap(({ t, event }): Violation[] => {
    if (event.kind !== "claimed") return [];
    const fell = event.fence <= highest;
    highest = Math.max(highest, event.fence);
    return fell ? [{ invariant: 14, t, what: `fence ${event.fence} was claimed after ${highest}` }] : [];
  });
  let taken = 0;
  const leases = line.history.lease.flatMap(({ t, is, fence }): Violation[] => {
    if (is !== "taken") return [];
    const fell = fence <= taken;
    taken = Math.max(taken, fence);
    return fell ? [{ invariant: 14, t, what: `the lease was given with fence ${fence} after ${taken}` }] : [];
  });
  return [...gaps, ...claimed, ...leases];
}
