import { beforeAll, describe, expect, it } from "vitest";
import type { JournalEvent } from "../../src/core/journal.ts";
import type { Recorded } from "../../src/targets/memory/index.ts";
import { CHECKERS, judge } from "./checkers/index.ts";
import { deployAt, plain } from "./plain.ts";
import type { History, Kept, Violation } from "./recording.ts";
import { simulate } from "./simulate.ts";
import { Timeline } from "./timeline.ts";

/**
 * Each checker against two histories: one of a real run, in which nothing is wrong, and the same with a little of the
 * truth changed so that exactly this promise is broken.
 */
let done: History;
let reverted: History;
let two: History;

beforeAll(async () => {
  done = await simulate(plain("atomic", 6, { autoscaler: true, migrations: true, approval: true }));
  reverted = await simulate(
    plain("atomic", 6, {
      actions: [deployAt(5_000, "r1"), { at: 12_000, by: "bob", command: { do: "abort" } }],
    }),
  );
  two = await simulate(plain("atomic", 6, { actions: [deployAt(5_000, "r1"), deployAt(60_000, "r2")] }));
});

function world(history: History, change: (record: Recorded) => Recorded | undefined): History {
  return { ...history, world: history.world.flatMap((record) => change(record) ?? []) };
}

function kept(
  history: History,
  change: (event: JournalEvent, one: Kept) => JournalEvent | undefined,
): History {
  return {
    ...history,
    kept: history.kept.flatMap((one) => {
      const event = change(one.event, one);
      return event === undefined ? [] : [{ ...one, event }];
    }),
  };
}

const later = (ms: number) => (record: Recorded) => ({ ...record, t: (record.t + ms) as Recorded["t"] });

const BROKEN: Readonly<Record<string, readonly (readonly [string, () => History])[]>> = {
  1: [
    [
      "nobody had asked the replicas",
      () => world(done, (record) => (record.is === "sample" ? undefined : record)),
    ],
    [
      "they had passed too long ago",
      () =>
        world(done, (record) =>
          record.is === "sample" && record.t < firstShift(done) ? later(-60_000)(record) : record,
        ),
    ],
    [
      "other lives of them had passed",
      () =>
        world(done, (record) =>
          record.is === "sample"
            ? { ...record, sample: { ...record.sample, incarnation: "before" } }
            : record,
        ),
    ],
  ],
  2: [
    [
      "nothing is ready where traffic goes",
      () =>
        world(done, (record) =>
          record.is === "replica" && record.slot === "green" && record.phase === "ready" ? undefined : record,
        ),
    ],
    [
      "a slot is stopped while it alone serves",
      () =>
        world(reverted, (record) =>
          record.is === "told" && record.slot === "green" && record.wanted === 0
            ? { ...record, slot: "blue" }
            : record,
        ),
    ],
  ],
  3: [
    [
      "traffic went back a minute after it could",
      () => {
        const back = reverted.world.findLast((record) => record.is === "routed")!.t;
        const slow = world(reverted, (record) => (record.t >= back ? later(60_000)(record) : record));
        const late = (t: number) => (t >= back ? t + 60_000 : t);
        return {
          ...slow,
          kept: slow.kept.map((one) => ({ ...one, t: late(one.t) })),
          runs: slow.runs.map((run) => (run.to === undefined ? run : { ...run, to: late(run.to) })),
          ended: slow.ended + 60_000,
        };
      },
    ],
  ],
  4: [
    [
      "requests were in flight",
      () =>
        world(reverted, (record) =>
          record.is === "told" && record.wanted === 0 ? { ...record, inFlight: 5 } : record,
        ),
    ],
    [
      "the shift was never confirmed",
      () =>
        kept(done, (event) =>
          event.kind === "verdict" && event.of.startsWith("confirm") ? undefined : event,
        ),
    ],
    [
      "the bake was not over",
      () =>
        kept(done, (event) => (event.kind === "verdict" && event.of.startsWith("bake") ? undefined : event)),
    ],
    [
      "it got traffic",
      () =>
        world(done, (record) =>
          record.is === "node"
            ? undefined
            : record.is === "routed" && record.by !== "foreign"
              ? undefined
              : record,
        ),
    ],
  ],
  5: [
    [
      "the rehearsal did not say clean",
      () =>
        world(done, (record) => (record.is === "migrated" ? { ...record, rehearsal: "unproven" } : record)),
    ],
    [
      "another revision was still there",
      () =>
        world(done, (record) =>
          record.is === "replica" && record.slot === "blue" && record.phase === "gone" ? undefined : record,
        ),
    ],
    [
      "the plan did not declare it",
      () =>
        kept(done, (event) =>
          event.kind === "opened" ? { ...event, plan: { ...event.plan, pointOfNoReturn: "another" } } : event,
        ),
    ],
  ],
  6: [
    [
      "the statements ran twice",
      () => world(done, (record) => (record.is === "migrated" ? { ...record, times: 2 } : record)),
    ],
  ],
  7: [
    [
      "the lease had run out",
      () => ({ ...done, lease: done.lease.map((change) => ({ ...change, sent: change.sent - 12_000 })) }),
    ],
    [
      "somebody else had the lease",
      () => ({
        ...done,
        lease: [...done.lease, { t: 5_200, sent: 5_190, is: "taken", fence: 2 as never }].toSorted(
          (a, b) => a.t - b.t,
        ) as History["lease"],
      }),
    ],
    [
      "a higher fence was in force",
      () => world(done, (record) => (record.is === "claimed" ? { ...record, fence: 9 as never } : record)),
    ],
  ],
  8: [
    [
      "a wait has no deadline",
      () =>
        kept(done, (event) =>
          event.kind === "verdict" && event.hold !== undefined
            ? { ...event, hold: { ...event.hold, until: Infinity as never } }
            : event,
        ),
    ],
    [
      "a step has no reason",
      () =>
        kept(done, (event) =>
          event.kind === "opened"
            ? {
                ...event,
                plan: { ...event.plan, steps: event.plan.steps.map((step) => ({ ...step, reason: "" })) },
              }
            : event,
        ),
    ],
    [
      "its deadline was not enforced",
      () => ({
        ...kept(done, (event) =>
          event.kind === "verdict" && event.hold !== undefined
            ? { ...event, hold: { ...event.hold, until: (event.at + 1_000) as never } }
            : event,
        ),
        kept: done.kept.map((one, index) =>
          one.event.kind === "verdict" && one.event.hold !== undefined
            ? {
                ...one,
                event: { ...one.event, hold: { ...one.event.hold, until: (one.event.at + 1_000) as never } },
              }
            : index > 0 &&
                done.kept
                  .slice(0, index)
                  .some(({ event }) => event.kind === "verdict" && event.hold !== undefined)
              ? { ...one, t: one.t + 60_000 }
              : one,
        ),
        runs: done.runs.map((run) => ({ ...run, ...(run.to === undefined ? {} : { to: run.to + 60_000 }) })),
      }),
    ],
  ],
  9: [
    [
      "an acknowledged event is gone",
      () => kept(done, (event) => (event.kind === "borrowed" ? undefined : event)),
    ],
    [
      "a process said what the journal does not",
      () => ({
        ...done,
        runs: done.runs.map((run) => ({ ...run, said: { deployment: "d", outcome: "done" } })),
      }),
    ],
    [
      "done was said before traffic was there",
      () => world(done, (record) => (record.is === "routed" && record.by !== "foreign" ? undefined : record)),
    ],
    [
      "it says that somebody serves who does not",
      () => kept(done, (event) => (event.kind === "closed" ? { ...event, serves: { slot: "blue" } } : event)),
    ],
  ],
  10: [
    [
      "the second was opened before the first was closed",
      () =>
        kept(two, (event, { deployment }) =>
          event.kind === "closed" && deployment === two.kept[0]!.deployment ? undefined : event,
        ),
    ],
  ],
  11: [
    [
      "a write has no intent",
      () =>
        kept(done, (event) => (event.kind === "intent" && event.call.call === "shift" ? undefined : event)),
    ],
    [
      "an intent came after its write",
      () => ({
        ...done,
        kept: done.kept.map((one) => (one.event.kind === "intent" ? { ...one, t: one.t + 1_000 } : one)),
      }),
    ],
    [
      "the next write began while one was open",
      () => kept(done, (event) => (event.kind === "outcome" ? undefined : event)),
    ],
    [
      "two calls were in flight",
      () => ({ ...done, calls: done.calls.map((call) => ({ ...call, ended: 1e9 })) }),
    ],
  ],
  12: [
    [
      "something else was started",
      () =>
        world(done, (record) =>
          record.is === "told" && record.slot === "green"
            ? { ...record, revision: { id: "r9", config: "memory" } }
            : record,
        ),
    ],
    [
      "the plan is not what was sealed",
      () =>
        kept(done, (event) =>
          event.kind === "opened" ? { ...event, plan: { ...event.plan, guards: [] } } : event,
        ),
    ],
  ],
  13: [
    [
      "it was not journaled first",
      () => kept(done, (event) => (event.kind === "borrowed" ? undefined : event)),
    ],
    ["it was not given back", () => ({ ...done, pinned: ["blue"] })],
    [
      "it was still held at the end",
      () => world(done, (record) => (record.is === "restored" ? undefined : record)),
    ],
  ],
  14: [
    ["an event is missing", () => kept(done, (event) => (event.seq === 3 ? undefined : event))],
    [
      "a fence was claimed twice",
      () => ({ ...done, kept: [...done.kept, ...done.kept.filter(({ event }) => event.kind === "claimed")] }),
    ],
    [
      "the lease was given with a lower fence",
      () => ({ ...done, lease: [...done.lease, { t: 1e6, sent: 1e6, is: "taken", fence: 1 as never }] }),
    ],
  ],
  keeps: [
    [
      "nobody noticed for a minute that requests were lost",
      () => ({
        ...reverted,
        kept: reverted.kept.filter(({ event }) => event.kind !== "closed"),
        traffic: [
          ...reverted.traffic.filter(({ t }) => t < 5_000),
          { t: 6_000 as never, shares: { blue: 0, green: 100 }, ready: { blue: 2, green: 0 }, lost: 100 },
        ],
        runs: reverted.runs.map((run) => ({ ...run, to: 1e6 })),
      }),
    ],
  ],
  converges: [
    ["a process never ended", () => ({ ...done, runs: done.runs.map(({ to: _to, ...run }) => run) })],
  ],
  throws: [
    ["a process threw", () => ({ ...done, runs: done.runs.map((run) => ({ ...run, threw: "Error: no" })) })],
  ],
};

function firstShift(history: History): number {
  return history.world.find((record) => record.is === "routed" && record.by !== "foreign")!.t;
}

describe("real runs without faults", () => {
  it.each([
    ["done", () => done],
    ["reverted", () => reverted],
    ["two in a row", () => two],
  ] as const)("%s: nothing is wrong", (_, history) => {
    expect(judge(history())).toEqual([]);
  });

  it("end as they should", () => {
    const outcomes = (history: History) =>
      history.kept.flatMap(({ event }) => (event.kind === "closed" ? [event.outcome] : []));
    expect([done, reverted, two].map(outcomes)).toEqual([["done"], ["reverted"], ["done", "done"]]);
  });
});

describe("every checker", () => {
  it("is tested", () => {
    expect(Object.keys(BROKEN).toSorted()).toEqual(Object.keys(CHECKERS).toSorted());
  });
});

describe.each(Object.keys(BROKEN))("checker %s", (name) => {
  it.each(BROKEN[name]!)("sees that %s", (_, broken) => {
    const check = CHECKERS[name as keyof typeof CHECKERS] as (line: Timeline) => readonly Violation[];
    const found = check(new Timeline(broken()));
    expect(found).not.toEqual([]);
    for (const { invariant } of found) expect(String(invariant)).toBe(name);
  });
});
