import type { Happening, HistoryRow, Holder, JournalEvent } from "../core/journal.ts";
import type { Cause, DeploymentId, Fence, Millis } from "../core/units.ts";

/** Every method can answer that the store could not be reached; none throws for that. */
export type Unavailable = { readonly is: "unavailable"; readonly cause: Cause };

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
 */
export interface StateStore {
  /** Opens a deployment with its first event, unless one is open. `number` counts the service's deployments from 1. */
  open(key: Key, id: DeploymentId, first: Happening): Promise<{ readonly is: "opened"; readonly number: number } | { readonly is: "taken"; readonly by: DeploymentId } | Unavailable>;
  /** The open deployment and its events after `after` (0: all of them); none when nothing is open. */
  current(key: Key, after?: number): Promise<{ readonly is: "open"; readonly journal: Journal; readonly number: number } | { readonly is: "none" } | Unavailable>;
  /**
   * Appends at `expected` + 1. With a fence: refused when the lease has a higher one (only asks carry none).
   * Nothing can be appended to a closed deployment.
   */
  append(
    key: Key, id: DeploymentId, expected: number, events: readonly Happening[], fence: Fence | "ask",
  ): Promise<{ readonly is: "appended"; readonly events: readonly JournalEvent[] } | { readonly is: "conflict"; readonly seq: number } | { readonly is: "fenced"; readonly by: Fence } | { readonly is: "closed" } | Unavailable>;
  /** Appends `closed`, ends the deployment and adds its history row, in one transaction. Old events are pruned (50 kept). */
  close(key: Key, id: DeploymentId, expected: number, event: Happening & { kind: "closed" }, row: HistoryRow, fence: Fence): Promise<{ readonly is: "closed" } | { readonly is: "conflict"; readonly seq: number } | { readonly is: "fenced"; readonly by: Fence } | Unavailable>;
  /** Closed deployments, newest first. */
  history(key: Key, limit: number): Promise<{ readonly is: "rows"; readonly rows: readonly HistoryRow[] } | Unavailable>;
  /** Events of a closed deployment, while they are kept. */
  events(key: Key, id: DeploymentId): Promise<{ readonly is: "events"; readonly events: readonly JournalEvent[] } | { readonly is: "pruned" } | Unavailable>;

  lease(key: Key): Promise<{ readonly is: "lease"; readonly lease: Lease } | { readonly is: "none" } | Unavailable>;
  /**
   * Takes the lease with the next fence if it is none, released, or still exactly (`fence`, `beat`) as the caller saw it
   * when it decided that its holder is gone.
   */
  take(key: Key, holder: Holder, seen: Pick<Lease, "fence" | "beat"> | "free"): Promise<{ readonly is: "taken"; readonly fence: Fence } | { readonly is: "held"; readonly lease: Lease } | Unavailable>;
  beat(key: Key, fence: Fence): Promise<{ readonly is: "held" } | { readonly is: "lost"; readonly by: Fence } | Unavailable>;
  release(key: Key, fence: Fence): Promise<{ readonly is: "released" } | { readonly is: "lost"; readonly by: Fence } | Unavailable>;
  /** Resolves when something may have changed since the last call, or after `atMost`. */
  changed(key: Key, atMost: Millis, signal: AbortSignal): Promise<void>;
}
