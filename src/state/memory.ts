import type { Happening, HistoryRow, Holder, JournalEvent } from "../core/journal.ts";
import { fence as toFence } from "../core/units.ts";
import type { Cause, DeploymentId, Fence, Millis } from "../core/units.ts";
import type { Clock } from "../ports/clock.ts";
import type { Key, Lease, StateStore, Unavailable } from "../ports/store.ts";
import { idUsed, unknownDeployment } from "./causes.ts";
import { KEPT_JOURNALS } from "./kept.ts";
import { fit } from "./sizes.ts";
import type { Line } from "./sizes.ts";

/** `lostAnswer`: carried out, but the caller hears that the store could not be reached. */
export type StoreFault = "ok" | "unavailable" | "lostAnswer";

export interface MemoryStoreOptions {
  /** Stamps events and bounds the wait of `changed`; there is no other timer. */
  readonly clock: Clock;
  /** Asked once per call, before it is carried out, with the method's name. */
  readonly faults?: (operation: string) => StoreFault;
}

interface Deployment {
  readonly id: DeploymentId;
  readonly number: number;
  open: boolean;
  pruned: boolean;
  size: number;
  events: string[];
}

/** Everything of one key. */
interface Shelf {
  deployments: Deployment[];
  history: string[];
  lease: Lease | undefined;
  changes: number;
  answered: number;
  waiting: Set<() => void>;
}

const DOWN: Cause = {
  code: "TEAL-S101",
  message: "The state store does not answer. Nothing is known to have changed. Run: teal status",
};

/**
 * The state store in memory: for simulations and for users' tests. It keeps JSON, as every store does, so nothing
 * is shared with the caller. Forgets everything when it is dropped.
 */
export function memoryStore(options: MemoryStoreOptions): StateStore {
  return new MemoryStore(options);
}

class MemoryStore implements StateStore {
  readonly #clock: Clock;
  readonly #faults: (operation: string) => StoreFault;
  readonly #shelves = new Map<string, Shelf>();

  constructor(options: MemoryStoreOptions) {
    this.#clock = options.clock;
    this.#faults = options.faults ?? (() => "ok");
  }

  open(key: Key, id: DeploymentId, first: Happening): ReturnType<StateStore["open"]> {
    return this.#perform("open", key, (shelf): Awaited<ReturnType<StateStore["open"]>> => {
      const other = shelf.deployments.find((one) => one.open);
      if (other !== undefined) return { is: "taken", by: other.id };
      if (this.#known(id)) return idUsed(id);
      const fits = fit(id, 0, [first], "step");
      if (fits.is === "rejected") return fits;
      const number = shelf.deployments.length + 1;
      const deployment = { id, number, open: true, pruned: false, size: 0, events: [] };
      this.#add(deployment, fits);
      shelf.deployments.push(deployment);
      wake(shelf);
      return { is: "opened", number };
    });
  }

  current(key: Key, after = 0): ReturnType<StateStore["current"]> {
    return this.#perform("current", key, (shelf) => {
      const open = shelf.deployments.find((one) => one.open);
      if (open === undefined) return { is: "none" } as const;
      const events = open.events.slice(after).map(parse<JournalEvent>);
      return { is: "open", journal: { id: open.id, events }, number: open.number } as const;
    });
  }

  append(
    key: Key,
    id: DeploymentId,
    expected: number,
    events: readonly Happening[],
    fence: Fence | "ask",
  ): ReturnType<StateStore["append"]> {
    return this.#perform("append", key, (shelf): Awaited<ReturnType<StateStore["append"]>> => {
      const deployment = shelf.deployments.find((one) => one.id === id);
      if (deployment === undefined) return unknownDeployment(key, id);
      if (!deployment.open) return { is: "closed" };
      const refused = refuse(shelf, deployment, expected, fence);
      if (refused !== undefined) return refused;
      const fits = fit(id, deployment.size, events, fence === "ask" ? "ask" : "step");
      if (fits.is === "rejected") return fits;
      const added = this.#add(deployment, fits);
      wake(shelf);
      return { is: "appended", events: added };
    });
  }

  close(
    key: Key,
    id: DeploymentId,
    expected: number,
    event: Happening & { kind: "closed" },
    row: HistoryRow,
    fence: Fence,
  ): ReturnType<StateStore["close"]> {
    return this.#perform("close", key, (shelf): Awaited<ReturnType<StateStore["close"]>> => {
      const deployment = shelf.deployments.find((one) => one.id === id);
      if (deployment === undefined) return unknownDeployment(key, id);
      if (!deployment.open) return { is: "closed" };
      const refused = refuse(shelf, deployment, expected, fence);
      if (refused !== undefined) return refused;
      const fits = fit(id, deployment.size, [event], "close");
      if (fits.is === "rejected") return fits;
      this.#add(deployment, fits);
      deployment.open = false;
      shelf.history.unshift(JSON.stringify(row));
      prune(shelf);
      wake(shelf);
      return { is: "closed" };
    });
  }

  history(key: Key, limit: number): ReturnType<StateStore["history"]> {
    return this.#perform("history", key, (shelf) => {
      return { is: "rows", rows: shelf.history.slice(0, limit).map(parse<HistoryRow>) } as const;
    });
  }

  events(key: Key, id: DeploymentId): ReturnType<StateStore["events"]> {
    return this.#perform("events", key, (shelf): Awaited<ReturnType<StateStore["events"]>> => {
      const deployment = shelf.deployments.find((one) => one.id === id);
      if (deployment === undefined) return unknownDeployment(key, id);
      return deployment.pruned
        ? { is: "pruned" }
        : { is: "events", events: deployment.events.map(parse<JournalEvent>) };
    });
  }

  lease(key: Key): ReturnType<StateStore["lease"]> {
    return this.#perform("lease", key, ({ lease }) => {
      return lease === undefined ? ({ is: "none" } as const) : ({ is: "lease", lease } as const);
    });
  }

  take(
    key: Key,
    holder: Holder,
    seen: Pick<Lease, "fence" | "beat"> | "free",
  ): ReturnType<StateStore["take"]> {
    return this.#perform("take", key, (shelf): Awaited<ReturnType<StateStore["take"]>> => {
      const { lease } = shelf;
      const asSeen = seen !== "free" && seen.fence === lease?.fence && seen.beat === lease.beat;
      if (lease !== undefined && !lease.released && !asSeen) return { is: "held", lease };
      const fence = toFence((lease?.fence ?? 0) + 1);
      shelf.lease = { fence, holder: { ...holder }, beat: 0, released: false };
      wake(shelf);
      return { is: "taken", fence };
    });
  }

  beat(key: Key, fence: Fence): ReturnType<StateStore["beat"]> {
    return this.#perform("beat", key, (shelf): Awaited<ReturnType<StateStore["beat"]>> => {
      const { lease } = shelf;
      if (lease === undefined || lease.fence !== fence || lease.released) return lostTo(lease);
      shelf.lease = { ...lease, beat: lease.beat + 1 };
      return { is: "held" };
    });
  }

  release(key: Key, fence: Fence): ReturnType<StateStore["release"]> {
    return this.#perform("release", key, (shelf): Awaited<ReturnType<StateStore["release"]>> => {
      const { lease } = shelf;
      if (lease === undefined || lease.fence !== fence) return lostTo(lease);
      shelf.lease = { ...lease, released: true };
      wake(shelf);
      return { is: "released" };
    });
  }

  async changed(key: Key, atMost: Millis, signal: AbortSignal, since?: number): Promise<number> {
    const shelf = this.#shelf(key);
    if (shelf.changes <= (since ?? shelf.answered) && !signal.aborted)
      await this.#wait(shelf, atMost, signal);
    shelf.answered = shelf.changes;
    return shelf.changes;
  }

  async #wait(shelf: Shelf, atMost: Millis, signal: AbortSignal): Promise<void> {
    const woken = new AbortController();
    const wakeUp = () => woken.abort();
    shelf.waiting.add(wakeUp);
    await this.#clock.sleep(atMost, AbortSignal.any([signal, woken.signal]));
    shelf.waiting.delete(wakeUp);
  }

  async #perform<T>(operation: string, key: Key, act: (shelf: Shelf) => T): Promise<T | Unavailable> {
    const fault = this.#faults(operation);
    if (fault === "unavailable") return { is: "unavailable", cause: DOWN };
    const answer = act(this.#shelf(key));
    return fault === "lostAnswer" ? { is: "unavailable", cause: DOWN } : answer;
  }

  #shelf(key: Key): Shelf {
    const name = JSON.stringify([key.service, key.environment]);
    let shelf = this.#shelves.get(name);
    if (shelf === undefined) {
      shelf = { deployments: [], history: [], lease: undefined, changes: 0, answered: 0, waiting: new Set() };
      this.#shelves.set(name, shelf);
    }
    return shelf;
  }

  #known(id: DeploymentId): boolean {
    return [...this.#shelves.values()].some((shelf) => shelf.deployments.some((one) => one.id === id));
  }

  #add(
    deployment: Deployment,
    fits: { readonly lines: readonly Line[]; readonly size: number },
  ): JournalEvent[] {
    const at = this.#clock.now();
    const first = deployment.events.length + 1;
    const added = fits.lines.map((line, index) => ({
      ...parse<Happening>(line.body),
      seq: first + index,
      at,
    }));
    deployment.events.push(...added.map((event) => JSON.stringify(event)));
    deployment.size = fits.size;
    return added;
  }
}

function refuse(
  shelf: Shelf,
  deployment: Deployment,
  expected: number,
  fence: Fence | "ask",
):
  | { readonly is: "conflict"; readonly seq: number }
  | { readonly is: "fenced"; readonly by: Fence }
  | undefined {
  const held = shelf.lease?.fence ?? toFence(0);
  if (fence !== "ask" && held > fence) return { is: "fenced", by: held };
  const seq = deployment.events.length;
  return seq === expected ? undefined : { is: "conflict", seq };
}

function prune(shelf: Shelf): void {
  const closed = shelf.deployments.filter((one) => !one.open);
  for (const deployment of closed.slice(0, -KEPT_JOURNALS)) {
    deployment.pruned = true;
    deployment.events = [];
  }
}

function lostTo(lease: Lease | undefined): { readonly is: "lost"; readonly by: Fence } {
  return { is: "lost", by: lease?.fence ?? toFence(0) };
}

function wake(shelf: Shelf): void {
  shelf.changes += 1;
  for (const wakeUp of shelf.waiting) wakeUp();
}

function parse<T>(text: string): T {
  return JSON.parse(text) as T;
}
