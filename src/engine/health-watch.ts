import type { CheckPlan } from "../core/checks.ts";
import type { Replica } from "../core/observed.ts";
import { millis, type Millis, type Revision, type Slot } from "../core/units.ts";
import { emptyTally, judge, record, steady, type Judgement, type Tally } from "../core/verdict.ts";
import { nextDelay, sampleRound } from "./checks.ts";
import { CALL_BOUND, boundedRead, type EnginePorts } from "./ports.ts";

export interface Asked {
  readonly slot: Slot;
  readonly revision: Revision;
  readonly plan: CheckPlan;
  readonly force: readonly string[];
  /** Replicas that are still starting are left out: beside the steps only those are judged that may have traffic. */
  readonly startedOnly: boolean;
  /** Incarnations that passed the step's probe. With them, a replica counts as started once it was ready or is one of them. */
  readonly proven?: readonly string[];
}

/** Asks the checks of one slot round by round and keeps the tally. One per question: a step's, or a guard's. */
export class HealthWatch {
  readonly slot: Slot;
  readonly #ports: EnginePorts;
  readonly #asked: Asked;
  #tally: Tally = emptyTally();
  #attempt = 0;
  #began: Millis | undefined;
  /** Ids of replicas that were ready, or proven, at some round. */
  readonly #started = new Set<string>();

  constructor(ports: EnginePorts, asked: Asked) {
    this.#ports = ports;
    this.#asked = asked;
    this.slot = asked.slot;
  }

  /**
   * One more round, after the window's pause unless it is the first. An aborted round counts for nothing.
   * @returns the replicas as observed with the round, for a verdict; undefined when they could not be observed.
   */
  async round(signal: AbortSignal): Promise<readonly Replica[] | undefined> {
    const { clock, random, target } = this.#ports;
    const first = this.#began === undefined;
    this.#began ??= clock.monotonic();
    // Beside the steps even the first round waits: the slot passed its probe a moment ago, and the shift comes first.
    if (!first || this.#asked.startedOnly)
      await clock.sleep(nextDelay(this.#asked.plan.window, random), signal);
    if (signal.aborted) return undefined;
    const [state, reach] = await Promise.all([
      boundedRead(clock, CALL_BOUND, signal, (end) => target.slots.observe(this.slot, end)),
      boundedRead(clock, CALL_BOUND, signal, (end) => target.slots.reach(this.slot, end)),
    ]);
    if (state.is === "unreadable" || signal.aborted) return undefined;
    const replicas = state.value.replicas.filter(
      (each) => each.phase !== "stopping" && !(this.#asked.startedOnly && this.#isComing(each)),
    );
    this.#attempt += 1;
    const wanted =
      reach.is === "seen"
        ? reach.value.filter((each) => replicas.some((replica) => replica.id === each.replica))
        : [];
    const { plan, revision } = this.#asked;
    const samples = await sampleRound(
      { clock, probe: this.#ports.probe, plan, reach: wanted, revision, attempt: this.#attempt },
      signal,
    );
    if (!signal.aborted) this.#tally = record(this.#tally, samples, replicas);
    return replicas;
  }

  /** A target without a memory says `unready` also of a replica that never was ready, such as a pod that just runs. */
  #isComing({ id, incarnation, phase }: Replica): boolean {
    const { proven } = this.#asked;
    if (phase === "ready" || proven?.includes(incarnation) === true) this.#started.add(id);
    return phase === "starting" || (phase === "unready" && proven !== undefined && !this.#started.has(id));
  }

  /** The verdict of a step that waits for the slot to prove itself. */
  judge(replicas: readonly Replica[]): Judgement {
    const elapsed =
      this.#began === undefined ? millis(0) : millis(this.#ports.clock.monotonic() - this.#began);
    return judge(this.#tally, this.#asked.plan, replicas, this.#asked.force, elapsed);
  }

  /** Whether a slot that passed is still well. */
  steady(replicas: readonly Replica[]): Judgement {
    return steady(this.#tally, this.#asked.plan, replicas, this.#asked.force);
  }
}
