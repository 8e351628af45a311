import { otherSlot, SLOTS, type Slot } from "../../src/core/units.ts";
import { connectApi } from "../../src/targets/kubernetes/api/connect.ts";
import type { Api } from "../../src/targets/kubernetes/api/api.ts";
import type { Pod, Service } from "../../src/targets/kubernetes/api/objects.ts";
import { paths } from "../../src/targets/kubernetes/api/paths.ts";
import { LABELS } from "../../src/targets/kubernetes/names.ts";
import { until } from "../../test/e2e/processes.ts";

/** Wall clock with fractions of a millisecond, to be compared with other processes' times. */
export const wallClock = (): number => performance.timeOrigin + performance.now();

export interface Switch {
  readonly at: number;
  readonly slot: Slot;
}

/**
 * Somebody who watches a namespace over connections of their own, and notes when the API server told of it: which slot
 * the live Service selects, and how many pods of a slot are ready. Both come the same way, so what lies between the two
 * is told rightly, whatever the way takes.
 */
export class Observer {
  readonly api: Api;
  /** Every change of the selector, from the first look on. */
  readonly switches: Switch[] = [];
  /** When a slot last got one more ready pod. */
  readonly lastReady: Partial<Record<Slot, number>> = {};
  readonly #end = new AbortController();
  readonly #ready: Record<Slot, number> = { blue: 0, green: 0 };

  private constructor(api: Api) {
    this.api = api;
  }

  static async start(kubeconfig: string, namespace: string): Promise<Observer> {
    const connected = await connectApi({ by: "context", context: "teal-test", kubeconfig }, namespace);
    if (connected.is === "failed") throw new Error(connected.cause.message);
    const observer = new Observer(connected.api);
    const services = connected.api.mirror<Service>(paths.services(namespace), {
      fields: "metadata.name=shop",
    });
    const pods = connected.api.mirror<Pod>(paths.pods(namespace), { labels: LABELS.slot });
    void observer.#follow(services, (items) => observer.#seeService(items));
    void observer.#follow(pods, (items) => observer.#seePods(items));
    return observer;
  }

  /** The slot that the Service selects. */
  get live(): Slot | undefined {
    return this.switches.at(-1)?.slot;
  }

  /** Waits for the first switch to this slot after so many. @returns when it was seen. */
  async switched(to: Slot, after: number, atMost = 60_000): Promise<number> {
    const find = () => this.switches.slice(after).find(({ slot }) => slot === to);
    await until(`the Service to select ${to}`, () => find() !== undefined, atMost);
    return find()?.at ?? Number.NaN;
  }

  /** The slot that a deployment would go to now. */
  get next(): Slot {
    return this.live === undefined ? "blue" : otherSlot(this.live);
  }

  close(): void {
    this.#end.abort();
    this.api.close();
  }

  async #follow<T extends Pod | Service>(
    mirror: ReturnType<typeof this.api.mirror<T>>,
    see: (items: readonly T[]) => void,
  ): Promise<void> {
    const { signal } = this.#end;
    while (!signal.aborted) {
      const changed = mirror.changed(signal);
      const read = await mirror.read({ signal });
      if (read.is === "seen") see(read.items);
      await changed;
    }
  }

  #seeService([service]: readonly Service[]): void {
    const slot = service?.spec.selector?.[LABELS.slot];
    if ((slot === "blue" || slot === "green") && slot !== this.live)
      this.switches.push({ at: wallClock(), slot });
  }

  #seePods(pods: readonly Pod[]): void {
    for (const slot of SLOTS) {
      const ready = pods.filter((pod) => pod.metadata.labels?.[LABELS.slot] === slot && isReady(pod)).length;
      if (ready > this.#ready[slot]) this.lastReady[slot] = wallClock();
      this.#ready[slot] = ready;
    }
  }
}

function isReady({ status }: Pod): boolean {
  return status?.conditions?.some(({ type, status: is }) => type === "Ready" && is === "True") ?? false;
}
