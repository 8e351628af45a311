import type { S3Client } from "@aws-sdk/client-s3";
import type { Happening, HistoryRow, Holder } from "../../core/journal.ts";
import type { DeploymentId, Fence, Millis } from "../../core/units.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Key, Lease, StateStore, Unavailable } from "../../ports/store.ts";
import { RemoteStore } from "../remote/store.ts";
import { Fault } from "../remote/tries.ts";
import { systemClock } from "../system-clock.ts";
import { Bucket } from "./bucket.ts";
import { connectS3 } from "./client.ts";
import type { S3Access } from "./client.ts";
import { HeadObject } from "./head.ts";
import { HistoryObjects } from "./history.ts";
import { LeaseObject } from "./lease.ts";
import { PolledNews } from "./news.ts";
import { PageObjects } from "./pages.ts";

export interface S3StoreOptions {
  readonly bucket: string;
  /** Journals, leases and history lie below `<prefix>/<service>/<environment>/`; may be empty. */
  readonly prefix: string;
  /** How the bucket is reached, or who makes a client (with `maxAttempts: 1`), once. */
  readonly access: S3Access | (() => Promise<S3Client>);
  /** The highest fence that the target knows of (0: none): asked only where nobody ever took the lease. */
  readonly claimed?: (key: Key) => Promise<number | Unavailable>;
  /** Stamps events and measures waits; the machine's clock by default. */
  readonly clock?: Clock;
}

/** The port's `close` ends a deployment; `dispose` lets go of the connections. */
export type S3Store = StateStore & { dispose(): Promise<void> };

/**
 * The state store in a bucket, for any number of machines (docs/decisions/0022): every write is conditional on what was
 * seen before. Nothing is loaded, read or made before the first call; looking makes nothing.
 */
export function openS3Store(options: S3StoreOptions): S3Store {
  return new Store(options);
}

class Store implements S3Store {
  readonly #options: S3StoreOptions;
  readonly #clock: Clock;
  readonly #stores = new Map<string, StateStore>();
  #client: Promise<S3Client> | undefined;

  constructor(options: S3StoreOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  open(key: Key, id: DeploymentId, first: Happening): ReturnType<StateStore["open"]> {
    return this.#of(key).open(key, id, first);
  }

  current(key: Key, after?: number): ReturnType<StateStore["current"]> {
    return this.#of(key).current(key, after);
  }

  append(
    key: Key,
    id: DeploymentId,
    expected: number,
    events: readonly Happening[],
    fence: Fence | "ask",
  ): ReturnType<StateStore["append"]> {
    return this.#of(key).append(key, id, expected, events, fence);
  }

  close(
    key: Key,
    id: DeploymentId,
    expected: number,
    event: Happening & { kind: "closed" },
    row: HistoryRow,
    fence: Fence,
  ): ReturnType<StateStore["close"]> {
    return this.#of(key).close(key, id, expected, event, row, fence);
  }

  history(key: Key, limit: number): ReturnType<StateStore["history"]> {
    return this.#of(key).history(key, limit);
  }

  events(key: Key, id: DeploymentId): ReturnType<StateStore["events"]> {
    return this.#of(key).events(key, id);
  }

  lease(key: Key): ReturnType<StateStore["lease"]> {
    return this.#of(key).lease(key);
  }

  take(
    key: Key,
    holder: Holder,
    seen: Pick<Lease, "fence" | "beat"> | "free",
  ): ReturnType<StateStore["take"]> {
    return this.#of(key).take(key, holder, seen);
  }

  beat(key: Key, fence: Fence): ReturnType<StateStore["beat"]> {
    return this.#of(key).beat(key, fence);
  }

  release(key: Key, fence: Fence): ReturnType<StateStore["release"]> {
    return this.#of(key).release(key, fence);
  }

  changed(key: Key, atMost: Millis, signal: AbortSignal, since?: number): Promise<number> {
    return this.#of(key).changed(key, atMost, signal, since);
  }

  async dispose(): Promise<void> {
    (await this.#client)?.destroy();
  }

  #of(key: Key): StateStore {
    const folder = `${encodeURIComponent(key.service)}/${encodeURIComponent(key.environment)}/`;
    const store = this.#stores.get(folder) ?? this.#storeIn(folder, key);
    this.#stores.set(folder, store);
    return store;
  }

  #storeIn(folder: string, key: Key): StateStore {
    const { prefix, bucket: name, claimed = () => Promise.resolve(0) } = this.#options;
    const bucket = new Bucket(() => this.#connected(), name, `${prefix && `${prefix}/`}${folder}`);
    const head = new HeadObject(bucket);
    const lease = new LeaseObject(bucket, async () => {
      const answer = await claimed(key);
      if (typeof answer === "number") return answer;
      throw new Fault(answer.cause, "never");
    });
    const parts = {
      head,
      lease,
      pages: new PageObjects(bucket),
      history: new HistoryObjects(bucket),
      news: new PolledNews(head, lease, this.#clock),
    };
    return new RemoteStore(key.service, parts, this.#clock);
  }

  /** One client for all; where making one failed, the next request tries again. */
  #connected(): Promise<S3Client> {
    const { access } = this.#options;
    this.#client ??= (typeof access === "function" ? access() : connectS3(access)).catch((error: unknown) => {
      this.#client = undefined;
      throw error;
    });
    return this.#client;
  }
}
