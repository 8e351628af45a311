import { apply, fold, type Deployment } from "../core/deployment.ts";
import { boundEvent } from "../core/bounds.ts";
import type { Happening, HistoryRow, JournalEvent } from "../core/journal.ts";
import type { Effect } from "../core/transition.ts";
import type { Cause, DeploymentId, Fence } from "../core/units.ts";
import type { Clock } from "../ports/clock.ts";
import type { Notifier } from "../ports/notifier.ts";
import type { Key, StateStore } from "../ports/store.ts";
import { notJournaled, type Spool } from "./spool.ts";

/** How an append ended. `moved`: others wrote first; the fold has their events now, so decide again. */
export type Appended =
  | { readonly is: "ok"; readonly effects: readonly Effect[] }
  | { readonly is: "moved" }
  | { readonly is: "fenced" }
  | { readonly is: "closed" }
  /** The store will never take it: the journal is full, or the event too large. */
  | { readonly is: "rejected"; readonly cause: Cause }
  | { readonly is: "down"; readonly cause: Cause };

interface LogPorts {
  readonly store: StateStore;
  readonly spool: Spool;
  readonly clock: Clock;
  readonly notifier?: Notifier;
}

/**
 * The journal of one open deployment with its fold, kept in step with the store. While the store is down, what goes
 * back is written to the local spool instead and journaled later; nothing that goes forward is.
 */
export class Log {
  readonly #ports: LogPorts;
  readonly #key: Key;
  /** The fold of what the store acknowledged. */
  #confirmed: Deployment;
  /** Spooled events that the store has not yet, already folded into `deployment`. */
  #pending: readonly JournalEvent[] = [];
  #deployment: Deployment;
  #turn: Promise<unknown> = Promise.resolve();
  #closed = false;

  /** Counts the deployments of the service from 1. */
  readonly number: number;

  private constructor(ports: LogPorts, key: Key, number: number, deployment: Deployment) {
    this.number = number;
    this.#ports = ports;
    this.#key = key;
    this.#confirmed = deployment;
    this.#deployment = deployment;
  }

  /** The open deployment, with what a crashed process left in the spool; none when nothing is open. */
  static async load(
    ports: LogPorts,
    key: Key,
  ): Promise<{ is: "open"; log: Log } | { is: "none" } | { is: "unavailable"; cause: Cause }> {
    const current = await ports.store.current(key);
    if (current.is !== "open") return current;
    const log = new Log(ports, key, current.number, fold(current.journal.events));
    const spooled = (await ports.spool.drain()).flatMap((event) => ofDeployment(event, log.id));
    const left = notJournaled(spooled, current.journal.events).filter(
      (event) => !current.journal.events.some((each) => sameHappening(each, event)),
    );
    for (const event of left) log.#fold(event);
    return { is: "open", log };
  }

  get deployment(): Deployment {
    return this.#deployment;
  }

  get id(): DeploymentId {
    return this.#deployment.id;
  }

  /** Somebody closed it, or the store knows it no more. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Something is in the spool that the journal lacks. */
  get spooled(): boolean {
    return this.#pending.length > 0;
  }

  /** Appends events in one write and folds them, or says why not. Calls are carried out one after another. */
  append(events: readonly Happening[], fence: Fence): Promise<Appended> {
    return this.#inTurn(() => this.#append(events.map(boundEvent), fence));
  }

  /** What the deployment would be after these events, as far as can be told before they are appended. */
  after(events: readonly Happening[]): Deployment {
    const at = this.#ports.clock.now();
    let deployment = this.#deployment;
    for (const event of events)
      ({ deployment } = apply(deployment, { ...boundEvent(event), seq: deployment.seq + 1, at }));
    return deployment;
  }

  /** Reads what others appended. @returns whether anything new came, or that the store is down. */
  sync(): Promise<"new" | "nothing" | "down"> {
    return this.#inTurn(() => this.#sync());
  }

  /** Brings the spool into the journal, when there is something in it and the store answers and has room for it. */
  flush(fence: Fence): Promise<Flushed> {
    return this.#inTurn(() => this.#flush(fence));
  }

  /** Every event of this deployment, oldest first; what is only spooled is not among them. */
  async events(): Promise<readonly JournalEvent[]> {
    const answer = await this.#ports.store.events(this.#key, this.id);
    return answer.is === "events" ? answer.events : [];
  }

  /** Ends the deployment in the store and in the fold. */
  close(
    event: Happening & { kind: "closed" },
    row: HistoryRow,
    fence: Fence,
  ): Promise<"closed" | "moved" | "fenced" | "down"> {
    return this.#inTurn(async () => {
      const answer = await this.#ports.store.close(
        this.#key,
        this.id,
        this.#confirmed.seq,
        event,
        row,
        fence,
      );
      if (answer.is === "fenced") return "fenced";
      if (answer.is === "conflict") return (await this.#sync()) === "down" ? "down" : "moved";
      if (answer.is !== "closed") return "down";
      await this.#end();
      return "closed";
    });
  }

  /** It is closed: folds how it ended, as far as the store still tells. */
  async #end(): Promise<void> {
    this.#closed = true;
    const events = await this.events();
    const fresh = events.filter((event) => event.seq > this.#confirmed.seq);
    this.#pending = [];
    this.#confirm(fresh);
    // What is left there is of no use to anybody, least of all to the next deployment.
    await this.#ports.spool.clear().catch(() => undefined);
  }

  async #append(events: readonly Happening[], fence: Fence): Promise<Appended> {
    const flushed = await this.#flush(fence);
    if (flushed === "fenced") return { is: "fenced" };
    if (flushed !== "ok") return this.#withoutStore(events, flushed);
    const answer = await this.#ports.store.append(this.#key, this.id, this.#confirmed.seq, events, fence);
    switch (answer.is) {
      case "appended":
        return { is: "ok", effects: this.#confirm(answer.events) };
      case "conflict":
        return this.#lostAnswerOrOthers(events);
      case "fenced":
        return { is: "fenced" };
      case "closed":
        await this.#end();
        return { is: "closed" };
      case "rejected":
      case "unavailable":
        return this.#withoutStore(events, answer);
      default: {
        const never: never = answer;
        return never;
      }
    }
  }

  /** A conflict may be our own earlier append whose answer was lost: then it is there, word for word. */
  async #lostAnswerOrOthers(events: readonly Happening[]): Promise<Appended> {
    const before = this.#confirmed.seq;
    const current = await this.#ports.store.current(this.#key, before);
    if (current.is === "unavailable") return this.#withoutStore(events, current);
    if (current.is === "none" || current.journal.id !== this.id) {
      await this.#end();
      return { is: "closed" };
    }
    const there = current.journal.events;
    const ours = events.every((event, at) => {
      const found = there[at];
      return found !== undefined && sameHappening(found, event);
    });
    const effects = ours ? this.#confirm(there.slice(0, events.length)) : [];
    const others = ours ? there.slice(events.length) : there;
    this.#confirm(others);
    return ours && others.length === 0
      ? { is: "ok", effects }
      : ours
        ? { is: "ok", effects: stillDue(effects, this.#deployment) }
        : { is: "moved" };
  }

  /** What goes back is spooled, as far as each of the events does so after those before it. */
  async #withoutStore(events: readonly Happening[], why: Unkept): Promise<Appended> {
    const { cause } = why;
    const down: Appended = why.is === "rejected" ? { is: "rejected", cause } : { is: "down", cause };
    const effects: Effect[] = [];
    for (const [at, event] of events.entries()) {
      // What was spooled already goes back by itself; the rest is decided again.
      if (!goesBack(event, this.#deployment)) return at === 0 ? down : { is: "ok", effects };
      const marked: Happening = event.kind === "intent" ? { ...event, spooled: true } : event;
      const named: Happening & { readonly deployment: DeploymentId } = { ...marked, deployment: this.id };
      try {
        await this.#ports.spool.add(named);
      } catch {
        return at === 0 ? { is: "down", cause } : { is: "ok", effects };
      }
      effects.push(...this.#fold(marked));
    }
    return { is: "ok", effects };
  }

  /** Folds a spooled event under a number of its own; the store gives it its real one later. */
  #fold(event: Happening, told?: "told already"): readonly Effect[] {
    const stamped: JournalEvent = { ...event, seq: this.#deployment.seq + 1, at: this.#ports.clock.now() };
    this.#pending = [...this.#pending, stamped];
    const { deployment, effects } = apply(this.#deployment, stamped);
    this.#deployment = deployment;
    if (told === undefined) this.#tell(stamped);
    return effects;
  }

  async #flush(fence: Fence): Promise<Flushed> {
    for (let attempt = 0; this.#pending.length > 0 && attempt < 10; attempt += 1) {
      const events = this.#pending.map(bare);
      const answer = await this.#ports.store.append(this.#key, this.id, this.#confirmed.seq, events, fence);
      if (answer.is === "unavailable" || answer.is === "rejected") return answer;
      if (answer.is === "fenced") return "fenced";
      if (answer.is === "closed") {
        await this.#end();
        return "fenced";
      }
      if (answer.is === "appended") {
        this.#pending = [];
        this.#confirm(answer.events, "told already");
        await this.#ports.spool.clear();
      } else if ((await this.#sync()) === "down") return DOWN;
    }
    return this.#pending.length === 0 ? "ok" : DOWN;
  }

  async #sync(): Promise<"new" | "nothing" | "down"> {
    const current = await this.#ports.store.current(this.#key, this.#confirmed.seq);
    if (current.is === "unavailable") return "down";
    if (current.is === "none" || current.journal.id !== this.id) {
      if (!this.#closed) await this.#end();
      return "new";
    }
    const events = current.journal.events;
    if (events.length === 0) return "nothing";
    // What of the spool arrived although its answer was lost is not appended twice.
    const left = this.#pending.filter((each) => !events.some((event) => sameHappening(event, each)));
    this.#pending = [];
    this.#confirm(events);
    for (const event of left.map(bare)) this.#fold(event, "told already");
    return "new";
  }

  #confirm(events: readonly JournalEvent[], told?: "told already"): readonly Effect[] {
    const all: Effect[] = [];
    for (const event of events) {
      const { deployment, effects } = apply(this.#confirmed, event);
      this.#confirmed = deployment;
      all.push(...effects);
      if (told === undefined) this.#tell(event);
    }
    this.#deployment = this.#confirmed;
    return all;
  }

  /** Whoever is told cannot fail a deployment. */
  #tell(event: JournalEvent): void {
    try {
      this.#ports.notifier?.tell(event);
    } catch {
      // Best effort, as its port says.
    }
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#turn.then(work, work);
    this.#turn = next.catch(() => undefined);
    return next;
  }
}

/** Why something is not in the store: it cannot be reached, or will never take it. */
type Unkept = { readonly is: "unavailable" | "rejected"; readonly cause: Cause };
type Flushed = "ok" | "fenced" | Unkept;

const DOWN: Unkept = {
  is: "unavailable",
  cause: { code: "TEAL-S101", message: "the state store cannot be reached" },
};

/** A spool may hold what an earlier deployment left: each of its events names the one it belongs to. */
function ofDeployment(
  event: Happening & { readonly deployment?: DeploymentId },
  id: DeploymentId,
): readonly Happening[] {
  const { deployment, ...happening } = event;
  return deployment === id ? [happening as Happening] : [];
}

/** An intent that others' events overtook (an abort came in between) is no longer to be performed. */
function stillDue(effects: readonly Effect[], deployment: Deployment): readonly Effect[] {
  const { state } = deployment;
  const inFlight = state.is === "running" ? state.inFlight : undefined;
  return effects.filter(
    (effect) => effect.effect !== "perform" || effect.intent === inFlight || effect.call.call === "restore",
  );
}

/** May be written without the store: it takes traffic back, or tells how such a write ended. */
function goesBack(event: Happening, deployment: Deployment): boolean {
  const back = deployment.state.is === "running" && deployment.state.dir === "back";
  switch (event.kind) {
    case "verdict":
      return event.then === "back" || (back && event.dir === "back");
    case "replanned":
    case "intent":
      return back && event.dir === "back";
    case "outcome":
    case "borrowed":
      return back;
    case "opened":
    case "claimed":
    case "drift":
    case "asked":
    case "closed":
      return false;
    default: {
      const never: never = event;
      return never;
    }
  }
}

function bare(event: JournalEvent): Happening {
  const { seq: _seq, at: _at, ...happening } = event;
  return happening as Happening;
}

function sameHappening(event: JournalEvent, other: Happening | JournalEvent): boolean {
  const strip = (each: Happening | JournalEvent) =>
    JSON.stringify({ ...each, seq: undefined, at: undefined, spooled: undefined });
  return strip(event) === strip(other);
}
