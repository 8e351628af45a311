import { currentStep, fold, type Deployment } from "../core/deployment.ts";
import type { JournalEvent } from "../core/journal.ts";
import type { Outcome } from "../core/state.ts";
import { millis, sameRevision, type DeploymentId } from "../core/units.ts";
import type { Session } from "./session.ts";
import { formatUntil } from "./times.ts";
import type { ViewContext } from "./view/moment.ts";
import { labelOf, tookInWords } from "./view/words.ts";
import { printable } from "./view/width.ts";
import { view } from "./view/view.ts";

/** Longest time between two looks at the journal. */
const LOOK = millis(1_000);

export interface ScreenOptions {
  /** What was journaled before the command began is not told again. */
  readonly fromNow?: boolean;
  readonly exits?: Partial<Readonly<Record<Outcome, number>>>;
}

interface Shown {
  readonly id: DeploymentId;
  readonly number: number;
  readonly context: ViewContext;
  events: readonly JournalEvent[];
  deployment: Deployment | undefined;
  /** Lines of the view that were printed, or are not to be. */
  lines: number;
  /** Events that were told, or are not to be. */
  told: number;
}

/**
 * Shows the service's deployments as their journal grows, whoever advances them: the command itself, or a process
 * elsewhere. It only reads.
 */
export class Screen {
  readonly #session: Session;
  readonly #options: ScreenOptions;
  readonly #end = new AbortController();
  #shown: Shown | undefined;
  #turn: Promise<void> = Promise.resolve();
  #broken = false;
  #following: Promise<void> = Promise.resolve();
  #reason: string | undefined;

  constructor(session: Session, options: ScreenOptions = {}) {
    this.#session = session;
    this.#options = options;
  }

  /** Takes note of what is there, then follows until `finish`. */
  async start(): Promise<void> {
    const { connection, out } = this.#session;
    const since = await connection.store.changed(connection.key, millis(0), this.#end.signal);
    await this.#pull(this.#options.fromNow === true);
    this.#session.onWaiting = (reason) => (this.#reason = reason);
    if (!out.json) out.terminal.show(() => this.#live());
    this.#following = this.#follow(since);
  }

  /** Shows what is journaled by now and stops following. */
  async finish(): Promise<void> {
    this.#end.abort();
    await this.#following;
    await this.#pull(false);
    this.#session.out.terminal.show(undefined);
  }

  /** There is nothing to follow now: nothing is open, or what is open is proven and only kept warm. */
  get atRest(): boolean {
    const state = this.#shown?.deployment?.state.is;
    return state === undefined || state === "finished" || state === "warm";
  }

  /** Resolves when there is nothing to follow, or the signal aborts. */
  async rest(signal: AbortSignal): Promise<void> {
    const { store, key } = this.#session.connection;
    let mark = await store.changed(key, millis(0), signal);
    for (await this.#pull(false); !signal.aborted && !this.#broken && !this.atRest; await this.#pull(false))
      mark = await store.changed(key, LOOK, signal, mark);
  }

  async #follow(since: number): Promise<void> {
    const { store, key } = this.#session.connection;
    let mark = since;
    while (!this.#end.signal.aborted) {
      mark = await store.changed(key, LOOK, this.#end.signal, mark);
      await this.#pull(false);
    }
  }

  /**
   * Reads what is new. Calls follow each other, so that no line is printed twice. Whatever goes wrong with showing is
   * told once and harms nothing: the deployment goes on.
   */
  #pull(silently: boolean): Promise<void> {
    this.#turn = this.#turn
      .then(() => (this.#broken ? undefined : this.#read(silently)))
      .catch((error: unknown) => {
        this.#broken = true;
        this.#session.out.note(
          `what happens cannot be shown any more (${String(error)}); it goes on all the same`,
        );
      });
    return this.#turn;
  }

  async #read(silently: boolean): Promise<void> {
    const { store, key } = this.#session.connection;
    const current = await store.current(key, this.#shown?.events.length ?? 0);
    if (current.is === "unavailable") return;
    const same = current.is === "open" && current.journal.id === this.#shown?.id;
    if (!same) await this.#closeShown(silently);
    if (current.is !== "open") return;
    if (same) return this.#tell(current.journal.events, silently);
    const whole = await store.events(key, current.journal.id);
    if (whole.is !== "events") return;
    const { id } = current.journal;
    this.#shown = {
      id,
      number: current.number,
      context: await this.#contextOf(whole.events, current.number),
      events: [],
      deployment: undefined,
      lines: 0,
      told: 0,
    };
    this.#tell(whole.events, silently);
  }

  /** What the shown deployment still did before it was no longer the open one. */
  async #closeShown(silently: boolean): Promise<void> {
    const shown = this.#shown;
    if (shown === undefined || shown.events.at(-1)?.kind === "closed") return;
    const { store, key } = this.#session.connection;
    const rest = await store.events(key, shown.id);
    if (rest.is === "events") this.#tell(rest.events.slice(shown.events.length), silently);
  }

  #tell(fresh: readonly JournalEvent[], silently: boolean): void {
    const shown = this.#shown;
    if (shown === undefined || fresh.length === 0) return;
    const { out } = this.#session;
    shown.events = [...shown.events, ...fresh];
    shown.deployment = fold(shown.events);
    this.#reason = undefined;
    const lines = view(shown.events, shown.context);
    if (!silently) {
      for (const event of shown.events.slice(shown.told))
        out.event(event, { deployment: shown.id, number: shown.number });
      for (const line of lines.slice(shown.lines)) out.line(line);
    }
    shown.told = shown.events.length;
    shown.lines = lines.length;
  }

  async #contextOf(events: readonly JournalEvent[], number: number): Promise<ViewContext> {
    const { connection, suffix } = this.#session;
    const live = await this.#liveNumber(events);
    return {
      place: connection.target.place,
      number,
      suffix,
      clock: (at) => formatUntil(at, connection.clock.now()),
      ...(live === undefined ? {} : { liveNumber: live }),
      ...(this.#options.exits === undefined ? {} : { exits: this.#options.exits }),
    };
  }

  /** Which deployment brought what was live when this one began. */
  async #liveNumber([opened]: readonly JournalEvent[]): Promise<number | undefined> {
    const { store, key } = this.#session.connection;
    if (opened?.kind !== "opened" || opened.plan.baseline.serving === "nobody") return undefined;
    const { revision } = opened.plan.baseline.slots[opened.plan.baseline.serving];
    const history = await store.history(key, 50);
    if (history.is !== "rows") return undefined;
    return history.rows.find(
      (row) => row.outcome === "done" && sameRevision({ id: row.revision, config: row.config }, revision),
    )?.number;
  }

  /** The line that is written again and again: the step, what it waits for, and since when. */
  #live(): string {
    const shown = this.#shown;
    const deployment = shown?.deployment;
    if (shown === undefined || deployment === undefined || deployment.state.is === "finished")
      return this.#reason ?? "";
    const { state } = deployment;
    const elapsed = tookInWords(Math.max(0, this.#session.connection.clock.now() - deployment.since));
    if (state.is === "waiting" || state.is === "warm") return `… until ${shown.context.clock(state.until)}`;
    const step = currentStep(deployment);
    const label =
      step === undefined
        ? state.is === "running" && state.dir === "back"
          ? "revert"
          : "ending"
        : labelOf(step);
    return `… ${label.padEnd(9)} ${printable(this.#session.out.hide(this.#reason ?? step?.reason ?? ""))}  ${elapsed}`;
  }
}
