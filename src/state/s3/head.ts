import type { Cause } from "../../core/units.ts";
import { FORMAT } from "../remote/head.ts";
import type { Head, HeadContent, HeadState, Past } from "../remote/head.ts";
import { Known } from "../remote/known.ts";
import type { Heads } from "../remote/parts.ts";
import { Fault } from "../remote/tries.ts";
import type { Bucket, Tag } from "./bucket.ts";
import { damaged, writtenByLater } from "./causes.ts";
import { HEAD } from "./keys.ts";
import { overwrite } from "./overwrite.ts";

/** The head as it lies in its object: lines and rows are JSON of their own. */
interface Kept {
  readonly uid: string;
  readonly environment: string;
  readonly state: HeadState;
  readonly past: Past;
  readonly tail: readonly object[];
  readonly rows: Readonly<Record<string, object>>;
}

/** The head of one service's journal in the bucket. Its version is the object's ETag. */
export class HeadObject implements Heads {
  readonly #bucket: Bucket;
  readonly #known = new Known<Head>(
    (latest, seen) => latest.uid === seen.uid && latest.state.turn > seen.state.turn,
  );

  constructor(bucket: Bucket) {
    this.#bucket = bucket;
  }

  get known(): Head | undefined {
    return this.#known.value;
  }

  /** Changes with every write that was seen. */
  get mark(): string {
    const { latest } = this.#known;
    return `${latest?.uid} ${latest?.state.turn}`;
  }

  async read(signal?: AbortSignal): Promise<Head | undefined> {
    const { latest } = this.#known;
    const answer = await this.#bucket.get(HEAD, latest?.version, signal);
    switch (answer.is) {
      case "absent":
        return this.#known.answered(undefined);
      case "unchanged":
        return this.#known.answered(latest);
      case "object":
        return this.#known.answered(this.#parse(answer.text, answer.tag));
      default:
        return answer satisfies never;
    }
  }

  async write(before: Head | undefined, next: HeadContent, write: string): Promise<void> {
    const turn = (before?.state.turn ?? 0) + 1;
    const content = { ...next, state: { ...next.state, turn, write } };
    const uid = before?.uid ?? write;
    const version = await overwrite(this.#bucket, this.#known, HEAD, kept(uid, content), before?.version);
    this.#known.answered({ ...content, uid, version });
  }

  /** Every environment of a service has a prefix of its own. */
  isElsewhere(): Cause | undefined {
    return undefined;
  }

  #parse(text: string, tag: Tag): Head {
    const { place } = this.#bucket;
    let found: Kept;
    try {
      found = JSON.parse(text) as Kept;
    } catch {
      throw new Fault(damaged(place, HEAD, "it is no JSON"), "never");
    }
    const { uid, environment, state, past, tail, rows } = found;
    if (state?.format > FORMAT) throw new Fault(writtenByLater(place, HEAD, state.format, FORMAT), "never");
    if ([uid, environment, state, past, tail, rows].includes(undefined as never)) {
      throw new Fault(damaged(place, HEAD, "something is missing in it"), "never");
    }
    return { uid, version: tag, environment, state, past, tail: tail.map(textOf), rows: rowsFrom(rows) };
  }
}

function kept(uid: string, { environment, state, past, tail, rows }: HeadContent): Kept {
  return { uid, environment, state, past, tail: tail.map(objectOf), rows: keptRows(rows) };
}

/** Rows as they are kept in an object: JSON by the number of the deployment. */
export function keptRows(rows: ReadonlyMap<number, string>): Readonly<Record<string, object>> {
  return Object.fromEntries([...rows].map(([number, text]) => [number, objectOf(text)]));
}

export function rowsFrom(rows: Readonly<Record<string, object>>): ReadonlyMap<number, string> {
  return new Map(Object.entries(rows).map(([number, row]) => [Number(number), textOf(row)]));
}

function objectOf(text: string): object {
  return JSON.parse(text) as object;
}

function textOf(value: object): string {
  return JSON.stringify(value);
}
