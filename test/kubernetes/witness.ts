import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { Client, type Json } from "../cluster/kubelet/client.ts";
import type { Cluster } from "../cluster/cluster.ts";
import { until } from "../e2e/processes.ts";

/**
 * Watches what users are sent to, straight at the API server, and judges it afterwards. It shares no code with Teal
 * and no connection with the process that is watched.
 */
export class Witness {
  readonly #ending = new AbortController();
  readonly #events: Seen[] = [];
  readonly #watches: Promise<void>[] = [];
  readonly #client: Client;
  readonly #paths: Readonly<Record<Seen["kind"], string>>;
  #missed = false;

  private constructor(cluster: Cluster, namespace: string) {
    const config = JSON.parse(readFileSync(cluster.kubeconfig, "utf8")) as Json;
    const { server, "certificate-authority-data": ca } = config.clusters[0].cluster;
    this.#client = new Client({
      server,
      ca: Buffer.from(ca, "base64").toString(),
      token: config.users[0].user.token,
    });
    this.#paths = {
      service: `/api/v1/namespaces/${namespace}/services`,
      pod: `/api/v1/namespaces/${namespace}/pods`,
      slice: `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`,
    };
    for (const kind of KINDS) {
      const seen = (type: string, object: Json) => void this.#events.push({ kind, type, object });
      const path = `${this.#paths[kind]}?watch=1&timeoutSeconds=3600`;
      const watch = this.#client.watch(path, seen, this.#ending.signal);
      this.#watches.push(watch.then(() => void (this.#missed ||= !this.#ending.signal.aborted)));
    }
  }

  /** Begins, and has seen the Service `shop` and its endpoints when it is returned. */
  static async open(cluster: Cluster, namespace: string): Promise<Witness> {
    const witness = new Witness(cluster, namespace);
    const sees = (which: Seen["kind"]) => witness.#events.some(({ kind }) => kind === which);
    await until("the witness to see anything", () => sees("service") && sees("slice"));
    return witness;
  }

  /** How many are ready behind the Service, as seen last. */
  get ready(): number {
    const endpoints = new Endpoints();
    for (const event of this.#events) if (event.kind === "slice") endpoints.take(event);
    return endpoints.of("shop").length;
  }

  /**
   * Ends, once everything that happened until now was seen. @returns what should never have been, in words; empty when
   * all was well.
   */
  async verdict(): Promise<readonly string[]> {
    try {
      const judged = await this.#untilNow();
      return [
        ...(this.#missed ? ["a watch of the witness broke: it missed something"] : []),
        ...judge(judged),
      ];
    } finally {
      await this.close();
    }
  }

  /** Ends without a verdict. */
  async close(): Promise<void> {
    this.#ending.abort();
    await Promise.all(this.#watches);
  }

  /** A watch tells of changes in their order: when it tells of a marker, it has told of everything before. */
  async #untilNow(): Promise<readonly Seen[]> {
    const name = `witness-${randomUUID()}`;
    const isMarker = ({ object }: Seen) => object.metadata.name === name;
    for (const kind of KINDS) await this.#client.must("POST", this.#paths[kind], marker(kind, name));
    const told = () => new Set(this.#events.filter(isMarker).map(({ kind }) => kind)).size;
    await until("the witness to see its markers", () => this.#missed || told() === KINDS.length);
    return this.#events.filter((event) => !isMarker(event));
  }
}

const KINDS = ["service", "slice", "pod"] as const;

/** An object that reaches nobody and that nobody reaches: the Service selects nothing, the pod gets no node. */
function marker(kind: Seen["kind"], name: string): object {
  const metadata = { name };
  switch (kind) {
    case "service":
      return {
        apiVersion: "v1",
        kind: "Service",
        metadata,
        spec: { clusterIP: "None", ports: [{ port: 80 }] },
      };
    case "slice": {
      const labels = { "kubernetes.io/service-name": name };
      const slice = { addressType: "IPv4", endpoints: [], metadata: { name, labels } };
      return { apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice", ...slice };
    }
    case "pod": {
      const containers = [{ name: "never", image: "teal.test/never" }];
      const spec = { schedulingGates: [{ name: "teal.test/never" }], containers };
      return { apiVersion: "v1", kind: "Pod", metadata, spec };
    }
    default: {
      const never: never = kind;
      return never;
    }
  }
}

interface Seen {
  readonly kind: (typeof KINDS)[number];
  readonly type: string;
  readonly object: Json;
}

/** Ready pods by the Service that reaches them. */
class Endpoints {
  readonly #slices = new Map<string, Json>();

  take({ type, object }: Seen): void {
    if (type === "DELETED") this.#slices.delete(object.metadata.name);
    else this.#slices.set(object.metadata.name, object);
  }

  of(service: string): readonly string[] {
    const pods = [...this.#slices.values()]
      .filter(({ metadata }) => metadata.labels["kubernetes.io/service-name"] === service)
      .flatMap(({ endpoints }) => (endpoints ?? []) as Json[])
      .filter(({ conditions }) => conditions.ready !== false)
      .map(({ targetRef }) => String(targetRef.name));
    return [...new Set(pods)];
  }
}

/** Ready pods by their labels, of which no Service needs to know yet. */
class Pods {
  readonly #ready = new Map<string, Json>();

  take({ type, object: { metadata, status } }: Seen): void {
    const isReady = (status?.conditions ?? []).some(
      (each: Json) => each.type === "Ready" && each.status === "True",
    );
    if (type === "DELETED" || !isReady || metadata.deletionTimestamp !== undefined)
      this.#ready.delete(metadata.name);
    else this.#ready.set(metadata.name, metadata.labels);
  }

  selectedBy(selector: Readonly<Record<string, string>>): number {
    const has = (labels: Json) => Object.entries(selector).every(([key, value]) => labels[key] === value);
    return [...this.#ready.values()].filter(has).length;
  }
}

/**
 * - once somebody is ready behind the Service, somebody is at any moment;
 * - what is ready behind it belongs to one slot (or to what was there before Teal) at any moment;
 * - it is never told to reach a slot with fewer ready pods than those it leaves;
 * - its selector is never empty, its epoch never falls.
 */
function judge(events: readonly Seen[]): readonly string[] {
  // One etcd numbers the changes of all kinds, so that two watches can be put into one order.
  const ordered = events.toSorted((a, b) => versionOf(a) - versionOf(b));
  const endpoints = new Endpoints();
  const pods = new Pods();
  const wrong: string[] = [];
  let served = false;
  let before: { readonly to: string; readonly epoch: number } | undefined;
  for (const event of ordered) {
    if (event.kind === "slice") endpoints.take(event);
    if (event.kind === "pod") pods.take(event);
    const ready = endpoints.of("shop");
    const at = `at ${versionOf(event)}`;
    if (served && ready.length === 0) wrong.push(`${at}: nobody is ready behind the Service`);
    served ||= ready.length > 0;
    const owners = new Set(ready.map((pod) => pod.replace(/-[a-z0-9]+-[a-z0-9]+$/u, "")));
    if (owners.size > 1) wrong.push(`${at}: ${[...owners].join(" and ")} together`);
    if (event.kind !== "service" || event.object.metadata.name !== "shop") continue;
    const { selector = {} } = event.object.spec;
    const epoch = Number(event.object.metadata.annotations?.["teal.dev/epoch"] ?? 0);
    const to = JSON.stringify(selector);
    if (event.type === "DELETED") wrong.push(`${at}: the Service was deleted`);
    if (Object.keys(selector).length === 0) wrong.push(`${at}: the selector is empty`);
    if (before !== undefined && epoch < before.epoch)
      wrong.push(`${at}: the epoch falls from ${before.epoch} to ${epoch}`);
    if (before !== undefined && before.to !== to) {
      const there = pods.selectedBy(selector);
      if (there < ready.length) wrong.push(`${at}: moved to ${to} with ${there} ready, from ${ready.length}`);
    }
    before = { to, epoch };
  }
  return wrong;
}

function versionOf({ object }: Seen): number {
  return Number(object.metadata.resourceVersion);
}
