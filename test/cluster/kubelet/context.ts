import type { Client, Json } from "./client.ts";
import type { Events } from "./events.ts";

/** What one node's kubelet knows and everything in it shares. */
export interface Node {
  readonly name: string;
  /** Position among the nodes, from 1: part of its addresses. */
  readonly index: number;
  readonly address: string;
  readonly folder: string;
  readonly client: Client;
  readonly events: Events;
  /** Chance in [0, 1), by the cluster's seed. */
  readonly random: () => number;
}

/** How often in a row something that keeps failing is tried again: longer and longer, as a real kubelet does from 10 s. */
export const BACK_OFF = { firstMs: 1000, mostMs: 20_000, forgottenAfterMs: 20_000 };

export const podPath = (pod: Json, subresource = ""): string =>
  `/api/v1/namespaces/${pod.metadata.namespace}/pods/${pod.metadata.name}${subresource}`;

/** Resolves when the signal aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** Resolves after `ms` or, with false, as soon as the signal aborts. */
export function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve(false);
    const ended = (): void => {
      clearTimeout(timer);
      resolve(false);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", ended);
      resolve(true);
    }, ms);
    signal.addEventListener("abort", ended, { once: true });
  });
}
