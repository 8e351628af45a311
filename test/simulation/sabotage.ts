import { readyReplicas } from "../../src/core/observed.ts";
import { otherSlot } from "../../src/core/units.ts";
import { fence, intentId } from "../../src/core/units.ts";
import type { SlotProvider } from "../../src/ports/slots.ts";
import type { StateStore } from "../../src/ports/store.ts";
import type { Profile } from "../../src/targets/memory/index.ts";
import { deployAt, plain } from "./plain.ts";
import type { SimPorts } from "./ports.ts";
import type { Violation } from "./recording.ts";
import type { Schedule } from "./schedule.ts";
import type { Sabotage } from "./simulate.ts";

/** One promise broken on purpose, by a part that lies or forgets, and the runs in which that must show. */
export interface Tooth {
  readonly invariant: Violation["invariant"];
  readonly name: string;
  readonly schedule: (profile: Profile, seed: number) => Schedule;
  readonly sabotage: Sabotage;
  /** Profiles in which this cannot be broken, with the reason. */
  readonly cannot?: Partial<Readonly<Record<Profile, string>>>;
}

function slotsThat(ports: SimPorts, but: Partial<SlotProvider>): SimPorts {
  return { ...ports, target: { ...ports.target, slots: { ...ports.target.slots, ...but } } };
}

function storeThat(ports: SimPorts, but: Partial<StateStore>): SimPorts {
  return { ...ports, store: { ...ports.store, ...but } };
}

/** A process that believes its lease for ever, and a store that takes whatever comes. */
const believesItsLease = (ports: SimPorts): SimPorts => {
  const { store } = ports;
  return storeThat(ports, {
    beat: () => Promise.resolve({ is: "held" }),
    append: (key, id, expected, events) => store.append(key, id, expected, events, "ask"),
  });
};

/** Ann waits for replicas that never come while bob, elsewhere, takes the deployment over. */
const twoWriters = (profile: Profile, seed: number) =>
  plain(profile, seed, {
    behaviours: { r0: "good", r1: "neverReady" },
    actions: [deployAt(5_000, "r1"), { at: 6_000, by: "bob", command: { do: "resume" } }],
  });

export const TEETH: readonly Tooth[] = [
  {
    invariant: 1,
    name: "a probe that passes without asking",
    schedule: (profile, seed) => plain(profile, seed),
    sabotage: (ports) => ({
      ...ports,
      probe: {
        sample: (check, { reach, attempt }) =>
          Promise.resolve({
            check: check.name,
            replica: reach.replica,
            incarnation: reach.incarnation,
            attempt,
            took: 0 as never,
            result: "pass",
          }),
      },
    }),
  },
  {
    invariant: 2,
    name: "replicas that are shown ready and are not",
    schedule: (profile, seed) => plain(profile, seed, { behaviours: { r0: "good", r1: "neverReady" } }),
    sabotage: (ports) => ({
      ...slotsThat(ports, {
        observe: async (slot, signal) => {
          const read = await ports.target.slots.observe(slot, signal);
          if (read.is === "unreadable") return read;
          const replicas = read.value.replicas.map((each) =>
            each.phase === "unready" ? { ...each, phase: "ready" as const } : each,
          );
          return { ...read, value: { ...read.value, replicas } };
        },
      }),
      probe: {
        sample: async (check, of, signal) => ({
          ...(await ports.probe.sample(check, of, signal)),
          result: "pass",
        }),
      },
    }),
  },
  {
    invariant: 3,
    name: "a destination that is ready and never shown so",
    schedule: (profile, seed) =>
      plain(profile, seed, { behaviours: { r0: "good", r1: "failsUnderTraffic" } }),
    sabotage: (ports, { target }) =>
      slotsThat(ports, {
        observe: async (slot, signal) => {
          const read = await ports.target.slots.observe(slot, signal);
          const { weights } = target.world.routes;
          const left =
            weights !== "pool" &&
            weights[slot] === 0 &&
            readyReplicas(target.world.fleet.truth(otherSlot(slot)).state).length > 0;
          if (read.is === "unreadable" || slot !== "blue" || !left) return read;
          const replicas = read.value.replicas.map((each) => ({ ...each, phase: "unready" as const }));
          return { ...read, value: { ...read.value, replicas } };
        },
      }),
  },
  {
    invariant: 4,
    name: "a router that calls everything confirmed and drained",
    schedule: (profile, seed) =>
      plain(profile, seed, { longTail: true, behaviours: { r0: "good", r1: "failsUnderTraffic" } }),
    sabotage: (ports) => {
      const { router } = ports.target;
      return {
        ...ports,
        target: {
          ...ports.target,
          router: {
            ...router,
            sample: async (to, signal) => {
              const read = await router.sample(to, signal);
              return read.is === "unreadable" ? read : { ...read, value: { ...read.value, moved: true } };
            },
            residual: async (slot, signal) => {
              const read = await router.residual(slot, signal);
              return read.is === "unreadable" ? read : { ...read, value: { inFlight: 0, newRequests: 0 } };
            },
          },
        },
      };
    },
  },
  {
    invariant: 5,
    name: "a rehearsal that is always clean",
    schedule: (profile, seed) =>
      plain(profile, seed * 3, {
        migrations: true,
        actions: [deployAt(5_000, "r1"), { at: 4_500, rehearsal: "breaks" }],
      }),
    sabotage: (ports) => {
      const { migrator } = ports.target;
      if (migrator === undefined) throw new Error("there is nothing to migrate");
      const observe: typeof migrator.observe = async (signal) => {
        const read = await migrator.observe(signal);
        return read.is === "unreadable" ? read : { ...read, value: { ...read.value, rehearsal: "clean" } };
      };
      return { ...ports, target: { ...ports.target, migrator: { ...migrator, observe } } };
    },
  },
  {
    invariant: 6,
    name: "a migrator without a ledger",
    schedule: (profile, seed) => plain(profile, seed, { migrations: true }),
    sabotage: (ports, { target }) => {
      const { migrator } = ports.target;
      if (migrator === undefined) throw new Error("there is nothing to migrate");
      const forgets = { applied: [], rehearsal: "clean" } as const;
      return {
        ...ports,
        target: {
          ...ports.target,
          migrator: {
            observe: async (signal) => {
              const read = await migrator.observe(signal);
              return read.is === "unreadable" ? read : { ...read, value: forgets };
            },
            migrate: (phase, _expect, by) => {
              target.world.act(() =>
                target.world.ledgers.run("r1", phase, { intent: by.intent, fence: by.fence }),
              );
              return Promise.resolve({ is: "applied", seen: forgets });
            },
          },
        },
      };
    },
  },
  {
    invariant: 7,
    name: "a process that believes its lease for ever",
    schedule: twoWriters,
    sabotage: (ports) => believesItsLease(ports),
  },
  {
    invariant: 7,
    name: "the same, and a target that forgets its fences",
    schedule: twoWriters,
    sabotage: (ports, { target }) => {
      const { world } = target;
      const forget = () => {
        world.fleet.fence = fence(0);
        world.routes.fence = fence(0);
        for (const slot of ["blue", "green"] as const) world.fleet.touch(slot);
        world.routes.touch();
      };
      const { slots } = ports.target;
      return slotsThat(believesItsLease(ports), {
        retire: (...args) => {
          world.act(forget);
          return slots.retire(args[0], args[1], "any", args[3]);
        },
      });
    },
    cannot: { loose: "fences are compared with a read there, nothing refuses; see the row before" },
  },
  {
    invariant: 8,
    name: "a store that forgets the deadlines of waits",
    schedule: (profile, seed) => plain(profile, seed, { approval: true }),
    sabotage: (ports) =>
      storeThat(ports, {
        append: (key, id, expected, events, by) => {
          const endless = events.map((event) =>
            event.kind === "verdict" && event.hold !== undefined
              ? { ...event, hold: { ...event.hold, until: 8.64e15 as never } }
              : event,
          );
          return ports.store.append(key, id, expected, endless, by);
        },
      }),
  },
  {
    invariant: 9,
    name: "a store that loses what it acknowledged",
    schedule: (profile, seed) =>
      plain(profile, seed, {
        actions: [deployAt(5_000, "r1"), { at: 8_000, by: "bob", command: { do: "abort" } }],
      }),
    sabotage: (ports) =>
      storeThat(ports, {
        append: (key, id, expected, events, by) =>
          by === "ask"
            ? Promise.resolve({ is: "appended", events: [] })
            : ports.store.append(key, id, expected, events, by),
      }),
  },
  {
    invariant: 10,
    name: "a store that opens a second deployment beside the first",
    schedule: (profile, seed) =>
      plain(profile, seed, { actions: [deployAt(5_000, "r1"), deployAt(5_000, "r2", "blueGreen", "bob")] }),
    sabotage: (ports) =>
      storeThat(ports, {
        open: async (key, id, first) => {
          const answer = await ports.store.open(key, id, first);
          return answer.is === "taken"
            ? ports.store.open({ ...key, environment: "beside" }, id, first)
            : answer;
        },
      }),
  },
  {
    invariant: 11,
    name: "a router that writes once more under a name nobody journaled",
    schedule: (profile, seed) => plain(profile, seed),
    sabotage: (ports) => {
      const { router } = ports.target;
      return {
        ...ports,
        target: {
          ...ports.target,
          router: {
            ...router,
            shift: async (to, expect, by) => {
              const answer = await router.shift(to, expect, by);
              await router.shift(to, "any", { ...by, intent: intentId("unheard-of") });
              return answer;
            },
          },
        },
      };
    },
  },
  {
    invariant: 12,
    name: "a tag that names another image by now",
    schedule: (profile, seed) => plain(profile, seed),
    sabotage: (ports) =>
      slotsThat(ports, {
        ensure: (slot, want, expect, by) =>
          ports.target.slots.ensure(
            slot,
            { ...want, revision: { id: "moved", config: want.revision.config } },
            expect,
            by,
          ),
      }),
  },
  {
    invariant: 13,
    name: "a target that does not give back",
    schedule: (profile, seed) => plain(profile, seed, { autoscaler: true }),
    sabotage: (ports, { target }) =>
      slotsThat(ports, {
        restore: (borrowed) =>
          Promise.resolve({ is: "applied", seen: target.world.fleet.truth(borrowed.slot).state }),
      }),
  },
  {
    invariant: 14,
    name: "a store that begins its fences anew",
    schedule: (profile, seed) =>
      plain(profile, seed, {
        actions: [
          deployAt(5_000, "r1"),
          { at: 8_000, kills: "ann" },
          { at: 9_000, by: "ann", command: { do: "resume" } },
        ],
      }),
    sabotage: (ports) =>
      storeThat(ports, {
        take: async (...args) => {
          const answer = await ports.store.take(...args);
          return answer.is === "taken" ? { ...answer, fence: fence(1) } : answer;
        },
        append: (key, id, expected, events) => ports.store.append(key, id, expected, events, "ask"),
        beat: () => Promise.resolve({ is: "held" }),
      }),
  },
];
