import { createHash } from "node:crypto";
import fc from "fast-check";
import type { Observed, Read, Replica, Routing, SlotState } from "../observed.ts";
import type { Gate, Plan, Request, Strategy, StrategyKind } from "../plan.ts";
import { NOBODY, type Mode, type Weights } from "../routing.ts";
import { instant, millis, version, type Revision, type Slot } from "../units.ts";
import { plan, type PlanInput } from "./plan.ts";

/** Builders and generators that the tests of this folder share. */

export const V1: Revision = { id: "v1", config: "c1" };
export const V2: Revision = { id: "v2", config: "c1" };
export const V3: Revision = { id: "v3", config: "c1" };

export const digest: PlanInput["digest"] = (text) => createHash("sha256").update(text).digest("hex");

export function seen<T>(value: T): Read<T> {
  return { is: "seen", value, version: version("1"), at: instant(0) };
}

export const UNREADABLE = {
  is: "unreadable",
  cause: { code: "TEAL-X101", message: "it does not answer" },
} as const;

export function slot(
  name: Slot,
  revision?: Revision,
  wanted = 0,
  phase: Replica["phase"] = "ready",
): SlotState {
  const replicas = Array.from({ length: wanted }, (_, index): Replica => {
    return { id: `${name}-${index}`, incarnation: `${index}.1`, phase, restarts: 0 };
  });
  return { slot: name, ...(revision === undefined ? {} : { revision }), wanted, settled: true, replicas };
}

export function observed(
  weights: Weights,
  blue: SlotState = slot("blue"),
  green: SlotState = slot("green"),
): Observed {
  return { routing: seen({ weights, rules: [] }), slots: { blue: seen(blue), green: seen(green) } };
}

/** Blue serves v1 with so many replicas, green is empty. */
export function blueServes(replicas = 5): Observed {
  return observed({ blue: 100, green: 0 }, slot("blue", V1, replicas));
}

export const WATCH: Gate = { gate: "watch", for: millis(60_000) };
export const APPROVAL: Gate = { gate: "approval", timeout: millis(7_200_000), otherwise: "revert" };

export function strategy(kind: StrategyKind, but: Partial<Strategy> = {}): Strategy {
  return {
    kind,
    gates: [],
    shifts:
      kind === "canary"
        ? [
            { share: 10, gate: WATCH },
            { share: 50, gate: WATCH },
          ]
        : [],
    batch: 2,
    bake: millis(30_000),
    keepWarm: millis(600_000),
    drainCap: millis(30_000),
    startDeadline: millis(120_000),
    errors: { share: 0.01, minRequests: 20 },
    freshness: millis(5000),
    migrations: { expand: false, contract: false, destructive: false },
    ...but,
  };
}

export function request(
  kind: StrategyKind,
  but: Partial<Request> = {},
  strategyBut: Partial<Strategy> = {},
): Request {
  return {
    service: "shop",
    environment: "production",
    revision: V2,
    strategy: strategy(kind, strategyBut),
    checks: {
      checks: [],
      window: {
        of: 3,
        passes: 2,
        consecutive: 2,
        interval: millis(500),
        jitter: 0.1,
        deadline: millis(60_000),
      },
      minHealthy: "all",
      identity: { by: "address" },
    },
    replicas: 2,
    by: "ann@laptop",
    force: [],
    ...but,
  };
}

export const ALL_MODES: PlanInput["router"] = {
  modes: ["switch", "weights", "pool"],
  propagation: millis(0),
};

export function router(...modes: Mode[]): PlanInput["router"] {
  return { modes, propagation: millis(0) };
}

/** The plan, where the test is about a plan. */
export function planned(
  asked: Request,
  of: Observed = blueServes(),
  by: PlanInput["router"] = ALL_MODES,
): Plan {
  const answer = plan({ request: asked, observed: of, router: by, digest });
  if (answer.is !== "plan") throw new Error(`no plan but ${JSON.stringify(answer)}`);
  return answer.plan;
}

const revisions = fc.constantFrom(V1, V2, V3);

const kinds = fc.constantFrom<StrategyKind>("blueGreen", "canary", "rolling", "recreate");

function anySlot(name: Slot): fc.Arbitrary<SlotState> {
  const phases = fc.constantFrom<Replica["phase"]>(
    "ready",
    "ready",
    "ready",
    "starting",
    "unready",
    "stopping",
    "exited",
    "crashLoop",
  );
  // Mostly the slot's own revision; sometimes the slot is in the middle of a change.
  const own = fc.oneof(
    { weight: 20, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: revisions },
  );
  const replica = fc.record({ phase: phases, revision: own });
  const filled = fc
    .record({
      revision: fc.option(revisions, { nil: undefined, freq: 20 }),
      replicas: fc.array(replica, { maxLength: 7 }),
      wanted: fc.option(fc.nat({ max: 7 }), { nil: undefined }),
    })
    .map(({ revision, replicas, wanted }): SlotState => {
      return {
        slot: name,
        ...(revision === undefined ? {} : { revision }),
        wanted: wanted ?? replicas.length,
        settled: wanted === undefined,
        replicas: replicas.map(({ phase, revision: own }, index) => {
          return {
            id: `${name}-${index}`,
            incarnation: "1",
            phase,
            restarts: 0,
            ...(own === undefined ? {} : { revision: own }),
          };
        }),
      };
    });
  return fc.oneof({ weight: 1, arbitrary: fc.constant(slot(name)) }, { weight: 2, arbitrary: filled });
}

const anyRouting: fc.Arbitrary<Routing> = fc
  .constantFrom<Weights>(
    { blue: 100, green: 0 },
    { blue: 0, green: 100 },
    { blue: 70, green: 30 },
    NOBODY,
    "pool",
  )
  .map((weights) => ({ weights, rules: [{ id: "main", weights, raw: "{}" }] }));

function sometimes<T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<Read<T>> {
  return fc.oneof(
    { weight: 15, arbitrary: arbitrary.map(seen) },
    { weight: 1, arbitrary: fc.constant(UNREADABLE) },
  );
}

export const anyObserved: fc.Arbitrary<Observed> = fc.record({
  routing: sometimes(anyRouting),
  slots: fc.record({ blue: sometimes(anySlot("blue")), green: sometimes(anySlot("green")) }),
});

const anyGate = fc.constantFrom<Gate>(WATCH, APPROVAL, {
  gate: "schedule",
  days: [1, 2],
  from: 480,
  to: 960,
  timeout: millis(86_400_000),
  otherwise: "revert",
});

const anyStrategy: fc.Arbitrary<Strategy> = fc
  .record({
    kind: kinds,
    gates: fc.array(anyGate, { maxLength: 2 }),
    shifts: fc.uniqueArray(fc.integer({ min: 1, max: 99 }), { maxLength: 4 }).chain((shares) => {
      return fc.tuple(
        ...shares
          .toSorted((a, b) => a - b)
          .map((share) => fc.record({ share: fc.constant(share), gate: anyGate })),
      );
    }),
    batch: fc.integer({ min: 1, max: 4 }),
    bake: fc.constantFrom(millis(0), millis(30_000)),
    keepWarm: fc.constantFrom(millis(0), millis(600_000)),
    migrations: fc.record({
      expand: fc.boolean(),
      contract: fc.boolean(),
      destructive: fc.constantFrom(false, false, false, true),
    }),
  })
  .map((fields) => strategy(fields.kind, fields));

export const anyRequest: fc.Arbitrary<Request> = fc
  .record({
    revision: revisions,
    strategy: anyStrategy,
    replicas: fc.integer({ min: 1, max: 4 }),
    live: fc.option(fc.constantFrom<Slot>("blue", "green"), { nil: undefined }),
    again: fc.constantFrom(false, false, true),
  })
  .map(({ live, ...fields }) =>
    request(fields.strategy.kind, { ...fields, ...(live === undefined ? {} : { live }) }),
  );

export const anyRouter: fc.Arbitrary<PlanInput["router"]> = fc.record({
  modes: fc.subarray<Mode>(["switch", "weights", "pool", "none"]),
  propagation: fc.constantFrom<PlanInput["router"]["propagation"]>(millis(0), millis(20_000), "unknown"),
});

/** Mostly routers that can do everything, so that most cases give a plan. */
export const anyInput: fc.Arbitrary<PlanInput> = fc.record({
  request: anyRequest,
  observed: anyObserved,
  router: fc.oneof({ weight: 3, arbitrary: fc.constant(ALL_MODES) }, { weight: 2, arbitrary: anyRouter }),
  digest: fc.constant(digest),
  reverted: fc.constantFrom(false, false, false, true),
});
