import type { Api } from "../../targets/kubernetes/api/api.ts";
import type { ConfigMap } from "../../targets/kubernetes/api/objects.ts";
import { paths } from "../../targets/kubernetes/api/paths.ts";
import { LABELS, PARTS, historyName } from "../../targets/kubernetes/names.ts";
import type { HeadContent } from "../remote/head.ts";
import type { History } from "../remote/parts.ts";
import { pageOf, pagesOf } from "../remote/rows.ts";
import type { Rows } from "../remote/rows.ts";
import { call } from "./head.ts";
import { labelsOf, rowKey, rowsOf } from "./layout.ts";
import { merge } from "./merge.ts";
import { faultOf } from "./tries.ts";

/** Pages of the history, a ConfigMap each: with the largest rows it is half full. */
export class HistoryObjects implements History {
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
    const read = await Promise.all(pagesOf(last, count).map((page) => this.#page(page)));
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
