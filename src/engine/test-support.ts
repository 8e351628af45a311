import { createHash } from "node:crypto";
import type { Deployment } from "../core/deployment.ts";
import { fold } from "../core/deployment.ts";
import type { JournalEvent, Serves } from "../core/journal.ts";
import { plan } from "../core/planning/plan.ts";
import { request } from "../core/planning/testing.ts";
import type { Plan, Strategy, StrategyKind } from "../core/plan.ts";
import { SLOTS, deploymentId, millis, type Slot } from "../core/units.ts";
import { readyReplicas } from "../core/observed.ts";
import type { Key, StateStore } from "../ports/store.ts";
import { memoryStore, type StoreFault } from "../state/memory.ts";
import { createMemoryTarget, type MemoryOptions, type MemoryTarget } from "../targets/memory/index.ts";
import { SimClock } from "../../test/simulation/clock.ts";
import { advance, ask, openDeployment, type Advanced } from "./engine.ts";
import { observe } from "./observe.ts";
import { CALL_BOUND, type EnginePorts } from "./ports.ts";
import type { RunOptions } from "./run.ts";
import { memorySpool, type Spool } from "./spool.ts";

export const KEY: Key = { service: "shop", environment: "production" };

/** Shorter than in production, in the same order. */
const TIMES: Partial<Strategy> = {
  bake: millis(5_000),
  keepWarm: millis(0),
  drainCap: millis(4_000),
  startDeadline: millis(20_000),
  errors: { share: 0.05, minRequests: 50 },
};

const SHIFTS: Strategy["shifts"] = [10, 50].map((share) => ({
  share,
  gate: { gate: "watch", for: millis(2_000) },
}));

export interface StageOptions extends Partial<Omit<MemoryOptions, "clock">> {
  /** Nothing installed: the first deployment. */
  readonly empty?: boolean;
  readonly faultOfStore?: (operation: string) => StoreFault;
}

/** A machine with everything in memory and simulated time; processes come and go on it. */
export class Stage {
  readonly clock = new SimClock();
  readonly target: MemoryTarget;
  readonly store: StateStore;
  readonly spool: Spool = memorySpool();
  readonly signals = new Set<AbortController>();
  /** Called after every append that the store carried out, with the events. */
  appended: (events: readonly JournalEvent[]) => void = () => undefined;
  #pids = 0;
  #ids = 0;
  readonly #gone = new Set<number>();

  constructor(options: StageOptions = {}) {
    const { empty, faultOfStore, ...rest } = options;
    let seed = 1;
    const random = () => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647;
    this.target = createMemoryTarget({ profile: "atomic", clock: this.clock, random, ...rest });
    const store = memoryStore({
      clock: this.clock,
      ...(faultOfStore === undefined ? {} : { faults: faultOfStore }),
    });
    this.store = {
      ...bound(store),
      append: async (...args) => {
        const answer = await store.append(...args);
        if (answer.is === "appended") this.appended(answer.events);
        return answer;
      },
    };
    if (empty !== true) this.target.hand.install("blue", { id: "v1", config: "memory" }, 2);
  }

  /** A process of its own: what it waits for never comes any more once it was killed. */
  process(over: Partial<EnginePorts> = {}): {
    readonly ports: EnginePorts;
    kill(): void;
    readonly dead: () => boolean;
  } {
    const pid = ++this.#pids;
    let dead = false;
    const gate = <T extends object>(ports: T): T =>
      new Proxy(ports, {
        get: (of, name) => {
          const value: unknown = Reflect.get(of, name, of);
          if (typeof value !== "function") return value;
          return (...args: unknown[]) => {
            if (dead) return never();
            const answer: unknown = value.apply(of, args);
            return answer instanceof Promise
              ? answer.then((real: unknown) => (dead ? never() : real))
              : answer;
          };
        },
      });
    const { target, clock } = this;
    const ports: EnginePorts = {
      store: gate(this.store),
      spool: gate(this.spool),
      clock: gate<EnginePorts["clock"]>({
        now: () => clock.now(),
        monotonic: () => clock.monotonic(),
        sleep: (ms, signal) => clock.sleep(ms, signal),
      }),
      target: {
        ...target,
        slots: gate(target.slots),
        router: gate(target.router),
        metrics: gate(target.metrics),
        migrator: gate(target.migrator),
      },
      probe: gate(target.probe),
      random: () => 0.5,
      holder: { name: `ann pid ${pid}`, host: "h", pid, started: `s${pid}`, boot: "b" },
      isGone: (holder) => (this.#gone.has(holder.pid) ? "gone" : "alive"),
      ...over,
    };
    const kill = () => {
      dead = true;
      this.#gone.add(pid);
    };
    return { ports, kill, dead: () => dead };
  }

  /** Plans a revision against what is there and opens its deployment. */
  async open(revision: string, kind: StrategyKind = "blueGreen", but: Partial<Strategy> = {}): Promise<Plan> {
    const { target } = this;
    // What was installed has come up by now.
    await this.clock.sleep(millis(5_000));
    const asked = request(
      kind,
      { revision: { id: revision, config: "memory" }, checks: { ...request(kind).checks, checks: CHECKS } },
      { ...TIMES, ...(kind === "canary" ? { shifts: SHIFTS } : {}), ...but },
    );
    const observed = await observe(target, this.clock, CALL_BOUND, new AbortController().signal);
    const planned = plan({
      request: asked,
      observed,
      router: target.router,
      digest: (text) => createHash("sha256").update(text).digest("hex"),
    });
    if (planned.is !== "plan") throw new Error(`no plan: ${JSON.stringify(planned)}`);
    const opened = await openDeployment(this.store, KEY, deploymentId(`d${++this.#ids}`), planned.plan);
    if (opened.is !== "opened") throw new Error(`not opened: ${JSON.stringify(opened)}`);
    return planned.plan;
  }

  advance(options: Partial<RunOptions> = {}, ports: EnginePorts = this.process().ports): Promise<Advanced> {
    return advance(ports, KEY, { stay: true, ...options });
  }

  ask(what: "abort" | "promote" | "acceptDrift") {
    return ask(this.store, KEY, { ask: what, by: "bob" });
  }

  async events(number = this.#ids): Promise<readonly JournalEvent[]> {
    const answer = await this.store.events(KEY, deploymentId(`d${number}`));
    if (answer.is !== "events") throw new Error(`no events: ${answer.is}`);
    return answer.events;
  }

  async deployment(): Promise<Deployment> {
    return fold(await this.events());
  }

  /** What really is: where traffic goes and what is ready, with the revision of whoever serves. */
  truth() {
    const { fleet, routes } = this.target.world;
    this.target.world.advance();
    const ready = (slot: Slot) => readyReplicas(fleet.truth(slot).state).length;
    const weights = routes.weights;
    const serves = SLOTS.find((slot) => weights !== "pool" && weights[slot] === 100 && ready(slot) > 0);
    const revision = serves === undefined ? undefined : fleet.truth(serves).state.revision?.id;
    return { weights, serves, revision, ready: { blue: ready("blue"), green: ready("green") } };
  }

  /** Time ends: nothing of this stage runs any longer. */
  stop(): void {
    this.clock.stop();
  }
}

const CHECKS = [
  { name: "ready", kind: "ready", timeout: millis(1_000), ask: "tcp", tcp: {} },
  { name: "deep", kind: "deep", timeout: millis(1_000), ask: "tcp", tcp: {} },
] as const;

/** `closed done`, or the state it is in. */
export function endOf(events: readonly JournalEvent[]): {
  readonly outcome: string;
  readonly serves?: Serves;
} {
  const last = events.at(-1);
  return last?.kind === "closed" ? { outcome: last.outcome, serves: last.serves } : { outcome: "open" };
}

/** The journal is one: gapless, its fences never fall. */
export function isGapless(events: readonly JournalEvent[]): boolean {
  let fence = 0;
  return events.every((event, index) => {
    const risen = event.kind !== "claimed" || event.fence > fence;
    if (event.kind === "claimed") fence = event.fence;
    return event.seq === index + 1 && risen;
  });
}

/** Writes that took effect, in order: `ensure green`, `shift`, `retire blue`. */
export function effects(stage: Stage): readonly string[] {
  return stage.target.world.log.flatMap((each) => {
    if (each.is !== "write" || each.answer !== "applied" || each.operation.method === "claim") return [];
    return [`${each.operation.method} ${each.operation.slot ?? ""}`.trim()];
  });
}

function bound(store: StateStore): StateStore {
  return new Proxy(store, {
    get: (of, name) => (Reflect.get(of, name, of) as (...args: unknown[]) => unknown).bind(of),
    ownKeys: () => METHODS,
    getOwnPropertyDescriptor: () => ({ enumerable: true, configurable: true }),
  });
}

const METHODS = [
  "open",
  "current",
  "append",
  "close",
  "history",
  "events",
  "lease",
  "take",
  "beat",
  "release",
  "changed",
];

function never(): Promise<never> {
  return new Promise(() => undefined);
}
