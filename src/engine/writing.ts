import type { Call } from "../core/calls.ts";
import { millis, type Cause, type IntentId, type Millis } from "../core/units.ts";
import type { Expect, Write } from "../ports/write.ts";
import type { HeldLease } from "./lease.ts";
import type { Listening } from "./listening.ts";
import type { Log } from "./log.ts";
import { outcomeOf } from "./outcome.ts";
import { perform, type Order } from "./perform.ts";
import { CALL_BOUND, PAUSE, type EnginePorts } from "./ports.ts";
import type { Sight } from "./sight.ts";
import type { Tenure } from "./tenure.ts";

/** However long a busy target asks to be left alone: deadlines must be kept. */
const LONGEST_PAUSE = millis(30_000);
/** Pauses after refusals double up to this: each attempt is journaled, and the journal must last. */
const LONGEST_DOUBLED = 5_000;
/** First pause after a refused shift on the way back: users wait for it, and most refusals are of the moment. */
const HURRIED = millis(50);

/** Performs journaled intents, one after another, and journals how each ended. */
export class Writing {
  readonly #ports: EnginePorts;
  readonly #log: Log;
  readonly #tenure: Tenure;
  readonly #sight: Sight;
  readonly #listening: Listening;
  /** Refusals in a row. */
  #refused = 0;

  constructor(ports: EnginePorts, log: Log, tenure: Tenure, sight: Sight, listening: Listening) {
    this.#ports = ports;
    this.#log = log;
    this.#tenure = tenure;
    this.#sight = sight;
    this.#listening = listening;
  }

  /** No write starts unless the lease outlasts it; a forward write is left alone as soon as the deployment turns back. */
  async perform(intent: IntentId, call: Call, expect: Expect): Promise<void> {
    const { lease } = this.#tenure;
    if (lease === undefined) return;
    const { state } = this.#log.deployment;
    const forward = state.is === "running" && state.dir === "forward";
    if (!lease.outlasts(CALL_BOUND) && forward) return this.#unsent(intent, lease);
    while (!lease.outlasts(CALL_BOUND)) {
      if (lease.lost.aborted || this.#listening.stop.aborted) return;
      await this.#ports.clock.sleep(PAUSE, lease.lost);
    }
    const order: Order = {
      intent,
      call,
      expect,
      fence: lease.fence,
      bound: CALL_BOUND,
      ...(forward ? {} : { back: true }),
    };
    const write = await this.#send(order, lease, forward);
    if (write.is === "fenced")
      this.#tenure.lose(
        write.cause ?? {
          code: "TEAL-D130",
          message: `the target refused fence ${lease.fence}: ${write.by} is in force`,
        },
      );
    await this.#pauseAfter(write, !forward && call.call === "shift" ? HURRIED : PAUSE);
  }

  /** Going forward, a write is not kept waiting for the lease: what it was decided on would age meanwhile. */
  async #unsent(intent: IntentId, lease: HeldLease): Promise<void> {
    const cause: Cause = { code: "TEAL-D102", message: "not sent: the lease would not have outlasted it" };
    await this.#log.append(
      [{ kind: "outcome", intent, result: "rejected", found: true, cause }],
      lease.fence,
    );
    await this.#ports.clock.sleep(PAUSE, lease.lost);
  }

  /** Sends one write and journals its answer. */
  async #send(order: Order, lease: HeldLease, forward: boolean): Promise<Write<unknown>> {
    const { clock, target } = this.#ports;
    const { intent, call } = order;
    const began = clock.monotonic();
    const journal = (write: Write<unknown>) => {
      this.#sight.wrote();
      return this.#log.append([outcomeOf(intent, write, millis(clock.monotonic() - began))], lease.fence);
    };
    const left = forward ? this.#listening.turned : new AbortController().signal;
    // A late answer is journaled for the record; what it changed is found by looking.
    const late = (write: Write<unknown>) =>
      void (this.#tenure.lease === lease && journal(write).catch(() => undefined));
    const write = await perform(target, clock, order, left, late);
    this.#sight.ended(intent, write.is === "applied" || write.is === "unchanged" ? call : undefined);
    await journal(write);
    return write;
  }

  /** Leaves the target alone for a while after a write that did not take effect; news end the pause. */
  async #pauseAfter(write: Write<unknown>, first: Millis): Promise<void> {
    this.#refused = write.is === "rejected" ? this.#refused + 1 : 0;
    if (write.is === "applied" || write.is === "unchanged" || write.is === "fenced") return;
    const { clock, target } = this.#ports;
    const wait =
      write.is === "rejected"
        ? Math.max(write.retryAfter ?? 0, Math.min(first * 2 ** (this.#refused - 1), LONGEST_DOUBLED))
        : target.pace;
    await clock.sleep(millis(Math.min(wait, LONGEST_PAUSE)), this.#listening.news);
  }
}
