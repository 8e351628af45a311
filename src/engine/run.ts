import type { Call } from "../core/calls.ts";
import { decide } from "../core/deciding/decide.ts";
import { canEndByItself } from "../core/deciding/waiting.ts";
import { watching } from "../core/deciding/guards.ts";
import { OPERATOR_WAIT, type Move } from "../core/deciding/moves.ts";
import { currentStep, direction, type Deployment } from "../core/deployment.ts";
import type { Happening } from "../core/journal.ts";
import type { Effect } from "../core/transition.ts";
import { intentId, millis, type Cause, type Instant, type IntentId, type Millis } from "../core/units.ts";
import type { Expect, Write } from "../ports/write.ts";
import type { Key } from "../ports/store.ts";
import { claimTarget } from "./claiming.ts";
import { closing } from "./closing.ts";
import { lastWords } from "./last-words.ts";
import { acquire, type HeldLease } from "./lease.ts";
import type { Log } from "./log.ts";
import { observe } from "./observe.ts";
import { outcomeOf } from "./outcome.ts";
import { perform } from "./perform.ts";
import { CALL_BOUND, type EnginePorts } from "./ports.ts";
import { Sight } from "./sight.ts";

/** Pause before trying again when the store cannot be reached, or the target is busy and names no time. */
const PAUSE = millis(500);
const GLANCE = millis(50);
/** However long a busy target asks to be left alone: deadlines must be kept. */
const LONGEST_PAUSE = millis(30_000);
/** Pauses after refusals double up to this: each attempt is journaled, and the journal must last. */
const LONGEST_DOUBLED = 5_000;
const DOWN: Cause = { code: "TEAL-S101", message: "the state store cannot be reached" };
/** Longest sleep in a wait before the journal is looked at again. */
const LOOK = millis(1_000);

export interface RunOptions {
  /** Stay through gates and other waits instead of returning at them. */
  readonly stay: boolean;
  /** How long to wait for a lease that somebody else holds. */
  readonly waitLock: Millis;
  readonly signal: AbortSignal;
}

/** Why the engine returned. Only `finished` ends the deployment; in every other case it can be resumed. */
export type Ran =
  | { readonly is: "finished" }
  | { readonly is: "warm"; readonly until: Instant }
  | { readonly is: "waiting"; readonly until: Instant }
  | { readonly is: "detached" }
  | { readonly is: "busy"; readonly holder: string }
  /** Somebody else advances it now, or the store was away for longer than the lease. */
  | { readonly is: "lost"; readonly cause: Cause };

/** Advances one open deployment until it ends, waits, is handed over or given away. */
export class Run {
  readonly #ports: EnginePorts;
  readonly #key: Key;
  readonly #log: Log;
  readonly #options: RunOptions;
  readonly #sight: Sight;
  #lease: HeldLease | undefined;
  #lost: Cause | undefined;
  /** Refusals in a row. */
  #refused = 0;
  #downSince: Millis | undefined;
  /** The target took the lease's fence. */
  #claimed = false;
  #claiming = false;
  /** Aborted and replaced whenever the journal brings something new: whatever is being waited for ends early. */
  #news = new AbortController();

  constructor(ports: EnginePorts, key: Key, log: Log, options: RunOptions) {
    this.#ports = ports;
    this.#key = key;
    this.#log = log;
    this.#options = options;
    this.#sight = new Sight(ports, log.deployment);
  }

  async go(): Promise<Ran> {
    const end = new AbortController();
    const listening = this.#listen(AbortSignal.any([end.signal, this.#options.signal]));
    try {
      for (;;) {
        const over = this.#over();
        if (over !== undefined) return over;
        const stop = await this.#once();
        if (stop !== undefined) return stop;
      }
    } finally {
      end.abort();
      this.#sight.rest();
      const lease = this.#lease;
      this.#lease = undefined;
      await lease?.release();
      await listening;
    }
  }

  #over(): Ran | undefined {
    if (this.#deployment.state.is === "finished" || this.#log.closed) return { is: "finished" };
    if (this.#lost !== undefined) return { is: "lost", cause: this.#lost };
    if (this.#lease?.lost.aborted === true) {
      return {
        is: "lost",
        cause: { code: "TEAL-D130", message: `the lease is lost: ${String(this.#lease.lost.reason)}` },
      };
    }
    return this.#options.signal.aborted ? { is: "detached" } : undefined;
  }

  /** One turn: observe, decide, act. */
  async #once(): Promise<Ran | undefined> {
    if (this.#news.signal.aborted) this.#news = new AbortController();
    const news = AbortSignal.any([this.#news.signal, this.#options.signal]);
    const { state } = this.#deployment;
    const resting =
      state.is === "warm" ||
      (state.is === "waiting" && state.until > this.#ports.clock.now() && !this.#looks());
    if (resting) return this.#rest(news);
    if (this.#lease === undefined) {
      const busy = await this.#claim(this.#options.waitLock);
      if (busy !== undefined) return busy;
      if (this.#lease === undefined) return undefined;
    }
    this.#sight.arrive(this.#deployment);
    const shutting = this.#shutOthersOut();
    if (direction(this.#deployment) === "forward") await shutting;
    const facts = await this.#sight.facts(this.#deployment, this.#claimed, news);
    // What was cut short saw nothing, which must not be taken for a target that cannot be read.
    if (news.aborted || this.#lost !== undefined) return undefined;
    return this.#act(decide(this.#deployment, facts), news);
  }

  /** A wait that the world can end is looked at; one that leaves a candidate with traffic is, too, by whoever stays. */
  #looks(): boolean {
    return canEndByItself(this.#deployment) || (this.#options.stay && watching(this.#deployment).length > 0);
  }

  get #deployment(): Deployment {
    return this.#log.deployment;
  }

  async #act(move: Move, news: AbortSignal): Promise<Ran | undefined> {
    switch (move.move) {
      case "call": {
        const intent = intentId(
          `${this.#log.id}.${this.#deployment.seq + 1}.${Math.floor(this.#ports.random() * 0x7fffffff).toString(36)}`,
        );
        const { step, call, expect } = move;
        const state = this.#deployment.state;
        const dir = state.is === "running" || state.is === "waiting" ? state.dir : "forward";
        return this.#journal({
          kind: "intent",
          intent,
          step,
          dir,
          call,
          expect,
          fence: this.#fence,
          bound: CALL_BOUND,
        });
      }
      case "perform": {
        const open = this.#deployment.open.find((each) => each.intent === move.intent);
        if (open !== undefined)
          await this.#perform(
            open.intent,
            open.call,
            move.expect === "journaled" ? open.expect : move.expect,
          );
        return undefined;
      }
      case "reclaim":
        await this.#lease?.release();
        this.#lease = undefined;
        return undefined;
      case "journal":
        return this.#journal(move.event);
      case "checks":
        await (move.for === "step"
          ? this.#sight.ask(this.#deployment, move.slot, news)
          : this.#sight.askOther(this.#deployment, news));
        return undefined;
      case "look":
        this.#ports.waiting?.(move.reason);
        await this.#ports.clock.sleep(this.#ports.target.pace, news);
        return undefined;
      case "rest":
        return this.#rest(news);
      case "end":
        return this.#close(move, news);
      default: {
        const never: never = move;
        return never;
      }
    }
  }

  get #fence() {
    return this.#lease?.fence ?? this.#deployment.fence;
  }

  /** Appends, then carries out what the transition asks for. */
  async #journal(event: Happening): Promise<Ran | undefined> {
    const timed = event.kind === "verdict" ? await this.#evidenced(event) : event;
    const answer = await this.#log.append(timed, this.#fence);
    switch (answer.is) {
      case "ok":
        this.#downSince = undefined;
        this.#sight.journaled(event);
        return this.#effects(answer.effects);
      case "moved":
        return undefined;
      case "closed":
        return { is: "finished" };
      case "fenced":
        this.#lost = { code: "TEAL-D130", message: "somebody else advances this deployment now" };
        return undefined;
      case "rejected":
        return this.#unkept(answer.cause);
      case "down":
        // A verdict that could not be journaled ages meanwhile: the next one rests on answers of its own time.
        this.#sight.forgetAnswer();
        await this.#withoutStore(answer.cause);
        return undefined;
      default: {
        const never: never = answer;
        return never;
      }
    }
  }

  /** The journal cannot take this. What goes back can be told without it; where there is no way back, that is the end. */
  async #unkept(cause: Cause): Promise<Ran | undefined> {
    const { course } = this.#deployment;
    const step = currentStep(this.#deployment)?.id ?? "end";
    if (course.pastNoReturn || direction(this.#deployment) === "back")
      return this.#close({ move: "end", outcome: "undecided", cause }, this.#options.signal);
    const verdict = {
      kind: "verdict",
      dir: "forward",
      of: step,
      result: "fail",
      then: "back",
      cause,
      facts: { summary: cause.message },
    } as const;
    const answer = await this.#log.append(verdict, this.#fence);
    if (answer.is === "down") await this.#withoutStore(answer.cause);
    return undefined;
  }

  /** Waits a little for the store; in the end this process gives the deployment up, which anybody can resume. */
  async #withoutStore(cause: Cause): Promise<void> {
    const now = this.#ports.clock.monotonic();
    this.#downSince ??= now;
    if (now - this.#downSince >= OPERATOR_WAIT) this.#lost = cause;
    this.#ports.waiting?.(`the state store: ${cause.message}`);
    await this.#ports.clock.sleep(PAUSE, this.#options.signal);
  }

  async #effects(effects: readonly Effect[]): Promise<Ran | undefined> {
    for (const effect of effects) {
      if (effect.effect === "perform") {
        const open = this.#deployment.open.find((each) => each.intent === effect.intent);
        if (open !== undefined) await this.#perform(effect.intent, effect.call, open.expect);
      } else {
        this.#sight.rest();
        await this.#lease?.release();
        this.#lease = undefined;
      }
    }
    return undefined;
  }

  /** No write starts unless the lease outlasts it; a forward write is left alone as soon as the deployment turns back. */
  async #perform(intent: IntentId, call: Call, expect: Expect): Promise<void> {
    const lease = this.#lease;
    if (lease === undefined) return;
    const { clock, target } = this.#ports;
    const { state } = this.#deployment;
    const forward = state.is === "running" && state.dir === "forward";
    if (!lease.outlasts(CALL_BOUND) && forward) return this.#unsent(intent, lease);
    while (!lease.outlasts(CALL_BOUND)) {
      if (lease.lost.aborted || this.#options.signal.aborted) return;
      await clock.sleep(PAUSE, lease.lost);
    }
    const began = clock.monotonic();
    const left = forward ? this.#turned.signal : new AbortController().signal;
    const journal = (write: Write<unknown>) => {
      this.#sight.wrote();
      return this.#log.append(outcomeOf(intent, write, millis(clock.monotonic() - began)), lease.fence);
    };
    const order = { intent, call, expect, fence: lease.fence, bound: CALL_BOUND };
    // A late answer is journaled for the record; what it changed is found by looking.
    const write = await perform(
      target,
      clock,
      order,
      left,
      (late) => void (this.#lease === lease && journal(late).catch(() => undefined)),
    );
    this.#sight.ended(intent, write.is === "applied" || write.is === "unchanged" ? call : undefined);
    await journal(write);
    if (write.is === "fenced")
      this.#lost = {
        code: "TEAL-D130",
        message: `the target refused fence ${lease.fence}: ${write.by} is in force`,
      };
    this.#refused = write.is === "rejected" ? this.#refused + 1 : 0;
    if (write.is !== "applied" && write.is !== "unchanged" && write.is !== "fenced") {
      const wait =
        write.is === "rejected"
          ? Math.max(write.retryAfter ?? 0, Math.min(PAUSE * 2 ** (this.#refused - 1), LONGEST_DOUBLED))
          : target.pace;
      await clock.sleep(
        millis(Math.min(wait, LONGEST_PAUSE)),
        AbortSignal.any([this.#news.signal, this.#options.signal]),
      );
    }
  }

  /** Going forward, a write is not kept waiting for the lease: what it was decided on would age meanwhile. */
  async #unsent(intent: IntentId, lease: HeldLease): Promise<void> {
    const cause: Cause = { code: "TEAL-D102", message: "not sent: the lease would not have outlasted it" };
    await this.#log.append({ kind: "outcome", intent, result: "rejected", found: true, cause }, lease.fence);
    await this.#ports.clock.sleep(PAUSE, lease.lost);
  }

  /** Aborts when the deployment turns back. */
  #turned = new AbortController();

  /** Follows the journal: asks of other processes reach whatever is being waited for at once. */
  async #listen(signal: AbortSignal): Promise<void> {
    let mark: number | undefined;
    while (!signal.aborted) {
      mark = await this.#ports.store.changed(this.#key, LOOK, signal, mark);
      if (signal.aborted || (await this.#log.sync()) !== "new") continue;
      const { state } = this.#deployment;
      if (state.is !== "running" || state.dir === "back") {
        this.#turned.abort();
        this.#turned = new AbortController();
      }
      this.#news.abort();
    }
  }

  /** Times a verdict and, where a slot failed, adds the last lines it wrote. */
  async #evidenced(event: Extract<Happening, { kind: "verdict" }>): Promise<Happening> {
    const timed = { ...event, took: this.#sight.elapsed };
    if (event.result !== "fail" || event.facts.log !== undefined) return timed;
    // A guard's failure has users waiting behind it, so hardly any time is taken for its evidence.
    const bound = event.of === currentStep(this.#deployment)?.id ? PAUSE : GLANCE;
    const log = await lastWords(
      this.#ports,
      this.#deployment.plan.candidate.slot,
      event.facts.samples?.[0]?.replica,
      bound,
    );
    return log.length === 0 ? timed : { ...timed, facts: { ...event.facts, log } };
  }

  /** Takes the lease and shuts out whoever wrote before, in the journal first and then at the target. */
  async #claim(waitAtMost: Millis): Promise<Ran | undefined> {
    const { store, clock, holder, isGone } = this.#ports;
    const got = await acquire({
      store,
      key: this.#key,
      holder,
      clock,
      isGone,
      waitAtMost,
      signal: this.#options.signal,
    });
    if (got.is === "busy") return { is: "busy", holder: got.lease.holder.name };
    if (got.is === "unavailable") return { is: "lost", cause: got.cause };
    this.#lease = got.lease;
    const stop = await this.#journal({ kind: "claimed", fence: got.lease.fence, holder });
    if (stop !== undefined || this.#deployment.fence !== got.lease.fence)
      return stop ?? (await this.#again());
    this.#claimed = false;
    return undefined;
  }

  /** Going forward, nothing is written before the target took the fence; going back does not wait for it. */
  async #shutOthersOut(): Promise<void> {
    const lease = this.#lease;
    if (lease === undefined || this.#claimed || this.#claiming) return;
    this.#claiming = true;
    const answer = await claimTarget(this.#ports.target, this.#ports.clock, lease.fence);
    this.#claiming = false;
    if (this.#lease !== lease) return;
    this.#claimed = answer.is === "claimed";
    if (answer.is === "fenced")
      this.#lost = { code: "TEAL-D130", message: `fence ${answer.by} is in force at the target` };
  }

  async #again(): Promise<undefined> {
    await this.#lease?.release();
    this.#lease = undefined;
    await this.#ports.clock.sleep(PAUSE, this.#options.signal);
    return undefined;
  }

  /** A long wait, without the lease. Whoever does not stay leaves it to the next command. */
  async #rest(news: AbortSignal): Promise<Ran | undefined> {
    const { state } = this.#deployment;
    if (state.is === "warm" && state.until > this.#ports.clock.now())
      return { is: "warm", until: state.until };
    if (state.is === "warm") return this.#endWarm();
    if (state.is !== "waiting") return undefined;
    if (!this.#options.stay) return { is: "waiting", until: state.until };
    this.#ports.waiting?.(`${state.for}, until ${new Date(state.until).toISOString()}`);
    const left = Math.max(0, state.until - this.#ports.clock.now());
    await this.#ports.clock.sleep(millis(Math.min(LOOK, left)), news);
    return undefined;
  }

  async #endWarm(): Promise<Ran | undefined> {
    if (this.#lease === undefined) {
      const busy = await this.#claim(this.#options.waitLock);
      if (busy !== undefined) return busy;
      if (this.#lease === undefined) return undefined;
    }
    const facts = await this.#sight.facts(this.#deployment, this.#claimed, this.#options.signal);
    if (this.#options.signal.aborted) return undefined;
    return this.#act(decide(this.#deployment, facts), this.#options.signal);
  }

  async #close(move: Extract<Move, { move: "end" }>, news: AbortSignal): Promise<Ran | undefined> {
    const observed = await observe(this.#ports.target, this.#ports.clock, CALL_BOUND, news);
    if (news.aborted) return undefined;
    const flushed = await this.#log.flush(this.#fence);
    // A journal that is full has room for its last event only.
    if (typeof flushed === "object" && flushed.is === "unavailable") {
      await this.#withoutStore(flushed.cause);
      return undefined;
    }
    const users = await this.#sight.users(this.#deployment, PAUSE, news);
    const ended = closing(
      this.#deployment,
      { ...move, ...(users && { users }) },
      observed,
      await this.#log.events(),
      this.#log.number,
      this.#ports.clock.now(),
    );
    const answer = await this.#log.close(ended.event, ended.row, this.#fence);
    if (answer === "fenced")
      this.#lost = { code: "TEAL-D130", message: "somebody else advances this deployment now" };
    else if (answer === "down") await this.#withoutStore(DOWN);
    return undefined;
  }
}
