import type { Holder } from "../../core/journal.ts";
import type { Cause, Fence, Millis } from "../../core/units.ts";
import type { Key, Lease } from "../../ports/store.ts";
import type { ChunkRef, Head, HeadContent, HeadState } from "./head.ts";
import type { Rows } from "./rows.ts";

/* What a place must offer to hold a journal: objects that are each written atomically, by compare-and-set. Faults are thrown. */

/** The head, with what this process knows of it. */
export interface Heads {
  /** As this process saw it last, unless that is in doubt; others may have written since. */
  readonly known: Head | undefined;
  /** As it is now; undefined when there is none. */
  read(): Promise<Head | undefined>;
  /**
   * Writes what is next in one step, provided that nothing was written since `before`; undefined makes the object.
   * Throws a fault when something was, and when nobody knows whether it is written.
   * @param write names this write, also when it is repeated.
   */
  write(before: Head | undefined, next: HeadContent, write: string): Promise<void>;
  /** The service is deployed here under another environment's name. */
  isElsewhere(head: Head | undefined, key: Key): Cause | undefined;
}

/** Where events come to lie. */
export interface Placed {
  readonly chunks: readonly ChunkRef[];
  readonly page: HeadState["page"];
}

/** Chunks of events. A chunk is never changed, and counts only once the head refers to it. */
export interface Pages {
  /**
   * Writes lines into the page that is being filled, or into another one. Repeating it with the same lines and the same
   * write changes nothing.
   * @param deployment number of the deployment that they belong to.
   * @param first number of the first event.
   */
  add(
    page: HeadState["page"],
    deployment: number,
    first: number,
    lines: readonly string[],
    write: string,
  ): Promise<Placed>;
  read(chunk: ChunkRef): Promise<readonly string[]>;
  /** Removes the pages from `first` on, up to `end`. @returns the first that may be left. */
  drop(first: number, end: number): Promise<number>;
}

/** History rows: a closing leaves one in the head, and the next opening moves it here. */
export interface History {
  /** What a row says never changes, so that adding it twice changes nothing. */
  add(rows: Rows): Promise<void>;
  /** The rows among the `count` deployments up to number `last`, and perhaps some before. */
  newest(last: number, count: number): Promise<Rows>;
  /** Every row, those in the head too. */
  all(head?: HeadContent): Promise<Rows>;
}

/** The lease as it was seen. */
export interface SeenLease {
  /** The highest fence that claimed anything of the service, as far as the lease itself tells. */
  readonly epoch: Fence;
  /** Absent when nobody ever took it. `write` names the write that brought it. */
  readonly held?: { readonly lease: Lease; readonly write: string };
}

/** Whoever writes says over what (`before`), and is refused when somebody wrote since. `write` names the write. */
export interface Leases<Seen extends SeenLease = SeenLease> {
  /** As this process saw it last, unless that is in doubt; others may have written since. */
  readonly known: Seen | undefined;
  read(): Promise<Seen | undefined>;
  /** The highest fence of which the slots tell: asked where the lease does not. */
  claimed(): Promise<number>;
  take(before: Seen | undefined, fence: Fence, holder: Holder, write: string): Promise<void>;
  beat(before: Seen, lease: Lease, write: string): Promise<void>;
  release(before: Seen, lease: Lease, write: string): Promise<void>;
}

export interface News {
  /** Brings the head up to date without a request, if that can be. @returns whether what is known can be relied on. */
  head(): Promise<boolean>;
  /** The same for the lease. */
  lease(): Promise<boolean>;
  /** This process has written. */
  wake(): void;
  /** See the port. */
  changed(atMost: Millis, signal: AbortSignal, since?: number): Promise<number>;
}

export interface Parts<Seen extends SeenLease = SeenLease> {
  readonly head: Heads;
  readonly pages: Pages;
  readonly history: History;
  readonly lease: Leases<Seen>;
  readonly news: News;
}
