import type { Happening, HistoryRow, Holder, JournalEvent } from "../core/journal.ts";
import type { Cause, DeploymentId, Fence, Millis } from "../core/units.ts";

/**
 * The store could not be reached or could not keep it; every method can answer this, none throws for it. A write that
 * is answered so may have been carried out all the same: look before writing again. An append that was carried out
 * answers `conflict` when repeated, an opening `taken` by its own id, a closing `closed`.
 */
export type Unavailable = { readonly is: "unavailable"; readonly cause: Cause };

/** Nothing was kept, and asking again would change nothing: too large, or the store does not know the deployment. */
export type NotKept = { readonly is: "rejected"; readonly cause: Cause };

export interface Lease {
  readonly fence: Fence;
  readonly holder: Holder;
  /** Grows with every heartbeat. Whoever waits for the lease watches this number, never a clock of another machine. */
  readonly beat: number;
  /** Released by its holder: free to take at once. */
  readonly released: boolean;
}

export interface Journal {
  readonly id: DeploymentId;
  readonly events: readonly JournalEvent[];
}

/** A service in an environment: the unit that has at most one open deployment. */
export interface Key {
  readonly service: string;
  readonly environment: string;
}

/**
 * Keeps journals, leases and history. What it acknowledged is durable (survives the process and the machine's power).
 * Appends are compare-and-set on the sequence number: of two writers at the same number exactly one succeeds.
 * The store stamps `seq` and `at`. Sizes are bounded (see `core/bounds.ts`); what exceeds them is `rejected`.
 */
export interface StateStore {
  /** Opens a deployment with its first event, unless one is open. `number` counts the service's deployments from 1. */
  open(
    key: Key,
    id: DeploymentId,
    first: Happening,
  ): Promise<
    | { readonly is: "opened"; readonly number: number }
    | { readonly is: "taken"; readonly by: DeploymentId }
    | NotKept
    | Unavailable
  >;
  /**
   * The open deployment and its events after `after` (0: all of them); none when nothing is open. When the answer
   * names another deployment than the caller follows, `after` meant nothing: ask again from 0.
   */
  current(
    key: Key,
    after?: number,
  ): Promise<
    | { readonly is: "open"; readonly journal: Journal; readonly number: number }
    | { readonly is: "none" }
    | Unavailable
  >;
  /**
   * Appends at `expected` + 1, all of the events or none. With a fence: refused when the lease has a higher one (only
   * asks carry none). Nothing can be appended to a closed deployment.
   */
  append(
    key: Key,
    id: DeploymentId,
    expected: number,
    events: readonly Happening[],
    fence: Fence | "ask",
  ): Promise<
    | { readonly is: "appended"; readonly events: readonly JournalEvent[] }
    | { readonly is: "conflict"; readonly seq: number }
    | { readonly is: "fenced"; readonly by: Fence }
    | { readonly is: "closed" }
    | NotKept
    | Unavailable
  >;
  /**
   * Appends `closed`, ends the deployment and adds its history row, in one transaction; a deployment that is closed
   * already answers `closed` and stays as it is. Old events are pruned (50 deployments keep theirs).
   */
  close(
    key: Key,
    id: DeploymentId,
    expected: number,
    event: Happening & { kind: "closed" },
    row: HistoryRow,
    fence: Fence,
  ): Promise<
    | { readonly is: "closed" }
    | { readonly is: "conflict"; readonly seq: number }
    | { readonly is: "fenced"; readonly by: Fence }
    | NotKept
    | Unavailable
  >;
  /** Closed deployments, newest first. */
  history(
    key: Key,
    limit: number,
  ): Promise<{ readonly is: "rows"; readonly rows: readonly HistoryRow[] } | Unavailable>;
  /** Events of a deployment, open or closed, while they are kept. */
  events(
    key: Key,
    id: DeploymentId,
  ): Promise<
    | { readonly is: "events"; readonly events: readonly JournalEvent[] }
    | { readonly is: "pruned" }
    | NotKept
    | Unavailable
  >;

  /** The lease as last taken; `none` when nobody ever took it. */
  lease(
    key: Key,
  ): Promise<{ readonly is: "lease"; readonly lease: Lease } | { readonly is: "none" } | Unavailable>;
  /**
   * Takes the lease with the next fence if it is none, released, or still exactly (`fence`, `beat`) as the caller saw it
   * when it decided that its holder is gone.
   */
  take(
    key: Key,
    holder: Holder,
    seen: Pick<Lease, "fence" | "beat"> | "free",
  ): Promise<
    | { readonly is: "taken"; readonly fence: Fence }
    | { readonly is: "held"; readonly lease: Lease }
    | Unavailable
  >;
  /** Shows that the holder lives. `lost` by the same fence: it was released. */
  beat(
    key: Key,
    fence: Fence,
  ): Promise<{ readonly is: "held" } | { readonly is: "lost"; readonly by: Fence } | Unavailable>;
  release(
    key: Key,
    fence: Fence,
  ): Promise<{ readonly is: "released" } | { readonly is: "lost"; readonly by: Fence } | Unavailable>;
  /**
   * Resolves when something may have changed since the mark `since`, or after `atMost`, or when the signal aborts.
   * Answers a new mark. Without `since`: since the last answer given to anybody in this process. It may wake for
   * nothing, and several readers in one process each need a mark of their own to miss nothing.
   */
  changed(key: Key, atMost: Millis, signal: AbortSignal, since?: number): Promise<number>;
}
