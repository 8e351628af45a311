import { direction, type Deployment } from "../core/deployment.ts";
import { watching } from "../core/deciding/guards.ts";
import type { UsersSaw } from "../core/journal.ts";
import type { TrafficSeen } from "../core/deciding/moves.ts";
import { SLOTS, millis, otherSlot, type Millis } from "../core/units.ts";
import type { Judgement } from "../core/verdict.ts";
import type { Clock } from "../ports/clock.ts";
import { HealthWatch } from "./health-watch.ts";
import { CALL_BOUND, boundedRead, type EnginePorts } from "./ports.ts";
import { TrafficMeter } from "./traffic.ts";

/** What the guards see. Runs beside the steps: checks at their own pace, traffic counters at each look. */
export class GuardWatch {
  readonly #ports: EnginePorts;
  readonly #meter: TrafficMeter;
  readonly #window: Millis;
  /** This process was there before the candidate had any traffic. */
  readonly #fromTheStart: boolean;
  #health: Watched | undefined;
  #other: Watched | undefined;

  constructor(ports: EnginePorts, deployment: Deployment) {
    this.#ports = ports;
    this.#meter = new TrafficMeter(deployment.plan.candidate.slot);
    this.#fromTheStart =
      deployment.state.is === "running" && deployment.state.dir === "forward" && !deployment.wrote;
    const { window, checks } = deployment.plan.request.checks;
    const round =
      window.interval * (1 + window.jitter) + Math.max(0, ...checks.map((check) => check.timeout));
    this.#window = millis((window.of + 1) * round);
  }

  /** Starts and stops the checks as the current step demands, and looks at the traffic once. */
  async look(deployment: Deployment, signal: AbortSignal): Promise<void> {
    const guards = watching(deployment);
    if (guards.some((guard) => guard.watch === "checks") || isOutage(deployment)) this.#begin(deployment);
    else this.stop();
    if (isOutage(deployment)) this.#beginOther(deployment);
    else if ((this.#health?.latest?.failing.length ?? 0) > 0) this.#compare(deployment);
    const { metrics } = this.#ports.target;
    if (metrics === undefined || direction(deployment) === "back") return;
    const reads = SLOTS.map(async (slot) => {
      this.#meter.look(
        slot,
        await boundedRead(this.#ports.clock, CALL_BOUND, signal, (end) => metrics.traffic(slot, end)),
      );
    });
    await Promise.all(reads);
  }

  /** What users got from the candidate in all, with a last look; undefined where that was not counted from the start. */
  async users(deployment: Deployment, atMost: Millis, signal: AbortSignal): Promise<UsersSaw | undefined> {
    const { metrics } = this.#ports.target;
    const { slot } = deployment.plan.candidate;
    // What is counted by the minute comes too late to be told as all there was.
    if (metrics === undefined || metrics.history !== undefined || !this.#fromTheStart) return undefined;
    this.#meter.look(
      slot,
      await boundedRead(this.#ports.clock, atMost, signal, (end) => metrics.traffic(slot, end)),
    );
    const all = this.#meter.all;
    return all === undefined ? undefined : { requests: all.requests, failed: all.failed };
  }

  /** A new watch begins: errors from before it are not held against it, nor is what the other slot answered then. */
  restart(): void {
    this.#forgetOther();
    this.#meter.restart();
  }

  get steady(): Judgement | undefined {
    return this.#health?.latest;
  }

  /**
   * When an outage of both ends, one of them is seen well a round earlier than the other: while both are watched, a
   * pass tells them apart only once it has held for as long as the other needs to show the same.
   */
  get otherSteady(): Judgement | undefined {
    const other = this.#other;
    if (other === undefined || !other.kept || other.latest?.decision !== "pass") return other?.latest;
    const held = this.#ports.clock.monotonic() - (other.passing ?? Infinity);
    return held >= this.#window ? other.latest : undefined;
  }

  get traffic(): TrafficSeen | undefined {
    return this.#meter.seen;
  }

  /** One round on the other slot: is it the release, or something both share? */
  async askOther(deployment: Deployment, signal: AbortSignal): Promise<void> {
    this.#other ??= this.#otherOf(deployment);
    if (this.#other === undefined) return;
    if (this.#other.looping) await this.#ports.clock.sleep(this.#ports.target.pace, signal);
    else await ask(this.#other, this.#ports.clock, signal);
  }

  stop(): void {
    this.#health?.end.abort();
    this.#health = undefined;
    this.#forgetOther();
  }

  #begin(deployment: Deployment): void {
    if (this.#health !== undefined) return;
    const { slot, revision } = deployment.plan.candidate;
    this.#health = keepAsking(asked(this.#watchOn(deployment, slot, revision)), this.#ports.clock);
  }

  /** From the candidate's first failure on the other slot is asked too, so that a verdict need not wait for it. */
  #compare(deployment: Deployment): void {
    this.#other ??= this.#otherOf(deployment);
    if (this.#other !== undefined && !this.#other.looping) keepAsking(this.#other, this.#ports.clock);
  }

  /** While both fail alike, it matters which of them recovers. */
  #beginOther(deployment: Deployment): void {
    if (this.#other?.kept === true) return;
    const other = this.#other ?? this.#otherOf(deployment);
    if (other === undefined) return;
    other.kept = true;
    this.#other = other.looping ? other : keepAsking(other, this.#ports.clock);
  }

  #otherOf(deployment: Deployment): Watched | undefined {
    const slot = otherSlot(deployment.plan.candidate.slot);
    const { revision } = deployment.plan.baseline.slots[slot];
    return revision === undefined ? undefined : asked(this.#watchOn(deployment, slot, revision));
  }

  #forgetOther(): void {
    this.#other?.end.abort();
    this.#other = undefined;
  }

  #watchOn(
    deployment: Deployment,
    slot: (typeof SLOTS)[number],
    revision: Deployment["plan"]["candidate"]["revision"],
  ): HealthWatch {
    const { checks: plan, force } = deployment.plan.request;
    const passed = slot === deployment.plan.candidate.slot ? deployment.passed[slot] : undefined;
    return new HealthWatch(this.#ports, {
      slot,
      revision,
      plan,
      force,
      startedOnly: true,
      ...(passed === undefined ? {} : { proven: passed.incarnations }),
    });
  }
}

interface Watched {
  readonly watch: HealthWatch;
  latest: Judgement | undefined;
  /** Since when it has passed without a break. */
  passing: Millis | undefined;
  /** Asked round after round until `end`, not only when somebody wants to know. */
  looping: boolean;
  /** Watched through an outage of both slots. */
  kept: boolean;
  readonly end: AbortController;
}

function asked(watch: HealthWatch): Watched {
  return {
    watch,
    latest: undefined,
    passing: undefined,
    looping: false,
    kept: false,
    end: new AbortController(),
  };
}

/** Who cannot be seen has no verdict; an earlier pass says nothing about now. */
async function ask(watched: Watched, clock: Clock, signal: AbortSignal): Promise<void> {
  const replicas = await watched.watch.round(signal);
  if (signal.aborted) return;
  watched.latest = replicas === undefined ? undefined : watched.watch.steady(replicas);
  watched.passing = watched.latest?.decision === "pass" ? (watched.passing ?? clock.monotonic()) : undefined;
}

function keepAsking(watched: Watched, clock: Clock): Watched {
  watched.looping = true;
  const rounds = async () => {
    while (!watched.end.signal.aborted) await ask(watched, clock, watched.end.signal);
  };
  // A probe that breaks its promise and throws ends the watch: the guard then has no verdict, which is never a pass.
  rounds().catch(() => {
    watched.latest = undefined;
  });
  return watched;
}

function isOutage(deployment: Deployment): boolean {
  return deployment.state.is === "waiting" && deployment.state.for === "outage";
}
