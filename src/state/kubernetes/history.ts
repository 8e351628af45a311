import type { HistoryRow } from "../../core/journal.ts";
import type { DeploymentId } from "../../core/units.ts";
import type { Api } from "../../targets/kubernetes/api/api.ts";
import type { ConfigMap } from "../../targets/kubernetes/api/objects.ts";
import { paths } from "../../targets/kubernetes/api/paths.ts";
import { LABELS, PARTS, historyName } from "../../targets/kubernetes/names.ts";
import { call } from "./head.ts";
import { labelsOf, rowKey, rowsOf } from "./layout.ts";
import type { HeadContent } from "./layout.ts";
import { merge } from "./merge.ts";
import { faultOf } from "./tries.ts";

/** Rows in one ConfigMap: with the largest rows half of what one may hold. */
const PER_PAGE = 64;
/** Bytes of one row. An ordinary one has 600. */
const ROW_BOUND = 8 * 1024;

export type Rows = ReadonlyMap<number, string>;

/**
 * History rows by the number of their deployment, 64 to a ConfigMap. A row is written into the head by the closing and
 * moved here by the next opening; what a row says never changes, so that moving it twice changes nothing.
 */
export class History {
  readonly #api: Api;
  readonly #service: string;

  constructor(api: Api, service: string) {
    this.#api = api;
    this.#service = service;
  }

  async add(rows: Rows): Promise<void> {
    for (const [number, text] of rows) {
      const data = { [rowKey(number)]: text };
      const name = historyName(this.#service, pageOf(number));
      await merge(this.#api, name, labelsOf(this.#service, "history"), { data });
    }
  }

  /** The rows among the last so many deployments, by one request for every 64. */
  async newest(last: number, count: number): Promise<Rows> {
    if (last < 1 || count < 1) return new Map();
    const first = pageOf(Math.max(1, last - count + 1));
    const pages = Array.from({ length: pageOf(last) - first + 1 }, (_, index) => first + index);
    const read = await Promise.all(pages.map((page) => this.#page(page)));
    return new Map(read.flatMap((rows) => [...rows]));
  }

  /** Every row, those in the head too, by one request. */
  async all(head?: HeadContent): Promise<Rows> {
    const labels = `${LABELS.service}=${this.#service},${LABELS.part}=${PARTS.history}`;
    const answer = await this.#api.list<ConfigMap>(paths.configMaps(this.#api.namespace), { labels }, call());
    if (answer.is !== "ok") throw faultOf(answer);
    const pages = answer.value.items.flatMap((page) => [...rowsOf(page.data ?? {})]);
    return new Map([...pages, ...(head?.rows ?? [])]);
  }

  async #page(page: number): Promise<Rows> {
    const path = paths.configMaps(this.#api.namespace, historyName(this.#service, page));
    const answer = await this.#api.get<ConfigMap>(path, call());
    if (answer.is === "absent") return new Map();
    if (answer.is !== "ok") throw faultOf(answer);
    return rowsOf(answer.value.data ?? {});
  }
}

export function readRow(text: string): HistoryRow {
  return JSON.parse(text) as HistoryRow;
}

/** Whether one of the rows is of this deployment. */
export function hasRow(rows: Rows, id: DeploymentId): boolean {
  return [...rows.values()].some((text) => readRow(text).id === id);
}

/** A row as it is kept: one that is too large loses its evidence, and then the end of its message. */
export function keepRow(row: HistoryRow): string {
  const whole = JSON.stringify(row);
  if (row.cause === undefined || Buffer.byteLength(whole) <= ROW_BOUND) return whole;
  const { code, message } = row.cause;
  const bare = JSON.stringify({ ...row, cause: { code, message } });
  if (Buffer.byteLength(bare) <= ROW_BOUND) return bare;
  return JSON.stringify({ ...row, cause: { code, message: `${message.slice(0, ROW_BOUND / 8)}…` } });
}

function pageOf(number: number): number {
  return Math.ceil(number / PER_PAGE);
}
