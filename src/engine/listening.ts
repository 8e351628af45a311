import type { Key } from "../ports/store.ts";
import type { Log } from "./log.ts";
import { LOOK, type EnginePorts } from "./ports.ts";

/** Follows the journal: asks of other processes reach whatever is being waited for at once. */
export class Listening {
  /** Aborts when this process is to leave the deployment as it is. */
  readonly stop: AbortSignal;
  readonly #ports: EnginePorts;
  readonly #key: Key;
  readonly #log: Log;
  /** Aborted whenever the journal brings something new; replaced by `renew`. */
  #news = new AbortController();
  /** Aborted and replaced when the deployment turns back. */
  #turned = new AbortController();

  constructor(ports: EnginePorts, key: Key, log: Log, stop: AbortSignal) {
    this.#ports = ports;
    this.#key = key;
    this.#log = log;
    this.stop = stop;
  }

  /** Ends whatever is being waited for: the journal brought something new since `renew`, or `stop`. */
  get news(): AbortSignal {
    return AbortSignal.any([this.#news.signal, this.stop]);
  }

  /** Aborts when the deployment turns back. */
  get turned(): AbortSignal {
    return this.#turned.signal;
  }

  /** From here on only what comes later is news. */
  renew(): void {
    if (this.#news.signal.aborted) this.#news = new AbortController();
  }

  /** Listens until `end` or `stop`. */
  async listen(end: AbortSignal): Promise<void> {
    const signal = AbortSignal.any([end, this.stop]);
    let mark: number | undefined;
    while (!signal.aborted) {
      mark = await this.#ports.store.changed(this.#key, LOOK, signal, mark);
      if (signal.aborted || (await this.#log.sync()) !== "new") continue;
      const { state } = this.#log.deployment;
      if (state.is !== "running" || state.dir === "back") {
        this.#turned.abort();
        this.#turned = new AbortController();
      }
      this.#news.abort();
    }
  }
}
