import type { Key } from "../../ports/store.ts";
import type { Answer, Api, CallBy, JsonOperation } from "../../targets/kubernetes/api/api.ts";
import { isConflict } from "../../targets/kubernetes/api/answers.ts";
import type { ConfigMap } from "../../targets/kubernetes/api/objects.ts";
import { paths } from "../../targets/kubernetes/api/paths.ts";
import { journalName } from "../../targets/kubernetes/names.ts";
import { FORMAT } from "../remote/head.ts";
import type { Head, HeadContent } from "../remote/head.ts";
import type { Heads } from "../remote/parts.ts";
import { Fault, REQUEST_WITHIN } from "../remote/tries.ts";
import { damaged, elsewhere, tooBusy, writtenByLater } from "./causes.ts";
import { dataOf, headObject, readHead } from "./layout.ts";
import { faultOf } from "./tries.ts";

/** The head of one service's journal in the cluster, with what this process knows of it. Faults are thrown. */
export class HeadObject implements Heads {
  readonly #api: Api;
  readonly #service: string;
  readonly #path: string;
  #latest: Head | undefined;
  /** A write of ours failed, so that the latest may not be what is there. */
  #inDoubt = false;

  constructor(api: Api, service: string) {
    this.#api = api;
    this.#service = service;
    this.#path = paths.configMaps(api.namespace, journalName(service));
  }

  get known(): Head | undefined {
    return this.#inDoubt ? undefined : this.#latest;
  }

  /** Changes with every write that was seen. */
  get mark(): string {
    return `${this.#latest?.uid} ${this.#latest?.state.turn}`;
  }

  async read(): Promise<Head | undefined> {
    const answer = await this.#api.get<ConfigMap>(this.#path, call());
    if (answer.is === "ok") return this.#sure(this.#parse(answer.value));
    if (answer.is !== "absent") throw faultOf(answer);
    this.#latest = undefined;
    this.#inDoubt = false;
    return undefined;
  }

  async write(before: Head | undefined, next: HeadContent, write: string): Promise<void> {
    const turn = (before?.state.turn ?? 0) + 1;
    const content = { ...next, state: { ...next.state, turn, write } };
    const answer =
      before === undefined
        ? await this.#api.create<ConfigMap>(
            paths.configMaps(this.#api.namespace),
            headObject(this.#api.namespace, this.#service, content),
            call(),
          )
        : await this.#api.patch<ConfigMap>(
            this.#path,
            { by: "json", operations: difference(before, content) },
            call(),
          );
    if (answer.is === "ok") {
      this.#sure(this.#parse(answer.value));
      return;
    }
    this.#inDoubt = true;
    throw this.#wasChanged(answer, before)
      ? new Fault(tooBusy(this.#api.place, journalName(this.#service)), "at once")
      : faultOf(answer);
  }

  /** News of a watch, which may be late. @returns whether what is known can be relied on now. */
  watched(object: ConfigMap | undefined): boolean {
    if (object === undefined) return this.#latest === undefined && !this.#inDoubt;
    const head = this.#parse(object);
    // Of two objects of the same name nobody can tell here which one is there.
    if (this.#latest !== undefined && this.#latest.uid !== head.uid) return false;
    this.#learn(head);
    return !this.#inDoubt;
  }

  isElsewhere(head: Head | undefined, key: Key): ReturnType<typeof elsewhere> | undefined {
    return head === undefined || head.environment === key.environment
      ? undefined
      : elsewhere(this.#api.place, key, head.environment);
  }

  #wasChanged(answer: Answer<unknown>, before: Head | undefined): boolean {
    return isConflict(answer) || (answer.is === "absent" && before !== undefined);
  }

  /** What the server itself answered. */
  #sure(head: Head): Head {
    this.#inDoubt = false;
    return this.#learn(head);
  }

  #learn(head: Head): Head {
    const latest = this.#latest;
    if (latest?.uid === head.uid && latest.state.turn > head.state.turn) return latest;
    this.#latest = head;
    return head;
  }

  #parse(object: ConfigMap): Head {
    const head = readHead(object);
    const name = journalName(this.#service);
    if ("wrong" in head) throw new Fault(damaged(this.#api.place, name, head.wrong), "never");
    if ("format" in head)
      throw new Fault(writtenByLater(this.#api.place, name, head.format, FORMAT), "never");
    return head;
  }
}

/** A request of the store: it ends by its time, nothing else ends it. */
export function call(): CallBy {
  return { signal: NEVER, within: REQUEST_WITHIN };
}
const NEVER = new AbortController().signal;

/** What makes one data of another, refused when the state is not what it was. */
function difference(before: Head, next: HeadContent): readonly JsonOperation[] {
  const [was, is] = [dataOf(before), dataOf(next)];
  const operations: JsonOperation[] = [{ op: "test", path: "/data/state", value: before.version }];
  for (const [key, value] of Object.entries(is)) {
    if (was[key] !== value) operations.push({ op: "add", path: `/data/${key}`, value });
  }
  for (const key of Object.keys(was)) {
    if (!(key in is)) operations.push({ op: "remove", path: `/data/${key}` });
  }
  return operations;
}
