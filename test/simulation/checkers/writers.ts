import { CALL_BOUND } from "../../../src/engine/ports.ts";
import { TTL } from "../../../src/engine/lease.ts";
import { sameWeights } from "../../../src/core/routing.ts";
import type { Violation } from "../recording.ts";
import type { Timeline } from "../timeline.ts";

/** 6. Migrations apply once. */
export function migratesOnce(line: Timeline): readonly Violation[] {
  return line
    .records("migrated")
    .filter(({ times }) => times > 1)
    .map(({ t, changes, phase, times }): Violation => ({
      invariant: 6,
      t,
      what: `${phase} of ${changes} ran ${times} times`,
    }));
}

/** 7. No write starts unless the lease outlasts the call; stale writes are refused, or repaired within `settle`. */
export function writesOnlyWithTheLease(line: Timeline): readonly Violation[] {
  return [
    ...withoutLease(line),
    ...(line.history.fencing === "atomic" ? staleAtomic(line) : staleChecked(line)),
  ];
}

function withoutLease(line: Timeline): readonly Violation[] {
  return line.records("write").flatMap((record): Violation[] => {
    const { started, by } = record;
    const bad = (what: string): Violation => ({
      invariant: 7,
      t: started,
      what: `${record.operation.method} with fence ${by.fence} started ${what}`,
    });
    const before = line.history.lease.filter(({ t }) => t <= started);
    const taken = before.findLast(({ is }) => is === "taken");
    if (taken === undefined || taken.fence > by.fence)
      return [bad(`after fence ${taken?.fence ?? "none"} was given`)];
    const confirmed = before.findLast(({ is, fence }) => is !== "released" && fence === by.fence);
    if (confirmed === undefined) return [bad("without any lease")];
    const left = confirmed.sent + TTL - started;
    // A claim is itself what makes the lease known; it follows the take at once.
    return left < CALL_BOUND && record.operation.method !== "claim"
      ? [bad(`with ${Math.round(left)} ms of the lease left`)]
      : [];
  });
}

function staleAtomic(line: Timeline): readonly Violation[] {
  const highest = { slots: 0, router: 0 };
  return line.history.world.flatMap((record): Violation[] => {
    if (record.is === "claimed") highest[record.port] = Math.max(highest[record.port], record.fence);
    if (record.is !== "write" || (record.operation.port !== "slots" && record.operation.port !== "router"))
      return [];
    const stale = record.answer === "applied" && record.by.fence < highest[record.operation.port];
    return stale
      ? [
          {
            invariant: 7,
            t: record.t,
            what: `${record.operation.method} with fence ${record.by.fence} took effect after ${highest[record.operation.port]} was claimed`,
          },
        ]
      : [];
  });
}

/** Time to notice a stale write and to write again. */
const REPAIRED_WITHIN = 20_000;

function staleChecked(line: Timeline): readonly Violation[] {
  let highest = 0;
  return line.history.world.flatMap((record): Violation[] => {
    if (record.is === "claimed" && record.port === "router") highest = Math.max(highest, record.fence);
    if (record.is !== "routed" || record.by === "foreign" || record.by.fence >= highest) return [];
    const until = record.t + CALL_BOUND + line.history.propagation + REPAIRED_WITHIN;
    const after = line.history.kept.filter(({ t }) => t > record.t && t <= until);
    const noticed = after.some(
      ({ event }) =>
        event.kind === "drift" ||
        event.kind === "closed" ||
        event.kind === "outcome" ||
        (event.kind === "intent" && event.call.call === "shift"),
    );
    const stays = sameWeights(line.weights(until), record.weights);
    if (noticed || !stays || !line.calm(record.t, until) || !line.attended(record.t, until)) return [];
    return [
      {
        invariant: 7,
        t: record.t,
        what: `a stale shift to ${JSON.stringify(record.weights)} was neither noticed nor repaired`,
      },
    ];
  });
}

/** Every deployment ends once the faults have stopped and somebody resumes it; no command stands still for ever. */
export function converges(line: Timeline): readonly Violation[] {
  const { open, ended, runs } = line.history;
  const stuck =
    open === undefined
      ? []
      : [
          {
            invariant: "converges",
            t: ended,
            what: `${open.id} never ended: ${JSON.stringify(open.state)}`,
          } as const,
        ];
  const hanging = runs
    .filter((run) => run.to === undefined)
    .map(
      (run) =>
        ({
          invariant: "converges",
          t: ended,
          what: `process ${run.process} (${run.command}) never ended`,
        }) as const,
    );
  return [...stuck, ...hanging];
}

/** No command ends by an exception. */
export function throwsNothing(line: Timeline): readonly Violation[] {
  return line.history.runs.flatMap((run): Violation[] =>
    run.threw === undefined
      ? []
      : [
          {
            invariant: "throws",
            t: run.to ?? 0,
            what: `process ${run.process} (${run.command}): ${run.threw}`,
          },
        ],
  );
}
