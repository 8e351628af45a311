import fc from "fast-check";
import { expect, test } from "vitest";
import { instant, type Instant } from "../../../core/units.ts";
import { decideSlot, isLooping, membersOf, slotState, type Lives, type LifeView } from "./decide.ts";
import { begun, crashed, newReplica, type Policy, type ReplicaRecord, type SlotRecord } from "./record.ts";
import { READY_CHECKS, serviceFile } from "./test-support.ts";

const POLICY: Policy = serviceFile({
  backoff: 100,
  backoffCap: 1_000,
  crashLoop: { exits: 3, within: 10_000 },
  drainCap: 5_000,
  stopGrace: 1_000,
}).replicas;
const REVISION = { id: "v1", config: "c" };

function slot(wanted: number, replicas: readonly ReplicaRecord[]): SlotRecord {
  return { version: 1, want: { revision: REVISION, replicas: wanted, checks: READY_CHECKS }, replicas };
}
const replica = (n: number, change: Partial<ReplicaRecord> = {}) => ({
  ...newReplica("blue", n),
  startedAt: instant(0),
  ...change,
});
const running = (
  readiness: "starting" | "ready" | "unready",
  residual: number | "unknown" = "unknown",
): LifeView => ({ is: "running", readiness, residual });
const decide = (record: SlotRecord, lives: Record<string, LifeView>, at = 0) =>
  decideSlot(record, new Map(Object.entries(lives)), instant(at), POLICY);

test("adds what is missing under the lowest free numbers", () => {
  const record = slot(3, [replica(2)]);
  expect(decide(record, { "blue-2": running("ready") }).actions).toEqual([
    { do: "add", n: 1 },
    { do: "add", n: 3 },
  ]);
});

test("starts a crashed replica again after a pause that doubles up to the cap", () => {
  const pauses = [1, 2, 3, 4, 5, 6].map((count) => {
    const crashes = Array.from({ length: count }, () => instant(1_000));
    return decide(slot(1, [replica(1, { crashes })]), {}, 1_000).wakeAt - 1_000;
  });
  expect(pauses).toEqual([100, 200, 400, 800, 1_000, 1_000]);
  const last = slot(1, [replica(1, { crashes: [instant(1_000)] })]);
  expect(decide(last, {}, 1_100).actions).toEqual([{ do: "start", replica: "blue-1" }]);
});

test("takes an unready replica out before a ready one, then the highest number", () => {
  const record = slot(1, [replica(1), replica(2), replica(3)]);
  const { actions } = decide(record, {
    "blue-1": running("unready"),
    "blue-2": running("ready"),
    "blue-3": running("ready"),
  });
  expect(actions).toEqual([
    { do: "leave", replica: "blue-1" },
    { do: "leave", replica: "blue-3" },
  ]);
});

test("stops a leaving replica when its requests are done or the drain cap passed, not before", () => {
  const record = slot(0, [replica(1, { leavingSince: instant(0) })]);
  expect(decide(record, { "blue-1": running("ready", 1) }, 4_999)).toEqual({ actions: [], wakeAt: 5_000 });
  expect(decide(record, { "blue-1": running("ready", "unknown") }, 4_999).actions).toEqual([]);
  expect(decide(record, { "blue-1": running("ready", 0) }, 10).actions).toEqual([
    { do: "stop", replica: "blue-1" },
  ]);
  expect(decide(record, { "blue-1": running("ready", 1) }, 5_000).actions).toEqual([
    { do: "stop", replica: "blue-1" },
  ]);
});

test("kills what does not stop, and forgets what is gone", () => {
  const record = slot(0, [replica(1, { leavingSince: instant(0) })]);
  expect(decide(record, { "blue-1": { is: "stopping", since: instant(0) } }, 3_999).actions).toEqual([]);
  expect(decide(record, { "blue-1": { is: "stopping", since: instant(0) } }, 4_000).actions).toEqual([
    { do: "kill", replica: "blue-1" },
  ]);
  expect(decide(record, {}, 4_000).actions).toEqual([{ do: "forget", replica: "blue-1" }]);
});

test("a clock that was set back delays nothing for long; a small correction of it changes nothing", () => {
  const crash = slot(1, [replica(1, { crashes: [instant(3_600_000)] })]);
  expect(decide(crash, {}, 0).actions).toEqual([{ do: "start", replica: "blue-1" }]);
  const leaving = (since: number) => slot(0, [replica(1, { leavingSince: instant(since) })]);
  expect(decide(leaving(3_600_000), { "blue-1": running("ready", 1) }, 0).actions).toEqual([
    { do: "stop", replica: "blue-1" },
  ]);
  expect(decide(leaving(20), { "blue-1": running("ready", 1) }, 0)).toEqual({ actions: [], wakeAt: 5_020 });
});

test("calls a leaving replica back when the ones that stay have failed", () => {
  const record = slot(1, [replica(1), replica(2, { leavingSince: instant(0) })]);
  const { actions } = decide(record, { "blue-1": running("unready"), "blue-2": running("ready", 0) });
  expect(actions).toEqual([
    { do: "leave", replica: "blue-1" },
    { do: "stay", replica: "blue-2" },
  ]);
});

test("calls leaving replicas back when more are wanted again", () => {
  const record = slot(2, [
    replica(1, { leavingSince: instant(0) }),
    replica(2, { leavingSince: instant(0) }),
  ]);
  const { actions } = decide(record, {
    "blue-1": running("ready", 0),
    "blue-2": { is: "stopping", since: instant(0) },
  });
  expect(actions).toEqual([
    { do: "stay", replica: "blue-1" },
    { do: "add", n: 3 },
  ]);
});

test("a crash loop is told until a life lasts as long as the window", () => {
  let one = begun(replica(1), "a", instant(0));
  for (const at of [1_000, 2_000, 3_000])
    one = begun(crashed(one, { code: 1, signal: null, at: instant(at) }, POLICY), "a", instant(at));
  expect(isLooping(one, instant(3_000), POLICY)).toBe(true);
  expect(isLooping(one, instant(12_999), POLICY)).toBe(true);
  expect(isLooping(one, instant(13_000), POLICY)).toBe(false);
  expect(one.restarts).toBe(3);
  const later = crashed(one, { code: 1, signal: null, at: instant(20_000) }, POLICY);
  expect(later.crashes).toEqual([20_000]);
});

test("crashes further apart than the window are no crash loop", () => {
  let one = begun(replica(1), "a", instant(0));
  for (const at of [9_000, 18_000, 27_000])
    one = begun(crashed(one, { code: 1, signal: null, at: instant(at) }, POLICY), "a", instant(at));
  expect(isLooping(one, instant(27_000), POLICY)).toBe(false);
});

test("a replica counts as ready when the edge knows of it", () => {
  const phases = [false, true].map((listed) => {
    const lives = new Map([["blue-1", running("ready")]]);
    return slotState("blue", slot(1, [replica(1, { listed })]), lives, instant(0), POLICY);
  });
  expect(phases.map((state) => [state.replicas[0]?.phase, state.settled])).toEqual([
    ["starting", false],
    ["ready", true],
  ]);
});

test("when no replica is ready, those that once were are members; one that ended or still starts is not", () => {
  const record = slot(3, [replica(1), replica(2), replica(3)]);
  const lives = new Map<string, LifeView>([
    ["blue-1", running("unready")],
    ["blue-3", running("starting")],
  ]);
  expect(membersOf(record, lives)).toEqual(["blue-1"]);
  lives.set("blue-3", running("ready"));
  expect(membersOf(record, lives)).toEqual(["blue-3"]);
});

/**
 * A small world for the property: replicas start, become ready, flap, crash, hang, drain, as the random events say.
 * `decideSlot` alone decides what is started and stopped.
 */
type Event =
  | { readonly event: "want"; readonly replicas: number }
  | { readonly event: "ready" | "unready" | "crash" | "drained" | "gone"; readonly nth: number }
  | { readonly event: "pass"; readonly ms: number };

const events = fc.array(
  fc.oneof(
    fc.record({ event: fc.constant("want" as const), replicas: fc.integer({ min: 0, max: 4 }) }),
    fc.record({
      event: fc.constantFrom(
        "ready" as const,
        "unready" as const,
        "crash" as const,
        "drained" as const,
        "gone" as const,
      ),
      nth: fc.nat(5),
    }),
    fc.record({ event: fc.constant("pass" as const), ms: fc.constantFrom(10, 100, 1_000, 6_000) }),
  ),
  { maxLength: 60 },
);

interface World {
  record: SlotRecord;
  readonly lives: Map<string, LifeView>;
  now: Instant;
}

function change(world: World, id: string, by: (one: ReplicaRecord) => ReplicaRecord): void {
  world.record = {
    ...world.record,
    replicas: world.record.replicas.map((one) => (one.id === id ? by(one) : one)),
  };
}

function happen(world: World, event: Event): void {
  if (event.event === "want")
    world.record = { ...world.record, ...slot(event.replicas, world.record.replicas) };
  else if (event.event === "pass") world.now = instant(world.now + event.ms);
  else {
    const [id, life] = [...world.lives][event.nth] ?? [];
    if (id === undefined || life === undefined) return;
    if (life.is === "running") {
      if (event.event === "ready" || event.event === "unready")
        world.lives.set(id, { ...life, readiness: event.event });
      if (event.event === "drained") world.lives.set(id, { ...life, residual: 0 });
      if (event.event === "crash") {
        world.lives.delete(id);
        change(world, id, (one) =>
          one.leavingSince === undefined
            ? crashed(one, { code: 1, signal: null, at: world.now }, POLICY)
            : one,
        );
      }
    } else if (event.event === "gone") world.lives.delete(id);
  }
}

const readyIds = (lives: Lives) =>
  [...lives].filter(([, life]) => life.is === "running" && life.readiness === "ready").map(([id]) => id);

/** Carries one decision out, and checks that it never takes away the last ready replica while any is wanted. */
function obey(world: World): number {
  const { actions } = decideSlot(world.record, world.lives, world.now, POLICY);
  for (const action of actions) {
    if (action.do === "add") {
      world.record = { ...world.record, replicas: [...world.record.replicas, newReplica("blue", action.n)] };
      continue;
    }
    const id = action.replica;
    if (action.do === "start") {
      world.lives.set(id, running("starting"));
      change(world, id, (one) => begun(one, `${id}.x`, world.now));
    } else if (action.do === "leave") change(world, id, (one) => ({ ...one, leavingSince: world.now }));
    else if (action.do === "stay") change(world, id, ({ leavingSince: _, ...one }) => one);
    else if (action.do === "kill") world.lives.delete(id);
    else if (action.do === "forget") {
      expect(world.lives.has(id)).toBe(false);
      world.record = { ...world.record, replicas: world.record.replicas.filter((one) => one.id !== id) };
    } else {
      const before = readyIds(world.lives);
      const wanted = world.record.want?.replicas ?? 0;
      world.lives.set(id, { is: "stopping", since: world.now });
      if (wanted > 0 && before.includes(id)) expect(readyIds(world.lives), `stopped ${id}`).not.toEqual([]);
    }
  }
  const members = membersOf(world.record, world.lives);
  world.record = {
    ...world.record,
    replicas: world.record.replicas.map((one) => ({ ...one, listed: members.includes(one.id) })),
  };
  return actions.length;
}

test("property: whatever happens, the last ready replica is stopped only when none is wanted, and the slot converges", () => {
  fc.assert(
    fc.property(events, (list) => {
      const world: World = { record: { version: 0, replicas: [] }, lives: new Map(), now: instant(0) };
      for (const event of list) {
        happen(world, event);
        obey(world);
        const staying = world.record.replicas.filter((one) => one.leavingSince === undefined);
        expect(new Set(world.record.replicas.map((one) => one.id)).size).toBe(world.record.replicas.length);
        expect(staying.length).toBeGreaterThanOrEqual(
          Math.min(world.record.want?.replicas ?? 0, world.record.replicas.length),
        );
        const members = membersOf(world.record, world.lives);
        expect(members.every((id) => world.lives.get(id)?.is === "running")).toBe(true);
      }
      // Then everything goes well: soon there are exactly as many as wanted, all ready, and nothing is left to do.
      for (let round = 0; round < 20; round++) {
        for (const [id, life] of world.lives) {
          if (life.is === "running") world.lives.set(id, { ...running("ready", 0) });
          else world.lives.delete(id);
        }
        world.now = instant(world.now + 6_000);
        obey(world);
      }
      expect(obey(world)).toBe(0);
      const state = slotState("blue", world.record, world.lives, world.now, POLICY);
      expect(state.settled).toBe(true);
      expect(state.replicas.map((one) => one.phase)).toEqual(
        Array.from({ length: state.wanted }, () => "ready"),
      );
    }),
    { numRuns: 1_000 },
  );
});
