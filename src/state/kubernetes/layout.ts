import type { DeploymentId } from "../../core/units.ts";
import type { ConfigMap } from "../../targets/kubernetes/api/objects.ts";
import { LABELS, PARTS, journalName } from "../../targets/kubernetes/names.ts";
import { plainJson } from "./events.ts";

/**
 * The head of a service's journal, a ConfigMap: all that decides. Whatever becomes visible does so by one write of
 * it; what is too large for it lies in pages that are written before. Keys of its data:
 * `environment` · `state` (JSON, changes with every write, so that a write can test it) · `past` (JSON) ·
 * `event-00017` (the open deployment's events that lie in no page yet) · `row-00053` (history rows in no page yet).
 */
export interface Head {
  readonly uid: string;
  readonly environment: string;
  /** The state as it is written there. */
  readonly text: string;
  readonly state: HeadState;
  readonly past: Past;
  /** Events of the open deployment behind those in its chunks, as they are kept. */
  readonly tail: readonly string[];
  readonly rows: ReadonlyMap<number, string>;
}

/** What a head says, without where it came from. */
export type HeadContent = Omit<Head, "uid" | "text">;

/** Grows with every change of this layout. A later one is refused. */
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

export const NOTHING: HeadContent["past"] = { firstPage: 1, kept: [] };

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

export function eventKey(seq: number): string {
  return `event-${String(seq).padStart(5, "0")}`;
}

export function rowKey(number: number): string {
  return `row-${String(number).padStart(5, "0")}`;
}

/** Everything in the head's data. */
export function dataOf(head: HeadContent): Record<string, string> {
  const first = lastOf(head.state.open?.chunks ?? []) + 1;
  return {
    environment: head.environment,
    state: plainJson(head.state),
    past: JSON.stringify(head.past),
    ...Object.fromEntries(head.tail.map((text, index) => [eventKey(first + index), text])),
    ...Object.fromEntries([...head.rows].map(([number, text]) => [rowKey(number), text])),
  };
}

export function labelsOf(service: string, part: keyof typeof PARTS): Record<string, string> {
  return { [LABELS.service]: service, [LABELS.part]: PARTS[part] };
}

export function headObject(namespace: string, service: string, head: HeadContent): ConfigMap {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: journalName(service), namespace, labels: labelsOf(service, "journal") },
    data: dataOf(head),
  };
}

/** The head, or what is wrong with the object. */
export function readHead(object: ConfigMap): Head | { readonly wrong: string } | { readonly format: number } {
  const data = object.data ?? {};
  const { environment, state: text, past } = data;
  if (environment === undefined || text === undefined || past === undefined) {
    return { wrong: "one of environment, state and past is missing" };
  }
  try {
    const state = JSON.parse(text) as HeadState;
    if (state.format > FORMAT) return { format: state.format };
    const tail = tailOf(state, data);
    if (tail === undefined) return { wrong: "an event is missing" };
    return {
      uid: object.metadata.uid ?? "",
      environment,
      text,
      state,
      past: JSON.parse(past) as Past,
      tail,
      rows: rowsOf(data),
    };
  } catch {
    return { wrong: "state or past is no JSON" };
  }
}

function tailOf({ open }: HeadState, data: Readonly<Record<string, string>>): readonly string[] | undefined {
  if (open === undefined) return [];
  const first = lastOf(open.chunks) + 1;
  const tail: string[] = [];
  for (let seq = first; seq <= open.seq; seq += 1) {
    const text = data[eventKey(seq)];
    if (text === undefined) return undefined;
    tail.push(text);
  }
  return tail;
}

/** The history rows in the data of a head or a page, by number. */
export function rowsOf(data: Readonly<Record<string, string>>): ReadonlyMap<number, string> {
  const rows = new Map<number, string>();
  for (const [key, text] of Object.entries(data)) {
    const number = /^row-(\d+)$/u.exec(key)?.[1];
    if (number !== undefined) rows.set(Number(number), text);
  }
  return rows;
}
