import type { Read, Residual } from "../../../core/observed.ts";
import { version, type Slot } from "../../../core/units.ts";
import type { Api } from "../api/api.ts";
import { namedService, slotDeployments } from "../look.ts";
import { slotsOf } from "../service-router/selectors.ts";
import { FRESH } from "../service-router/view.ts";
import type { KubernetesSettings } from "../settings.ts";
import { readSlotPods } from "./slot-pods.ts";
import { mayWork, readWork, type PodWork } from "./work.ts";

/** Requests begun, by the life of each pod that counts them. */
export type Requests = ReadonlyMap<string, number>;

/** What the pods of the slots say that they work on. */
export interface SlotWork {
  /** A counter of requests is declared. */
  readonly counts: boolean;
  /**
   * Work in flight and requests begun, summed over the slot's pods, terminating ones included. A slot none of whose
   * pods runs works on nothing. What is not declared is absent; what is declared and cannot be read of one pod is
   * unreadable, since the sum of the others would say too little.
   */
  residual(slot: Slot, signal: AbortSignal): Promise<Read<Residual>>;
  requests(slot: Slot, signal: AbortSignal): Promise<Read<Requests>>;
}

/** Pods are asked no more often than this (ms), however often the engine looks. */
const PACE_MS = 250;

export function createSlotWork(api: Api, settings: KubernetesSettings): SlotWork {
  const { metrics } = settings;
  const kept = new Map<Slot, { readonly at: number; readonly read: Promise<Read<readonly PodWork[]>> }>();

  async function podsOf(slot: Slot, signal: AbortSignal) {
    const call = { signal, ...FRESH };
    const deployments = await slotDeployments(
      { api, settings, users: namedService(settings) },
      "mirrored",
      call,
    );
    if (deployments.is === "unreadable") return deployments;
    const pods = await readSlotPods(
      api,
      settings.service,
      slotsOf(settings.service, deployments.deployments),
      call,
    );
    return pods.is === "unreadable" ? pods : { ...pods, pods: pods.pods[slot].filter(mayWork) };
  }

  async function ask(slot: Slot, signal: AbortSignal): Promise<Read<readonly PodWork[]>> {
    const running = await podsOf(slot, signal);
    if (running.is === "unreadable") return running;
    const seen = (value: readonly PodWork[]) =>
      ({ is: "seen", value, version: version(""), at: running.at }) as const;
    if (metrics === undefined) return seen(running.pods.map(() => ({ life: "" })));
    const works = await Promise.all(running.pods.map((pod) => readWork(api, settings, metrics, pod, signal)));
    const failed = works.find((each) => each.is === "unreadable");
    if (failed !== undefined) return { is: "unreadable", cause: failed.cause };
    return seen(works.flatMap((each) => (each.is === "read" ? [each.work] : [])));
  }

  function read(slot: Slot, signal: AbortSignal): Promise<Read<readonly PodWork[]>> {
    const before = kept.get(slot);
    if (before !== undefined && performance.now() - before.at < PACE_MS) return before.read;
    const now = { at: performance.now(), read: ask(slot, signal) };
    kept.set(slot, now);
    return now.read;
  }

  return {
    counts: metrics?.requests !== undefined,
    async residual(slot, signal) {
      const seen = await read(slot, signal);
      if (seen.is === "unreadable") return seen;
      const inFlight = sum(seen.value.map((each) => each.inFlight));
      const newRequests = sum(seen.value.map((each) => each.requests));
      const value = {
        ...(inFlight === undefined ? {} : { inFlight }),
        ...(newRequests === undefined ? {} : { newRequests }),
      };
      return { ...seen, value };
    },
    async requests(slot, signal) {
      const seen = await read(slot, signal);
      if (seen.is === "unreadable") return seen;
      return { ...seen, value: new Map(seen.value.map(({ life, requests = 0 }) => [life, requests])) };
    },
  };
}

/** Of nothing: 0. Unknown as soon as one part is. */
function sum(parts: readonly (number | undefined)[]): number | undefined {
  let total = 0;
  for (const part of parts) {
    if (part === undefined) return undefined;
    total += part;
  }
  return total;
}
