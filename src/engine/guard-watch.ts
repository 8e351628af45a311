import type { Deployment } from "../core/deployment.ts";
import { watching } from "../core/deciding/guards.ts";
import type { TrafficSeen } from "../core/deciding/moves.ts";
import { SLOTS, otherSlot } from "../core/units.ts";
import type { Judgement } from "../core/verdict.ts";
import { HealthWatch } from "./health-watch.ts";
import { CALL_BOUND, boundedRead, type EnginePorts } from "./ports.ts";
import { TrafficMeter } from "./traffic.ts";

/** What the guards see. Runs beside the steps: checks at their own pace, traffic counters at each look. */
export class GuardWatch {
  readonly #ports: EnginePorts;
  readonly #meter: TrafficMeter;
  #health: { watch: HealthWatch; latest: Judgement | undefined; end: AbortController } | undefined;
  #other: { watch: HealthWatch; latest: Judgement } | undefined;

  constructor(ports: EnginePorts, deployment: Deployment) {
    this.#ports = ports;
    this.#meter = new TrafficMeter(deployment.plan.candidate.slot);
  }

  /** Starts and stops the checks as the current step demands, and looks at the traffic once. */
  async look(deployment: Deployment, signal: AbortSignal): Promise<void> {
    const guards = watching(deployment);
    if (guards.some((guard) => guard.watch === "checks") || isOutage(deployment)) this.#begin(deployment);
    else this.stop();
    const { metrics } = this.#ports.target;
    if (metrics === undefined || deployment.state.is !== "running" || deployment.state.dir === "back") return;
    const reads = SLOTS.map(async (slot) => {
      this.#meter.look(slot, await boundedRead(this.#ports.clock, CALL_BOUND, signal, (end) => metrics.traffic(slot, end)));
    });
    await Promise.all(reads);
  }

  /** A new watch begins: errors from before it are not held against it, nor is what the other slot answered then. */
  restart(): void {
    this.#other = undefined;
    this.#meter.restart();
  }

  get steady(): Judgement | undefined {
    return this.#health?.latest;
  }

  get otherSteady(): Judgement | undefined {
    return this.#other?.latest;
  }

  get traffic(): TrafficSeen | undefined {
    return this.#meter.seen;
  }

  /** One round on the other slot: is it the release, or something both share? */
  async askOther(deployment: Deployment, signal: AbortSignal): Promise<void> {
    const slot = otherSlot(deployment.plan.candidate.slot);
    const revision = deployment.plan.baseline.slots[slot].revision;
    if (revision === undefined) return;
    const watch = this.#other?.watch ?? this.#watchOn(deployment, slot, revision);
    const replicas = await watch.round(signal);
    if (replicas !== undefined) this.#other = { watch, latest: watch.steady(replicas) };
  }

  stop(): void {
    this.#health?.end.abort();
    this.#health = undefined;
    this.#other = undefined;
  }

  #begin(deployment: Deployment): void {
    if (this.#health !== undefined) return;
    const { slot, revision } = deployment.plan.candidate;
    const health = { watch: this.#watchOn(deployment, slot, revision), latest: undefined as Judgement | undefined, end: new AbortController() };
    this.#health = health;
    const rounds = async () => {
      while (!health.end.signal.aborted) {
        const replicas = await health.watch.round(health.end.signal);
        // Who cannot be seen has no verdict; an earlier pass says nothing about now.
        if (!health.end.signal.aborted) health.latest = replicas === undefined ? undefined : health.watch.steady(replicas);
      }
    };
    // A probe that breaks its promise and throws ends the watch: the guard then has no verdict, which is never a pass.
    rounds().catch(() => {
      health.latest = undefined;
    });
  }

  #watchOn(deployment: Deployment, slot: (typeof SLOTS)[number], revision: Deployment["plan"]["candidate"]["revision"]): HealthWatch {
    const { checks: plan, force } = deployment.plan.request;
    return new HealthWatch(this.#ports, { slot, revision, plan, force, startedOnly: true });
  }
}

function isOutage(deployment: Deployment): boolean {
  return deployment.state.is === "waiting" && deployment.state.for === "outage";
}
