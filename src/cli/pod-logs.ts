import { SLOTS, type Slot } from "../core/units.ts";
import type { PodLine } from "../targets/kubernetes/logs.ts";
import type { KubernetesTarget } from "../targets/kubernetes/target.ts";
import type { LogLine, LogReader } from "./replica-logs.ts";

/** Longest time for one look at a slot's logs, in ms. */
const AT_MOST = 10_000;
/** Seconds that a look of a follower goes back: longer than a look can take, so that nothing is missed. */
const LOOK_BACK = 30;

/** Logs of the pods that run now, read through the API server: those of pods that are gone are gone with them. */
export class PodLogs implements LogReader {
  readonly #target: KubernetesTarget;
  readonly #slots: readonly Slot[];
  readonly #revision: { readonly revision?: string };
  /** Time of the last line told of each pod. */
  readonly #told = new Map<string, string>();

  constructor(target: KubernetesTarget, slot: Slot | undefined, revision: string | undefined) {
    this.#target = target;
    this.#slots = slot === undefined ? SLOTS : [slot];
    this.#revision = revision === undefined ? {} : { revision };
  }

  async last(count: number, wanted: (line: LogLine) => boolean): Promise<readonly LogLine[]> {
    const lines = await this.#read({ tail: count });
    for (const { replica, at } of lines) this.#told.set(replica, at);
    return byTime(lines.map(lineOf).filter(wanted));
  }

  async look(): Promise<readonly LogLine[]> {
    const lines = await this.#read({ seconds: LOOK_BACK });
    const fresh = lines.filter(({ replica, at }) => at > (this.#told.get(replica) ?? ""));
    for (const { replica, at } of fresh) this.#told.set(replica, at);
    return byTime(fresh.map(lineOf));
  }

  /** What cannot be read is not there; `teal status` says why. */
  async #read(question: { readonly tail?: number; readonly seconds?: number }): Promise<readonly PodLine[]> {
    const signal = AbortSignal.timeout(AT_MOST);
    const asked = { ...question, ...this.#revision };
    const read = await Promise.all(this.#slots.map((slot) => this.#target.logs(slot, asked, signal)));
    return read.flatMap((each) => (each.is === "seen" ? each.value : []));
  }
}

/** Which stream it was written to is not told. */
function lineOf({ replica, at, text }: PodLine): LogLine {
  return { replica, at, source: "out", text };
}

function byTime(lines: readonly LogLine[]): readonly LogLine[] {
  return lines.toSorted((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
}
