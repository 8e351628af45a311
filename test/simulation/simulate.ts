import type { Connection } from "../../src/api/connection.ts";
import { deploy, type Moved } from "../../src/api/deploying.ts";
import { abort, promote, resume, rollback } from "../../src/api/steering.ts";
import { fold } from "../../src/core/deployment.ts";
import type { Holder } from "../../src/core/journal.ts";
import { SLOTS, millis } from "../../src/core/units.ts";
import { memorySpool, type Spool } from "../../src/engine/spool.ts";
import type { Key } from "../../src/ports/store.ts";
import { createMemoryTarget, type MemoryTarget } from "../../src/targets/memory/index.ts";
import { SimClock } from "./clock.ts";
import { gated, type Notes, type SimPorts } from "./ports.ts";
import { Fate, SimProcess } from "./process.ts";
import { seeded } from "./random.ts";
import type { History, Ran } from "./recording.ts";
import { type Action, type Command, HORIZON, type Operator, type Schedule } from "./schedule.ts";
import { simStore } from "./simstore.ts";
import { Trouble, befall } from "./trouble.ts";
import { wishesOf } from "./wishes.ts";

/** Replaces ports given to every process; lives outside `src` and exists to show that the checkers bite. */
export type Sabotage = (
  ports: SimPorts,
  of: { readonly target: MemoryTarget; readonly clock: SimClock; readonly random: () => number },
) => SimPorts;

const KEY: Key = { service: "shop", environment: "production" };
/** After the horizon a run must end within so much simulated time: the longest waits of a plan, one after another. */
const BOUND = 3_600_000;
/** Writes in transit and nodes that follow late have come to rest by then. */
const REST = 20_000;

/** Carries out a schedule and answers all that really happened. The same schedule gives the same history. */
export async function simulate(schedule: Schedule, sabotage?: Sabotage, bound = BOUND): Promise<History> {
  const run = new Simulation(schedule, sabotage, bound);
  try {
    return await run.go();
  } finally {
    run.stop();
  }
}

class Simulation {
  readonly #schedule: Schedule;
  readonly #bound: number;
  readonly #clock = new SimClock();
  readonly #random: () => number;
  readonly #trouble: Trouble;
  readonly #target: MemoryTarget;
  readonly #fate: Fate;
  readonly #state: ReturnType<typeof simStore>;
  readonly #notes: Notes;
  readonly #ports: SimPorts;
  readonly #spools: Record<Operator, Spool> = { ann: memorySpool(), bob: memorySpool() };
  readonly #processes: { readonly process: SimProcess; readonly by: Operator; readonly ran: Ran }[] = [];

  constructor(schedule: Schedule, sabotage: Sabotage | undefined, bound: number) {
    this.#schedule = schedule;
    this.#bound = bound;
    const clock = this.#clock;
    this.#random = seeded(schedule.seed ^ 0x5bd1e995);
    const t = () => clock.monotonic();
    this.#trouble = new Trouble(schedule, t);
    this.#fate = new Fate(this.#trouble.deaths());
    this.#target = createMemoryTarget({
      profile: schedule.profile,
      clock,
      random: seeded(schedule.seed + 7),
      modes: schedule.modes,
      behaviour: ({ id }) => schedule.behaviours[id] ?? "good",
      shape: { boot: [300, 3_000], tail: schedule.longTail ? [50, 9_000] : [50, 2_000] },
      ...(schedule.autoscaler ? { autoscaler: { min: 1, max: 6, every: [4_000, 25_000] as const } } : {}),
      faults: (operation) => this.#trouble.fault(operation),
      tuning: { pace: 400 },
    });
    this.#state = simStore(clock, seeded(schedule.seed + 13), () => this.#trouble.mood());
    this.#notes = { acknowledged: [], spooled: [], calls: [], t };
    const { migrator: _none, ...plain } = this.#target;
    const whole = { ...plain, ...(schedule.migrations ? { migrator: this.#migrator() } : {}) };
    const ports: SimPorts = {
      store: this.#state.store,
      spool: this.#spools.ann,
      target: whole,
      probe: this.#target.probe,
    };
    this.#ports =
      sabotage === undefined ? ports : sabotage(ports, { target: this.#target, clock, random: this.#random });
  }

  async go(): Promise<History> {
    const { replicas, installed, actions } = this.#schedule;
    if (installed) this.#target.hand.install("blue", { id: "r0", config: "memory" }, replicas);
    // Mostly what serves has started before anybody comes; sometimes it is just starting.
    await this.#clock.sleep(millis(this.#schedule.seed % 10 === 0 ? 50 : 4_000));
    const timed = actions.filter((action): action is Action & { readonly at: number } => "at" in action);
    for (const action of timed)
      void this.#clock
        .sleep(millis(Math.max(0, action.at - this.#clock.monotonic())))
        .then(() => this.#act(action));
    await this.#clock.sleep(millis(HORIZON - this.#clock.monotonic()));
    this.#fate.end();
    this.#target.world.ledgers.rehearsal = "clean";
    await this.#finish();
    await this.#clock.sleep(millis(REST));
    return this.#history();
  }

  stop(): void {
    for (const { process } of this.#processes) process.kill();
    this.#clock.stop();
  }

  #act(action: Action & { readonly at: number }): void {
    if ("command" in action) void this.#start(action.by, action.command);
    else if ("pauses" in action) this.#pause(action.pauses);
    else if ("kills" in action)
      this.#running().forEach(({ process, by }) => (by === action.kills ? process.kill() : undefined));
    else befall(action, this.#target, this.#clock);
  }

  #running() {
    return this.#processes.filter(({ process, ran }) => !process.dead && ran.to === undefined);
  }

  #pause(ms: number): void {
    const until = this.#clock.sleep(millis(ms));
    const from = this.#clock.monotonic();
    for (const { process, ran } of this.#running()) {
      process.pause(until);
      ran.paused.push({ from, to: from + ms });
    }
  }

  /** One command in a process of its own. Resolves when it ended; a process that died never does. */
  #start(by: Operator, command: Command, name: Ran["by"] = by): Promise<void> {
    const pid = this.#processes.length + 1;
    const ran: Ran = {
      process: pid,
      by: name,
      command: Object.values(command).join(" "),
      from: this.#clock.monotonic(),
      paused: [],
    };
    const process = new SimProcess(pid, this.#clock, this.#fate, () => {
      ran.to ??= this.#clock.monotonic();
      ran.ended ??= "killed";
    });
    this.#processes.push({ process, by, ran });
    const note = (ended: Partial<Ran>) => {
      if (!process.dead) Object.assign(ran, { to: this.#clock.monotonic(), ...ended });
    };
    return this.#carryOut(command, this.#connect(process, by)).then(
      (moved) => note(endOf(moved)),
      (error: unknown) =>
        note({
          ended: "threw",
          threw: error instanceof Error ? (error.stack ?? error.message) : String(error),
        }),
    );
  }

  #carryOut(command: Command, connection: Connection): Promise<Moved> {
    const options = { signal: new AbortController().signal, stay: true, waitLock: millis(20_000) };
    switch (command.do) {
      case "deploy":
        return deploy(
          connection,
          {
            revision: command.revision,
            strategy: command.strategy,
            retryReverted: this.#schedule.seed % 2 === 0,
          },
          options,
        );
      case "abort":
        return abort(connection, options);
      case "promote":
        return promote(connection, options);
      case "rollback":
        return rollback(connection, options);
      case "resume":
        return resume(connection, options);
      case "acceptDrift":
        return resume(connection, { ...options, acceptDrift: true });
    }
  }

  #connect(process: SimProcess, by: Operator): Connection {
    const holder: Holder = {
      name: `${by}@${by}s-machine pid ${process.pid}`,
      host: by,
      pid: process.pid,
      started: `s${process.pid}`,
      boot: "b1",
    };
    const ports = gated({ ...this.#ports, spool: this.#spools[by] }, process, this.#notes);
    return {
      ...ports,
      clock: process.clock(),
      random: this.#random,
      holder,
      isGone: (other) => this.#isGone(other, by),
      key: KEY,
      wishes: wishesOf(this.#schedule),
      by: `${by}@machine`,
      close: () => Promise.resolve(),
    };
  }

  #isGone(holder: Holder, seenBy: Operator): "gone" | "alive" | "unknown" {
    if (holder.host !== seenBy) return "unknown";
    const found = this.#processes.find(({ process }) => process.pid === holder.pid);
    return found === undefined || found.process.dead || found.ran.to !== undefined ? "gone" : "alive";
  }

  /** Each deployment brings schema changes of its own, named after its revision. */
  #migrator() {
    const changes = () => {
      const opened = this.#state.kept.findLast(({ event }) => event.kind === "opened")?.event;
      return opened?.kind === "opened" ? opened.plan.request.revision.id : "none";
    };
    return {
      observe: (signal: AbortSignal) => this.#target.migratorFor(changes()).observe(signal),
      migrate: (...args: Parameters<MemoryTarget["migrator"]["migrate"]>) =>
        this.#target.migratorFor(changes()).migrate(...args),
    };
  }

  /** Faults are over. Somebody resumes whatever is open, again and again, until nothing is; within a bound. */
  async #finish(): Promise<void> {
    const end = this.#clock.monotonic() + this.#bound;
    while (this.#clock.monotonic() < end) {
      const open = await this.#state.inner.current(KEY);
      if (open.is === "none") return;
      const resumed = this.#start("ann", { do: "resume" }, "end");
      await Promise.race([resumed, this.#clock.sleep(millis(this.#bound))]);
      await this.#clock.sleep(millis(5_000));
    }
  }

  async #history(): Promise<History> {
    const { world } = this.#target;
    world.advance();
    const open = await this.#state.inner.current(KEY);
    return {
      schedule: this.#schedule,
      world: world.log,
      traffic: world.crowd.moments,
      kept: this.#state.kept,
      acknowledged: this.#notes.acknowledged,
      spooled: this.#notes.spooled,
      lease: this.#state.lease,
      calls: this.#notes.calls,
      writes: this.#fate.writes,
      runs: this.#processes.map(({ ran }) => ran),
      disturbances: this.#trouble.disturbances,
      staleness: world.tuning.staleness,
      propagation: world.tuning.propagation,
      fencing: this.#target.slots.fencing,
      ended: this.#clock.monotonic(),
      open: open.is === "open" ? fold(open.journal.events) : undefined,
      pinned: SLOTS.filter((slot) => world.fleet.pinned(slot)),
    };
  }
}

function endOf(moved: Moved): Partial<Ran> {
  const cause = "cause" in moved && moved.cause !== undefined ? ` ${moved.cause.code}` : "";
  if (moved.is !== "ended") return { ended: `${moved.is}${cause}` };
  const { state, id } = moved.deployment;
  const outcome = state.is === "finished" ? state.outcome : state.is;
  return { ended: `ended ${outcome}`, said: { deployment: id, outcome } };
}
