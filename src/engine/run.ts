import { decide } from "../core/deciding/decide.ts";
import { canEndByItself } from "../core/deciding/waiting.ts";
import { watching } from "../core/deciding/guards.ts";
import type { Move } from "../core/deciding/moves.ts";
import { direction, type Deployment } from "../core/deployment.ts";
import type { Happening } from "../core/journal.ts";
import { intentId, millis, type Cause, type Instant, type Millis } from "../core/units.ts";
import type { Key } from "../ports/store.ts";
import { Ahead } from "./ahead.ts";
import { Journaling } from "./journaling.ts";
import { Listening } from "./listening.ts";
import type { Log } from "./log.ts";
import { CALL_BOUND, LOOK, PAUSE, type EnginePorts } from "./ports.ts";
import { Sight } from "./sight.ts";
import { Tenure } from "./tenure.ts";
import { Writing } from "./writing.ts";

/** Longest time between two looks at a target that tells of changes, where nothing else can happen. */
const QUIET = millis(10_000);

export interface RunOptions {
  /** Stay through gates and other waits instead of returning at them. */
  readonly stay: boolean;
  /** Leave the bake to the target's metrics where they keep a history: nobody watches it, whoever resumes judges it. */
  readonly leave: boolean;
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
  readonly #log: Log;
  readonly #options: RunOptions;
  readonly #sight: Sight;
  readonly #tenure: Tenure;
  readonly #listening: Listening;
  readonly #journaling: Journaling;
  readonly #writing: Writing;
  readonly #ahead: Ahead;

  constructor(ports: EnginePorts, key: Key, log: Log, options: RunOptions) {
    this.#ports = ports;
    this.#log = log;
    this.#options = options;
    this.#sight = new Sight(ports, log.deployment, options.leave);
    this.#tenure = new Tenure(ports, key);
    this.#listening = new Listening(ports, key, log, options.signal);
    this.#journaling = new Journaling(ports, log, this.#tenure, this.#sight, options.signal);
    this.#writing = new Writing(ports, log, this.#tenure, this.#sight, this.#listening);
    this.#ahead = new Ahead(ports, log, this.#tenure, this.#sight);
  }

  async go(): Promise<Ran> {
    const end = new AbortController();
    const listening = this.#listening.listen(end.signal);
    void this.#ports.probe.prepare?.();
    try {
      for (;;) {
        const stop = this.#over() ?? (await this.#once());
        if (stop !== undefined) return stop;
      }
    } finally {
      end.abort();
      this.#sight.rest();
      await this.#tenure.end();
      await listening;
    }
  }

  #over(): Ran | undefined {
    if (this.#deployment.state.is === "finished" || this.#log.closed) return { is: "finished" };
    const cause = this.#tenure.over;
    if (cause !== undefined) return { is: "lost", cause };
    return this.#options.signal.aborted ? { is: "detached" } : undefined;
  }

  /** One turn: observe, decide, act. */
  async #once(): Promise<Ran | undefined> {
    this.#listening.renew();
    const { news } = this.#listening;
    const { state } = this.#deployment;
    const resting =
      state.is === "warm" ||
      (state.is === "waiting" && state.until > this.#ports.clock.now() && !this.#looks());
    if (resting) return this.#rest(news);
    const held = await this.#hold();
    if (held !== "held") return held;
    this.#sight.arrive(this.#deployment);
    const shutting = this.#tenure.shutOthersOut();
    // Going forward, nothing is written before the target took the fence; going back does not wait for it.
    if (direction(this.#deployment) === "forward") await shutting;
    const facts = await this.#sight.facts(this.#deployment, this.#tenure.claimed, news);
    // What was cut short saw nothing, which must not be taken for a target that cannot be read.
    if (news.aborted || this.#tenure.lost !== undefined) return undefined;
    return this.#act(decide(this.#deployment, facts), news);
  }

  /** A wait that the world can end is looked at; one that leaves a candidate with traffic is, too, by whoever stays. */
  #looks(): boolean {
    return canEndByItself(this.#deployment) || (this.#options.stay && watching(this.#deployment).length > 0);
  }

  get #deployment(): Deployment {
    return this.#log.deployment;
  }

  /** Makes sure of the lease; undefined: not this time. A new one shuts out whoever wrote before, first in the journal. */
  async #hold(): Promise<Ran | "held" | undefined> {
    if (this.#tenure.lease !== undefined) return "held";
    const { signal, waitLock } = this.#options;
    const got = await this.#tenure.take(waitLock, signal);
    if (got.is === "busy") return { is: "busy", holder: got.lease.holder.name };
    if (got.is === "unavailable") return { is: "lost", cause: got.cause };
    const { fence } = got.lease;
    const stop = await this.#journal([{ kind: "claimed", fence, holder: this.#ports.holder }]);
    if (stop !== undefined) return stop;
    if (this.#deployment.fence === fence) return "held";
    await this.#tenure.giveBack();
    await this.#ports.clock.sleep(PAUSE, signal);
    return undefined;
  }

  async #act(move: Move, news: AbortSignal): Promise<Ran | undefined> {
    switch (move.move) {
      case "call":
        return this.#journal([this.#intent(move, this.#deployment)]);
      case "perform": {
        const open = this.#deployment.open.find((each) => each.intent === move.intent);
        if (open === undefined) return undefined;
        const expect = move.expect === "journaled" ? open.expect : move.expect;
        await this.#writing.perform(open.intent, open.call, expect);
        return undefined;
      }
      case "reclaim":
        await this.#tenure.giveBack();
        return undefined;
      case "journal":
        return this.#journalOn(move.event, news);
      case "checks":
        await (move.for === "step"
          ? this.#sight.ask(this.#deployment, move.slot, news)
          : this.#sight.askOther(this.#deployment, news));
        return undefined;
      case "look":
        this.#ports.waiting?.(move.reason);
        await this.#untilNextLook(this.#ports.target.pace, news);
        return undefined;
      case "rest":
        return this.#rest(news);
      case "end":
        await this.#journaling.close(move, news);
        return undefined;
      default: {
        const never: never = move;
        return never;
      }
    }
  }

  /** A target that tells of changes is looked at as soon as it does. */
  async #untilNextLook(atMost: Millis, news: AbortSignal): Promise<void> {
    const { clock, target } = this.#ports;
    const over = new AbortController();
    const either = AbortSignal.any([news, over.signal]);
    const late = clock.sleep(atMost, either);
    await Promise.race(target.changed === undefined ? [late] : [late, target.changed(either)]);
    over.abort();
    await late;
  }

  /** Before there is traffic only a crash matters at a gate, of which a target that tells of changes tells. */
  get #isQuiet(): boolean {
    const onlyCrashes = watching(this.#deployment).every(({ watch }) => watch === "crashLoop");
    return this.#ports.target.changed !== undefined && onlyCrashes;
  }

  #intent({ step, call, expect }: Extract<Move, { move: "call" }>, { state, seq }: Deployment): Happening {
    const nonce = Math.floor(this.#ports.random() * 0x7fffffff).toString(36);
    return {
      kind: "intent",
      intent: intentId(`${this.#log.id}.${seq + 1}.${nonce}`),
      step,
      dir: state.is === "running" || state.is === "waiting" ? state.dir : "forward",
      call,
      expect,
      fence: this.#journaling.fence,
      bound: CALL_BOUND,
    };
  }

  /** Journals what was decided, with what follows from it at once. */
  async #journalOn(event: Happening, news: AbortSignal): Promise<Ran | undefined> {
    const first = await this.#journaling.evidenced(event);
    const intent: Parameters<Ahead["from"]>[1] = (call, after) => this.#intent(call, after);
    const events = await this.#ahead.from(first, intent, news);
    // Whoever lost the lease meanwhile, or was told to stop, decides nothing any more.
    return this.#over() === undefined ? this.#journal(events) : undefined;
  }

  /** Journals in one write, then carries out what the transitions ask for. */
  async #journal(events: readonly Happening[]): Promise<Ran | undefined> {
    const effects = await this.#journaling.add(events);
    if (effects === "closed") return { is: "finished" };
    this.#sight.arrive(this.#deployment);
    for (const effect of effects) {
      if (effect.effect === "perform") {
        const open = this.#deployment.open.find((each) => each.intent === effect.intent);
        if (open !== undefined) await this.#writing.perform(effect.intent, effect.call, open.expect);
      } else {
        this.#sight.rest();
        await this.#tenure.giveBack();
      }
    }
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
    await this.#untilNextLook(millis(Math.min(this.#isQuiet ? QUIET : LOOK, left)), news);
    return undefined;
  }

  async #endWarm(): Promise<Ran | undefined> {
    const held = await this.#hold();
    if (held !== "held") return held;
    const { signal } = this.#options;
    const facts = await this.#sight.facts(this.#deployment, this.#tenure.claimed, signal);
    if (signal.aborted) return undefined;
    return this.#act(decide(this.#deployment, facts), signal);
  }
}
