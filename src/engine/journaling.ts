import { OPERATOR_WAIT, type Move } from "../core/deciding/moves.ts";
import { currentStep, direction } from "../core/deployment.ts";
import type { Happening } from "../core/journal.ts";
import { mayReceive } from "../core/routing.ts";
import type { Effect } from "../core/transition.ts";
import { millis, type Cause, type Fence, type Millis } from "../core/units.ts";
import { closing } from "./closing.ts";
import { lastWords } from "./last-words.ts";
import type { Log } from "./log.ts";
import { observe } from "./observe.ts";
import { CALL_BOUND, PAUSE, type EnginePorts } from "./ports.ts";
import type { Sight } from "./sight.ts";
import type { Tenure } from "./tenure.ts";

const GLANCE = millis(50);
/** A log of a busy cluster takes a second or two. */
const UNHURRIED = millis(2_000);
const DOWN: Cause = { code: "TEAL-S101", message: "the state store cannot be reached" };
const ELSEWHERE: Cause = { code: "TEAL-D130", message: "somebody else advances this deployment now" };

/** Journals what was decided, up to the last event, and copes with a journal that does not take it. */
export class Journaling {
  readonly #ports: EnginePorts;
  readonly #log: Log;
  readonly #tenure: Tenure;
  readonly #sight: Sight;
  readonly #stop: AbortSignal;
  /** Since when the store has not been reached, on the monotonic clock. */
  #downSince: Millis | undefined;

  constructor(ports: EnginePorts, log: Log, tenure: Tenure, sight: Sight, stop: AbortSignal) {
    this.#ports = ports;
    this.#log = log;
    this.#tenure = tenure;
    this.#sight = sight;
    this.#stop = stop;
  }

  /** In whose name this process writes. */
  get fence(): Fence {
    return this.#tenure.lease?.fence ?? this.#log.deployment.fence;
  }

  /**
   * Appends, in one write. @returns what the transitions ask for: nothing when the events did not get in. `closed`: it
   * was the end.
   */
  async add(events: readonly Happening[]): Promise<readonly Effect[] | "closed"> {
    const answer = await this.#log.append(events, this.fence);
    switch (answer.is) {
      case "ok":
        this.#downSince = undefined;
        for (const event of events) this.#sight.journaled(event);
        return answer.effects;
      case "moved":
        return [];
      case "closed":
        return "closed";
      case "fenced":
        this.#tenure.lose(ELSEWHERE);
        return [];
      case "rejected":
        await this.#unkept(answer.cause);
        return [];
      case "down":
        // A verdict that could not be journaled ages meanwhile: the next one rests on answers of its own time.
        this.#sight.forgetAnswer();
        await this.#withoutStore(answer.cause);
        return [];
      default: {
        const never: never = answer;
        return never;
      }
    }
  }

  /** Closes the deployment, with what the target shows and what users got as its last event. */
  async close(move: Extract<Move, { move: "end" }>, news: AbortSignal): Promise<void> {
    const { target, clock } = this.#ports;
    const observed = await observe(target, clock, CALL_BOUND, news);
    if (news.aborted) return;
    const flushed = await this.#log.flush(this.fence);
    // A journal that is full has room for its last event only.
    if (typeof flushed === "object" && flushed.is === "unavailable") return this.#withoutStore(flushed.cause);
    const users = await this.#sight.users(this.#log.deployment, PAUSE, news);
    const ended = closing(
      this.#log.deployment,
      { ...move, ...(users && { users }) },
      observed,
      await this.#log.events(),
      this.#log.number,
      clock.now(),
    );
    const answer = await this.#log.close(ended.event, ended.row, this.fence);
    if (answer === "fenced") this.#tenure.lose(ELSEWHERE);
    else if (answer === "down") await this.#withoutStore(DOWN);
  }

  /** Times a verdict and, where a slot failed, adds the last lines it wrote. */
  async evidenced(event: Happening): Promise<Happening> {
    if (event.kind !== "verdict") return event;
    const timed = { ...event, took: this.#sight.elapsed };
    if (event.result !== "fail" || event.facts.log !== undefined) return timed;
    const { deployment } = this.#log;
    const { slot } = deployment.plan.candidate;
    const replica = event.facts.samples?.[0]?.replica;
    const log = await lastWords(this.#ports, slot, replica, this.#timeForEvidence(event.of));
    return log.length === 0 ? timed : { ...timed, facts: { ...event.facts, log } };
  }

  /** A guard's failure may have users waiting behind it: then hardly any time is taken. Before them there is no hurry. */
  #timeForEvidence(of: string): Millis {
    const { deployment } = this.#log;
    if (!mayReceive(deployment.expected.weights, deployment.plan.candidate.slot)) return UNHURRIED;
    return of === currentStep(deployment)?.id ? PAUSE : GLANCE;
  }

  /** The journal cannot take this. What goes back can be told without it; where there is no way back, that is the end. */
  async #unkept(cause: Cause): Promise<void> {
    const { deployment } = this.#log;
    if (deployment.course.pastNoReturn || direction(deployment) === "back")
      return this.close({ move: "end", outcome: "undecided", cause }, this.#stop);
    const verdict = {
      kind: "verdict",
      dir: "forward",
      of: currentStep(deployment)?.id ?? "end",
      result: "fail",
      then: "back",
      cause,
      facts: { summary: cause.message },
    } as const;
    const answer = await this.#log.append([verdict], this.fence);
    if (answer.is === "down") await this.#withoutStore(answer.cause);
  }

  /** Waits a little for the store; in the end this process gives the deployment up, which anybody can resume. */
  async #withoutStore(cause: Cause): Promise<void> {
    const now = this.#ports.clock.monotonic();
    this.#downSince ??= now;
    if (now - this.#downSince >= OPERATOR_WAIT) this.#tenure.lose(cause);
    this.#ports.waiting?.(`the state store: ${cause.message}`);
    await this.#ports.clock.sleep(PAUSE, this.#stop);
  }
}
