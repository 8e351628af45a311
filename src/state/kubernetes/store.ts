import type { Clock } from "../../ports/clock.ts";
import type { StateStore } from "../../ports/store.ts";
import type { Api } from "../../targets/kubernetes/api/api.ts";
import { RemoteStore } from "../remote/store.ts";
import { systemClock } from "../system-clock.ts";
import { HeadObject } from "./head.ts";
import { HistoryObjects } from "./history.ts";
import { LeaseObject } from "./lease.ts";
import { WatchedNews } from "./news.ts";
import { PageObjects } from "./pages.ts";

export interface KubernetesStoreOptions {
  /** Stamps events and measures waits; the machine's clock by default. */
  readonly clock?: Clock;
}

/**
 * The state store of one service in its own namespace: ConfigMaps and the Lease (docs/decisions/0016). Nothing is read
 * or made before the first call; looking makes nothing. The service is one real thing, so all its keys must name the
 * same environment: under another one reads and the lease are `unavailable`, writes are `rejected`, with the reason.
 *
 * What a read answers was true after the call began. Only once `changed` was called do `current` and `lease` answer
 * what the watch told, which wakes the caller when there is more; they never fall behind what this store answered
 * before. Ends with `api.close`.
 */
export function openKubernetesStore(
  api: Api,
  service: string,
  options: KubernetesStoreOptions = {},
): StateStore {
  const clock = options.clock ?? systemClock;
  const head = new HeadObject(api, service);
  const lease = new LeaseObject(api, service, clock);
  const parts = {
    head,
    lease,
    pages: new PageObjects(api, service),
    history: new HistoryObjects(api, service),
    news: new WatchedNews(api, service, head, lease, clock),
  };
  return new RemoteStore(service, parts, clock);
}
