import type { MigrationState } from "../../src/ports/migrator.ts";
import type { Probe } from "../../src/ports/probe.ts";
import type { StateStore } from "../../src/ports/store.ts";
import type { Target } from "../../src/ports/target.ts";
import type { By, Write } from "../../src/ports/write.ts";
import type { Spool } from "../../src/engine/spool.ts";
import type { Happening } from "../../src/core/journal.ts";
import type { SimProcess } from "./process.ts";
import type { Acknowledged, Called } from "./recording.ts";

/** What a process works with, and what a sabotage may replace. */
export interface SimPorts {
  readonly store: StateStore;
  readonly spool: Spool;
  readonly target: Target;
  readonly probe: Probe;
}

/** What the gates note down. */
export interface Notes {
  readonly acknowledged: Acknowledged[];
  readonly spooled: { readonly t: number; readonly event: Happening }[];
  readonly calls: Called[];
  readonly t: () => number;
}

/** The ports as one process has them: it can die or stand still at every call, and every write is noted. */
export function gated(ports: SimPorts, process: SimProcess, notes: Notes): SimPorts {
  return {
    store: gatedStore(ports.store, process, notes),
    spool: {
      add: (event) =>
        process.write(async () => {
          await ports.spool.add(event);
          notes.spooled.push({ t: notes.t(), event });
        }),
      drain: () => process.read(() => ports.spool.drain()),
      clear: () => process.write(() => ports.spool.clear()),
    },
    target: gatedTarget(ports.target, process, notes),
    probe: { sample: (check, of, signal) => process.read(() => ports.probe.sample(check, of, signal)) },
  };
}

function gatedStore(store: StateStore, process: SimProcess, { acknowledged, t }: Notes): StateStore {
  const note = (deployment: string, events: readonly Happening[]) =>
    acknowledged.push(...events.map((event) => ({ t: t(), deployment, event })));
  return {
    open: async (key, id, first) => {
      const answer = await process.write(() => store.open(key, id, first));
      if (answer.is === "opened") note(id, [first]);
      return answer;
    },
    current: (key, after) => process.read(() => store.current(key, after)),
    append: async (key, id, expected, events, fence) => {
      const answer = await process.write(() => store.append(key, id, expected, events, fence));
      if (answer.is === "appended") note(id, events);
      return answer;
    },
    close: async (key, id, expected, event, row, fence) => {
      const answer = await process.write(() => store.close(key, id, expected, event, row, fence));
      return answer;
    },
    history: (key, limit) => process.read(() => store.history(key, limit)),
    events: (key, id) => process.read(() => store.events(key, id)),
    lease: (key) => process.read(() => store.lease(key)),
    take: (key, holder, seen) => process.write(() => store.take(key, holder, seen)),
    beat: (key, fence) => process.read(() => store.beat(key, fence)),
    release: (key, fence) => process.write(() => store.release(key, fence)),
    changed: (key, atMost, signal, since) => process.read(() => store.changed(key, atMost, signal, since)),
  };
}

function gatedTarget(target: Target, process: SimProcess, { calls, t }: Notes): Target {
  const write = <T>(method: string, by: By, call: () => Promise<Write<T>>) =>
    process.write(async () => {
      const called: Called = { process: process.pid, intent: by.intent, method, started: t() };
      calls.push(called);
      const answer = await call();
      if (!process.dead) {
        called.ended = t();
        called.answer = answer.is;
      }
      return answer;
    });
  const { slots, router, metrics, migrator } = target;
  return {
    ...target,
    slots: {
      fencing: slots.fencing,
      claim: (by) => write("claim", by, () => slots.claim(by)),
      observe: (slot, signal) => process.read(() => slots.observe(slot, signal)),
      ensure: (slot, want, expect, by) => write("ensure", by, () => slots.ensure(slot, want, expect, by)),
      retire: (slot, keep, expect, by) => write("retire", by, () => slots.retire(slot, keep, expect, by)),
      restore: (borrowed, by) => write("restore", by, () => slots.restore(borrowed, by)),
      reach: (slot, signal) => process.read(() => slots.reach(slot, signal)),
    },
    router: {
      modes: router.modes,
      propagation: router.propagation,
      fencing: router.fencing,
      claim: (by) => write("claim", by, () => router.claim(by)),
      observe: (signal) => process.read(() => router.observe(signal)),
      shift: (to, expect, by) => write("shift", by, () => router.shift(to, expect, by)),
      sample: (to, signal) => process.read(() => router.sample(to, signal)),
      residual: (slot, signal) => process.read(() => router.residual(slot, signal)),
    },
    ...(metrics === undefined
      ? {}
      : { metrics: { traffic: (slot, signal) => process.read(() => metrics.traffic(slot, signal)) } }),
    ...(migrator === undefined
      ? {}
      : {
          migrator: {
            observe: (signal) => process.read(() => migrator.observe(signal)),
            migrate: (phase, expect, by) =>
              write<MigrationState>("migrate", by, () => migrator.migrate(phase, expect, by)),
          },
        }),
  };
}
