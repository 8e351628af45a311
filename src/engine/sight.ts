import type { Call } from "../core/calls.ts";
import type { Facts } from "../core/deciding/moves.ts";
import { currentStep, destination, direction, type Deployment } from "../core/deployment.ts";
import type { Happening, UsersSaw } from "../core/journal.ts";
import { settleTime } from "../core/observed.ts";
import { millis, otherSlot, type IntentId, type Millis, type Slot } from "../core/units.ts";
import type { Judgement } from "../core/verdict.ts";
import { GuardWatch } from "./guard-watch.ts";
import { HealthWatch } from "./health-watch.ts";
import { observe } from "./observe.ts";
import { unwatched } from "./unwatched.ts";
import { CALL_BOUND, boundedRead, type EnginePorts } from "./ports.ts";

/** Assumed where a router promises nothing about how fast traffic follows. */
const UNKNOWN_PROPAGATION = millis(180_000);
/** A target without compare-and-set may show the state before our own write for so long. */
const STALE = CALL_BOUND;

/**
 * What this process sees, and since when: the facts of every decision. Its memory is of time only; what happened is
 * in the journal.
 */
export class Sight {
  readonly #ports: EnginePorts;
  readonly #guards: GuardWatch;
  readonly #leaves: boolean;
  #spot = "";
  #spotSince: Millis;
  #lastWrite: Millis;
  #applied: Call | undefined;
  #health: HealthWatch | undefined;
  #judgement: Judgement | undefined;
  /** Where the deployment stood, or was about to stand, when the checks were asked. */
  #askedAt = "";
  #askedFor: string | undefined;
  readonly #known = new Map<IntentId, Millis>();
  /** When this process itself journaled the last pass of a slot. */
  readonly #passed = new Map<Slot, Millis>();

  /** @param leaves this process does not stay for a bake of which the target keeps a history. */
  constructor(ports: EnginePorts, deployment: Deployment, leaves: boolean) {
    this.#ports = ports;
    this.#leaves = leaves;
    this.#guards = new GuardWatch(ports, deployment);
    this.#spotSince = ports.clock.monotonic();
    this.#lastWrite = ports.clock.monotonic();
  }

  /** How long this process has been at the present step. */
  get elapsed(): Millis {
    return millis(this.#ports.clock.monotonic() - this.#spotSince);
  }

  /** Notes when a step begins: its deadline, its checks and its stretch of traffic begin with it. */
  arrive(deployment: Deployment): void {
    const spot = spotOf(deployment);
    const now = this.#ports.clock.monotonic();
    for (const { intent } of deployment.open) if (!this.#known.has(intent)) this.#known.set(intent, now);
    if (spot === this.#spot) return;
    this.#spot = spot;
    this.#spotSince = now;
    if (this.#askedAt !== spot) this.#forget();
    const step = currentStep(deployment);
    if (step?.do === "bake" || step?.do === "gate") this.#guards.restart();
  }

  /** Looks at everything that the present step's decision needs. Every part of it ends. */
  async facts(deployment: Deployment, claimed: boolean, signal: AbortSignal): Promise<Facts> {
    const [facts] = await Promise.all([
      this.#facts(deployment, claimed, signal),
      this.#guards.look(deployment, signal),
    ]);
    return {
      ...facts,
      ...this.#watched(),
      elapsed: this.elapsed,
      ...(this.#judgement && { health: this.#judgement }),
    };
  }

  #watched(): Pick<Facts, "steady" | "otherSteady" | "traffic"> {
    const { steady, otherSteady, traffic } = this.#guards;
    return {
      ...(steady && { steady }),
      ...(otherSteady && { otherSteady }),
      ...(traffic && { traffic }),
    };
  }

  /**
   * The facts of a deployment that will stand at its step once these events are journaled: nothing begins or ends to be
   * watched for its sake.
   */
  async ahead(
    deployment: Deployment,
    events: readonly Happening[],
    claimed: boolean,
    signal: AbortSignal,
  ): Promise<Facts> {
    const facts = await this.#facts(deployment, claimed, signal);
    const passed = events.flatMap((event) =>
      event.kind === "verdict" && event.passed ? [event.passed.slot] : [],
    );
    const health = this.#askedAt === spotOf(deployment) ? this.#judgement : undefined;
    return {
      ...facts,
      ...this.#watched(),
      passedAgo: { ...facts.passedAgo, ...Object.fromEntries(passed.map((slot) => [slot, millis(0)])) },
      ...(health && { health }),
    };
  }

  async #facts(deployment: Deployment, claimed: boolean, signal: AbortSignal): Promise<Facts> {
    const { clock, target } = this.#ports;
    const step = currentStep(deployment);
    const confirming = step?.do === "confirm" ? step.to : undefined;
    const draining = step?.do === "drain" ? step.slot : undefined;
    const migrating = deployment.plan.steps.some((each) => each.do === "migrate")
      ? target.migrator
      : undefined;
    const memory = target.metrics?.history;
    const [observed, evidence, residual, migration, history] = await Promise.all([
      observe(target, clock, CALL_BOUND, signal, unhurried(deployment)),
      confirming && boundedRead(clock, CALL_BOUND, signal, (end) => target.router.sample(confirming, end)),
      draining && boundedRead(clock, CALL_BOUND, signal, (end) => target.router.residual(draining, end)),
      migrating && boundedRead(clock, CALL_BOUND, signal, (end) => migrating.observe(end)),
      memory && unwatched(deployment, memory, clock, signal),
    ]);
    const now = clock.monotonic();
    const { propagation } = target.router;
    const fencing =
      target.router.fencing === "atomic" && target.slots.fencing === "atomic" ? "atomic" : "checked";
    return {
      now: clock.now(),
      elapsed: millis(0),
      observed,
      fencing,
      claimed,
      modes: target.router.modes,
      settle: settleTime(CALL_BOUND, propagation === "unknown" ? UNKNOWN_PROPAGATION : propagation),
      ...(fencing === "checked" && this.#applied && now - this.#lastWrite < STALE
        ? { justWritten: this.#applied }
        : {}),
      bound: CALL_BOUND,
      sinceWrite: millis(now - this.#lastWrite),
      known: new Map([...this.#known].map(([intent, since]) => [intent, millis(now - since)])),
      passedAgo: Object.fromEntries([...this.#passed].map(([slot, since]) => [slot, millis(now - since)])),
      ...(evidence && { evidence }),
      ...(residual && { residual }),
      ...(migration && { migration }),
      ...(history && { history }),
      ...(this.#leaves && memory && { leaves: { lag: memory.lag } }),
    };
  }

  /** Asks the checks of a slot once more for the step itself. An aborted round counts for nothing. */
  async ask(deployment: Deployment, slot: Slot, news: AbortSignal): Promise<void> {
    const { plan } = deployment;
    const spot = spotOf(deployment);
    if (this.#askedAt !== spot) this.#forget();
    this.#askedAt = spot;
    this.#askedFor = currentStep(deployment)?.id;
    const revision =
      slot === plan.candidate.slot ? plan.candidate.revision : plan.baseline.slots[slot].revision;
    if (revision === undefined) {
      this.#judgement = {
        decision: "inconclusive",
        passed: [],
        failing: [],
        unknown: [],
        summary: `${slot} runs a revision that nobody named, so whose answers these are cannot be told`,
      };
      return;
    }
    if (this.#health?.slot !== slot) {
      this.#health = new HealthWatch(this.#ports, {
        slot,
        revision,
        plan: plan.request.checks,
        force: plan.request.force,
        startedOnly: false,
      });
    }
    const watch = this.#health;
    const replicas = await watch.round(news);
    if (!news.aborted) this.#judgement = watch.judge(replicas ?? []);
    if (this.#judgement !== undefined) this.#ports.waiting?.(this.#judgement.summary);
  }

  /** One round of checks on the slot that is not the candidate's. */
  askOther(deployment: Deployment, news: AbortSignal): Promise<void> {
    return this.#guards.askOther(deployment, news);
  }

  /** What users got from the candidate in all, where this process counted it. */
  users(deployment: Deployment, atMost: Millis, signal: AbortSignal): Promise<UsersSaw | undefined> {
    return this.#guards.users(deployment, atMost, signal);
  }

  /** Nothing is watched during a long wait. */
  rest(): void {
    this.#guards.stop();
  }

  /** What was asked counts once: a second verdict rests on a question of its own time. */
  journaled(event: Happening): void {
    if (event.kind !== "verdict") return;
    if (event.of === this.#askedFor) this.#judgement = undefined;
    if (event.passed !== undefined) this.#passed.set(event.passed.slot, this.#ports.clock.monotonic());
  }

  #forget(): void {
    this.#health = undefined;
    this.#judgement = undefined;
  }

  forgetAnswer(): void {
    this.#judgement = undefined;
  }

  /** A write of this process has just been answered. */
  wrote(): void {
    this.#lastWrite = this.#ports.clock.monotonic();
  }

  /** `applied`: the call, when it took effect. */
  ended(intent: IntentId, applied: Call | undefined): void {
    this.#known.set(intent, this.#ports.clock.monotonic());
    this.#applied = applied;
  }
}

/** A name of where a deployment stands. */
function spotOf(deployment: Deployment): string {
  const { state } = deployment;
  return state.is === "running"
    ? `${state.dir} ${state.step} ${currentStep(deployment)?.id}`
    : JSON.stringify(state);
}

/** Until traffic is proven to be back, nothing waits for the slot it comes from. */
function unhurried(deployment: Deployment): Slot | undefined {
  const step = currentStep(deployment);
  const moving =
    step === undefined
      ? deployment.course.back === undefined
      : step.do === "ensure" || step.do === "shift" || step.do === "confirm";
  const to = destination(deployment.plan);
  return direction(deployment) === "back" && moving && to !== undefined ? otherSlot(to) : undefined;
}
