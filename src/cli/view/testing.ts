import { SimClock } from "../../../test/simulation/clock.ts";
import type { Connection } from "../../api/connection.ts";
import { eventsOf, type MoveOptions } from "../../api/deploying.ts";
import type { CheckPlan } from "../../core/checks.ts";
import type { JournalEvent } from "../../core/journal.ts";
import type { Strategy } from "../../core/plan.ts";
import type { DeploymentId, Revision } from "../../core/units.ts";
import { memorySpool } from "../../engine/spool.ts";
import { memoryStore } from "../../state/memory.ts";
import { createMemoryTarget, type Behaviour, type Profile } from "../../targets/memory/index.ts";
import { render } from "./render.ts";
import type { ViewContext } from "./moment.ts";
import { view } from "./view.ts";

/** Real journals for tests: the engine over the memory target, in simulated time. */
export interface World {
  readonly connection: Connection;
  readonly clock: SimClock;
  readonly options: MoveOptions;
  events(id: DeploymentId): Promise<readonly JournalEvent[]>;
}

export interface WorldOptions {
  readonly profile?: Profile;
  readonly strategy?: Partial<Strategy>;
  readonly behaviour?: (revision: Revision) => Behaviour;
  readonly replicas?: number;
}

const STRATEGY = {
  kind: "blueGreen",
  gates: [],
  shifts: [],
  batch: 1,
  bake: 30_000,
  keepWarm: 600_000,
  drainCap: 30_000,
  startDeadline: 60_000,
  errors: { share: 0.01, minRequests: 20 },
  freshness: 30_000,
  migrations: { expand: false, contract: false, destructive: false },
} as unknown as Strategy;

const CHECKS = {
  checks: [
    {
      name: "ready",
      kind: "ready",
      timeout: 1_000,
      ask: "http",
      http: { method: "GET", path: "/health", headers: {}, status: [[200, 200]], followRedirects: 0 },
    },
    {
      name: "deep[0] GET /health/db",
      kind: "deep",
      timeout: 1_000,
      ask: "http",
      http: { method: "GET", path: "/health/db", headers: {}, status: [[200, 200]], followRedirects: 0 },
    },
  ],
  window: { of: 5, passes: 3, consecutive: 2, interval: 500, jitter: 0.2, deadline: 60_000 },
  minHealthy: "all",
  identity: { by: "address" },
} as unknown as CheckPlan;

export function world(options: WorldOptions = {}): World {
  const clock = new SimClock();
  let seed = 7;
  const random = () => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647;
  const target = createMemoryTarget({
    profile: options.profile ?? "atomic",
    clock,
    random,
    modes: ["switch", "weights"],
    ...(options.behaviour === undefined ? {} : { behaviour: options.behaviour }),
  });
  const store = memoryStore({ clock });
  const connection: Connection = {
    key: { service: "shop", environment: "production" },
    wishes: {
      strategyFor: (kind) => ({ ...STRATEGY, ...options.strategy, ...(kind === undefined ? {} : { kind }) }),
      checks: () => Promise.resolve({ is: "checks", plan: CHECKS }),
      replicas: options.replicas ?? 2,
    },
    by: "ada@desk",
    store,
    spool: memorySpool(),
    clock,
    target,
    probe: target.probe,
    random,
    holder: { name: "ada@desk pid 1", host: "desk", pid: 1, started: "1", boot: "b" },
    isGone: () => "alive",
    close: () => Promise.resolve(),
  };
  return {
    connection,
    clock,
    options: { signal: new AbortController().signal },
    events: (id) => eventsOf(connection, id),
  };
}

export const revision = (id: string): Revision => ({ id, config: "c1" });

export const CONTEXT: ViewContext = {
  place: "vps1",
  number: 42,
  liveNumber: 41,
  suffix: " --env production",
  exits: { done: 0, unchanged: 0, refused: 3, reverted: 4, undecided: 5 },
  clock: (at) => new Date(at).toISOString().slice(11, 16),
};

/** The view as people read it: plain, without time stamps and quiet lines. */
export function shown(events: readonly JournalEvent[], context: Partial<ViewContext> = {}): string {
  return view(events, { ...CONTEXT, ...context })
    .filter((line) => line.is !== "say" || line.tone !== "quiet")
    .map((line) => render(line, { color: false }).trimEnd())
    .join("\n");
}
