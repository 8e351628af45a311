import { randomBytes } from "node:crypto";
import type { Client, Json } from "./client.ts";

/** Events of pods, as `kubectl describe` shows them: an event that repeats is counted. Best effort, as in a real one. */
export class Events {
  readonly #client: Client;
  readonly #node: string;
  readonly #seen = new Map<string, { readonly path: string; count: number }>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(client: Client, node: string) {
    this.#client = client;
    this.#node = node;
  }

  tell(pod: Json, type: "Normal" | "Warning", reason: string, message: string, container?: string): void {
    this.#last = this.#last
      .then(() => this.#write(pod, type, reason, message, container))
      .catch(() => undefined);
  }

  async #write(pod: Json, type: string, reason: string, message: string, container?: string): Promise<void> {
    const { namespace, name, uid } = pod.metadata;
    const now = new Date().toISOString().replace(/\.\d+Z$/, "Z");
    const key = JSON.stringify([uid, reason, message, container]);
    const seen = this.#seen.get(key);
    if (seen !== undefined) {
      seen.count += 1;
      await this.#client.request("PATCH", seen.path, { count: seen.count, lastTimestamp: now });
      return;
    }
    const event = `${name}.${randomBytes(8).toString("hex")}`;
    const path = `/api/v1/namespaces/${namespace}/events`;
    this.#seen.set(key, { path: `${path}/${event}`, count: 1 });
    await this.#client.request("POST", path, {
      metadata: { name: event, namespace },
      involvedObject: {
        apiVersion: "v1",
        kind: "Pod",
        namespace,
        name,
        uid,
        ...(container === undefined ? {} : { fieldPath: `spec.containers{${container}}` }),
      },
      type,
      reason,
      message,
      count: 1,
      firstTimestamp: now,
      lastTimestamp: now,
      source: { component: "kubelet", host: this.#node },
      reportingComponent: "kubelet",
      reportingInstance: this.#node,
    });
  }
}
