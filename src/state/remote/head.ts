import type { DeploymentId } from "../../core/units.ts";

/**
 * The head of a service's journal: the one object that decides. Whatever becomes visible does so by one write of it;
 * what is too large for it lies in pages that are written before.
 */
export interface Head {
  /** Tells this head from another one that was made after somebody removed it. */
  readonly uid: string;
  /** What a write over this head tests, as the place compares it. */
  readonly version: string;
  readonly environment: string;
  readonly state: HeadState;
  readonly past: Past;
  /** Events of the open deployment behind those in its chunks, as they are kept. */
  readonly tail: readonly string[];
  /** History rows in no page yet. */
  readonly rows: ReadonlyMap<number, string>;
}

/** What a head says, without where it came from. */
export type HeadContent = Omit<Head, "uid" | "version">;

/** Grows with every change of what a head says. A later one is refused. */
export const FORMAT = 1;

export interface HeadState {
  readonly format: typeof FORMAT;
  /** Counts the writes. */
  readonly turn: number;
  /** Names the last write. */
  readonly write: string;
  /** The highest fence that was taken: lower ones append nothing. */
  readonly fence: number;
  /** Number of the deployment opened last. */
  readonly last: number;
  readonly open?: OpenDeployment;
  /** The page that is being filled, and the bytes in it. */
  readonly page: { readonly number: number; readonly size: number };
}

export interface OpenDeployment {
  readonly id: DeploymentId;
  readonly number: number;
  /** Number of its last event. */
  readonly seq: number;
  /** Bytes of its events, as they are bounded. */
  readonly size: number;
  readonly chunks: readonly ChunkRef[];
}

/** Where some of a deployment's events lie: a key in a page. */
export interface ChunkRef {
  readonly page: number;
  readonly key: string;
  /** Number of the last event in it. */
  readonly last: number;
}

/** Closed deployments whose events are kept, oldest first. */
export interface Past {
  /** No page before this one is there. */
  readonly firstPage: number;
  readonly kept: readonly { readonly id: DeploymentId; readonly chunks: readonly ChunkRef[] }[];
}

export const NOTHING: Past = { firstPage: 1, kept: [] };

/** The number of the last event in the chunks. */
export function lastOf(chunks: readonly ChunkRef[]): number {
  return chunks.at(-1)?.last ?? 0;
}

/** The first page that anything refers to, or that is being filled. */
export function firstNeeded(head: HeadContent): number {
  const chunks = [...head.past.kept, ...(head.state.open ? [head.state.open] : [])].flatMap(
    (each) => each.chunks,
  );
  return Math.min(head.state.page.number, ...chunks.map((chunk) => chunk.page));
}
