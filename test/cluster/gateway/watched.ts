import { setTimeout as sleep } from "node:timers/promises";
import type { Client, Json } from "../kubelet/client.ts";

const AGAIN_MS = 200;
const FIRST_MS = 20_000;

/** All objects of a kind, kept up to date. Every change, and every new list, is told. */
export class Watched {
  readonly #client: Client;
  readonly #path: string;
  readonly #changed: () => void;
  #objects = new Map<string, Json>();

  /** @param path of the kind, in all namespaces. */
  constructor(client: Client, path: string, changed: () => void) {
    this.#client = client;
    this.#path = path;
    this.#changed = changed;
  }

  get items(): readonly Json[] {
    return [...this.#objects.values()];
  }

  /** Resolves after the first list; goes on until the signal aborts. */
  async start(signal: AbortSignal): Promise<void> {
    let from = await this.#first();
    void (async () => {
      while (!signal.aborted) {
        await this.#client.watch(
          `${this.#path}?watch=true&allowWatchBookmarks=true&resourceVersion=${from}`,
          (type, object) => this.#saw(type, object),
          signal,
        );
        if (signal.aborted) return;
        await sleep(AGAIN_MS);
        from = await this.#list().catch(() => from);
      }
    })();
  }

  /** A definition that was just made is not served at once. */
  async #first(): Promise<string> {
    const deadline = performance.now() + FIRST_MS;
    for (;;) {
      try {
        return await this.#list();
      } catch (error) {
        if (performance.now() > deadline) throw error;
        await sleep(AGAIN_MS);
      }
    }
  }

  #saw(type: string, object: Json): void {
    if (type === "BOOKMARK") return;
    if (type === "DELETED") this.#objects.delete(object.metadata.uid);
    else this.#objects.set(object.metadata.uid, object);
    this.#changed();
  }

  async #list(): Promise<string> {
    const list = await this.#client.must("GET", this.#path);
    this.#objects = new Map(list.items.map((item: Json) => [item.metadata.uid, item]));
    this.#changed();
    return list.metadata.resourceVersion;
  }
}
