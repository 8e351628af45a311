import type { ConfigMap } from "../../targets/kubernetes/api/objects.ts";
import { LABELS, PARTS, journalName } from "../../targets/kubernetes/names.ts";
import { FORMAT, lastOf } from "../remote/head.ts";
import type { Head, HeadContent, HeadState, Past } from "../remote/head.ts";
import { plainJson } from "./events.ts";

/*
 * The head as a ConfigMap. Keys of its data: `environment` · `state` (JSON, changes with every write, so that a write
 * can test it) · `past` (JSON) · `event-00017` (the open deployment's events that lie in no page yet) · `row-00053`
 * (history rows in no page yet).
 */

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
      version: text,
      environment,
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
