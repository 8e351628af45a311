import type { Api } from "../../targets/kubernetes/api/api.ts";
import type { ConfigMap } from "../../targets/kubernetes/api/objects.ts";
import { paths } from "../../targets/kubernetes/api/paths.ts";
import { journalName } from "../../targets/kubernetes/names.ts";
import type { ChunkRef, HeadState } from "../remote/head.ts";
import type { Pages, Placed } from "../remote/parts.ts";
import { Fault } from "../remote/tries.ts";
import { pageMissing } from "./causes.ts";
import { packLines, unpackLines } from "./events.ts";
import { call } from "./head.ts";
import { labelsOf } from "./layout.ts";
import { merge } from "./merge.ts";
import { faultOf } from "./tries.ts";

/** Bytes of lines in one chunk; a line that is larger has one for itself. */
const CHUNK_BOUND = 64 * 1024;
/** A page is filled up to here. What comes in one piece may exceed it, by less than a journal (512 KiB at most). */
const PAGE_BOUND = 128 * 1024;
/** Chunks that were read or written once are not read again: more than one deployment has. */
const REMEMBERED = 64;

/** Pages are ConfigMaps with chunks under keys of their own. A chunk that lost its race stays in its page unread and goes with it. */
export class PageObjects implements Pages {
  readonly #api: Api;
  readonly #service: string;
  readonly #remembered = new Map<string, readonly string[]>();

  constructor(api: Api, service: string) {
    this.#api = api;
    this.#service = service;
  }

  async add(
    page: HeadState["page"],
    deployment: number,
    first: number,
    lines: readonly string[],
    write: string,
  ): Promise<Placed> {
    const groups = grouped(lines, first);
    const packed = groups.map((group) => ({ ...group, ...packLines(group.lines) }));
    const bytes = packed.reduce((sum, each) => sum + each.bytes, 0);
    const next = page.size > 0 && page.size + bytes > PAGE_BOUND;
    const { number, size } = next ? { number: page.number + 1, size: 0 } : page;
    const keyed = packed.map((each) => ({ ...each, key: `${deployment}-${each.first}-${write}` }));
    const binaryData = Object.fromEntries(keyed.map((each) => [each.key, each.base64]));
    await merge(this.#api, journalName(this.#service, number), labelsOf(this.#service, "journal"), {
      binaryData,
    });
    for (const { key, lines: own } of keyed) this.#remember(number, key, own);
    return {
      chunks: keyed.map(({ key, last }) => ({ page: number, key, last })),
      page: { number, size: size + bytes },
    };
  }

  async read(chunk: ChunkRef): Promise<readonly string[]> {
    const known = this.#remembered.get(`${chunk.page}/${chunk.key}`);
    if (known !== undefined) return known;
    const name = journalName(this.#service, chunk.page);
    const answer = await this.#api.get<ConfigMap>(paths.configMaps(this.#api.namespace, name), call());
    if (answer.is !== "ok" && answer.is !== "absent") throw faultOf(answer);
    const base64 = answer.is === "ok" ? answer.value.binaryData?.[chunk.key] : undefined;
    if (base64 === undefined) throw new Fault(pageMissing(this.#api.place, name), "never");
    const lines = unpackLines(base64);
    this.#remember(chunk.page, chunk.key, lines);
    return lines;
  }

  #remember(page: number, key: string, lines: readonly string[]): void {
    if (this.#remembered.size >= REMEMBERED) this.#remembered.clear();
    this.#remembered.set(`${page}/${key}`, lines);
  }

  async drop(first: number, end: number): Promise<number> {
    for (let page = first; page < end; page += 1) {
      const path = paths.configMaps(this.#api.namespace, journalName(this.#service, page));
      const answer = await this.#api.remove(path, {}, call());
      // Nothing depends on it: the next deployment tries again.
      if (answer.is !== "ok" && answer.is !== "absent") return page;
    }
    return Math.max(first, end);
  }
}

interface Group {
  readonly first: number;
  readonly last: number;
  readonly lines: readonly string[];
}

function grouped(lines: readonly string[], first: number): readonly Group[] {
  const groups: { first: number; last: number; lines: string[] }[] = [];
  let size = 0;
  lines.forEach((line, index) => {
    const bytes = Buffer.byteLength(line);
    let group = groups.at(-1);
    if (group === undefined || size + bytes > CHUNK_BOUND) {
      group = { first: first + index, last: 0, lines: [] };
      groups.push(group);
      size = 0;
    }
    group.lines.push(line);
    group.last = first + index;
    size += bytes;
  });
  return groups;
}
