import type { Holder } from "../../core/journal.ts";
import { fence as toFence } from "../../core/units.ts";
import type { Fence, Instant } from "../../core/units.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Lease } from "../../ports/store.ts";
import { epochOf } from "../../targets/kubernetes/anchor.ts";
import type { Answer, Api, JsonOperation } from "../../targets/kubernetes/api/api.ts";
import { isConflict } from "../../targets/kubernetes/api/answers.ts";
import type { Deployment, Lease as LeaseResource } from "../../targets/kubernetes/api/objects.ts";
import { paths } from "../../targets/kubernetes/api/paths.ts";
import { ANNOTATIONS, LABELS, leaseName } from "../../targets/kubernetes/names.ts";
import type { Leases, SeenLease } from "../remote/parts.ts";
import { Fault } from "../remote/tries.ts";
import { damaged, tooBusy } from "./causes.ts";
import { plainJson } from "./events.ts";
import { call } from "./head.ts";
import { faultOf } from "./tries.ts";

/** What other tools read as the lease's length, in seconds: `TTL` of the engine. Teal itself measures by its own clock. */
const DURATION = 15;

/** The Lease as it was seen: without `held` something else made the object. */
interface SeenObject extends SeenLease {
  readonly uid: string;
  readonly resourceVersion: string;
  readonly hasAnnotations: boolean;
  readonly held?: { readonly text: string; readonly lease: Lease; readonly write: string };
}

/** The Lease of a service. Its annotation decides; the standard fields are for people and tools. Faults are thrown. */
export class LeaseObject implements Leases<SeenObject> {
  readonly #api: Api;
  readonly #service: string;
  readonly #path: string;
  readonly #clock: Clock;
  #latest: SeenObject | undefined;
  /** A write of ours failed, so that the latest may not be what is there. */
  #inDoubt = false;

  constructor(api: Api, service: string, clock: Clock) {
    this.#api = api;
    this.#service = service;
    this.#clock = clock;
    this.#path = paths.leases(api.namespace, leaseName(service));
  }

  get known(): SeenObject | undefined {
    return this.#inDoubt ? undefined : this.#latest;
  }

  /** Changes with every taker and with a release, not with heartbeats. */
  get mark(): string {
    const lease = this.#latest?.held?.lease;
    return `${lease?.fence} ${lease?.released}`;
  }

  async read(): Promise<SeenObject | undefined> {
    const answer = await this.#api.get<LeaseResource>(this.#path, call());
    if (answer.is === "ok") return this.#sure(this.#parse(answer.value));
    if (answer.is !== "absent") throw faultOf(answer);
    this.#latest = undefined;
    this.#inDoubt = false;
    return undefined;
  }

  /**
   * The highest fence of which the slots tell. The Lease and the journal know it too, unless somebody removed both: a
   * lower one than the slots' would be refused by them for ever.
   */
  async claimed(): Promise<number> {
    const labels = `${LABELS.service}=${this.#service}`;
    const answer = await this.#api.list<Deployment>(
      paths.deployments(this.#api.namespace),
      { labels },
      call(),
    );
    if (answer.is !== "ok") throw faultOf(answer);
    return Math.max(0, ...answer.value.items.map(epochOf));
  }

  /** News of a watch, which may be late. @returns whether what is known can be relied on now. */
  watched(object: LeaseResource | undefined): boolean {
    if (object === undefined) return this.#latest === undefined && !this.#inDoubt;
    const seen = this.#parse(object);
    if (this.#latest !== undefined && this.#latest.uid !== seen.uid) return false;
    this.#learn(seen);
    return !this.#inDoubt;
  }

  /** Puts a holder in, provided that nobody wrote since `before`. @param write names this write. */
  async take(before: SeenObject | undefined, fence: Fence, holder: Holder, write: string): Promise<void> {
    const text = plainJson({ fence, beat: 0, released: false, write, holder });
    const now = microTime(this.#clock.now());
    const spec = {
      holderIdentity: holder.name,
      leaseDurationSeconds: DURATION,
      acquireTime: now,
      renewTime: now,
      leaseTransitions: fence - 1,
    };
    if (before !== undefined) return this.#patch(before, text, spec);
    const answer = await this.#api.create<LeaseResource>(
      paths.leases(this.#api.namespace),
      {
        apiVersion: "coordination.k8s.io/v1",
        kind: "Lease",
        metadata: {
          name: leaseName(this.#service),
          namespace: this.#api.namespace,
          labels: { [LABELS.service]: this.#service },
          annotations: { [ANNOTATIONS.lease]: text },
        },
        spec,
      },
      call(),
    );
    this.#written(answer);
  }

  /** Provided that nobody wrote since `before`. */
  beat(before: SeenObject, { holder, ...lease }: Lease, write: string): Promise<void> {
    const text = plainJson({ ...lease, beat: lease.beat + 1, write, holder });
    return this.#patch(before, text, { renewTime: microTime(this.#clock.now()) });
  }

  /** Provided that nobody wrote since `before`. */
  release(before: SeenObject, { holder, ...lease }: Lease, write: string): Promise<void> {
    const text = plainJson({ ...lease, released: true, write, holder });
    return this.#patch(before, text, { holderIdentity: "", renewTime: microTime(this.#clock.now()) });
  }

  /** Touches only what is Teal's: others raise the epoch in the same object. */
  async #patch(
    before: SeenObject,
    text: string,
    spec: Readonly<Record<string, string | number>>,
  ): Promise<void> {
    const path = `/metadata/annotations/${ANNOTATIONS.lease.replace("/", "~1")}`;
    const operations: JsonOperation[] =
      before.held === undefined
        ? [{ op: "test", path: "/metadata/resourceVersion", value: before.resourceVersion }]
        : [{ op: "test", path, value: before.held.text }];
    if (!before.hasAnnotations) operations.push({ op: "add", path: "/metadata/annotations", value: {} });
    operations.push({ op: "add", path, value: text });
    for (const [field, value] of Object.entries(spec)) {
      operations.push({ op: "add", path: `/spec/${field}`, value });
    }
    this.#written(await this.#api.patch<LeaseResource>(this.#path, { by: "json", operations }, call()));
  }

  #written(answer: Answer<LeaseResource>): void {
    if (answer.is === "ok") {
      this.#sure(this.#parse(answer.value));
      return;
    }
    this.#inDoubt = true;
    const raced = isConflict(answer) || answer.is === "absent";
    throw raced ? new Fault(tooBusy(this.#api.place, leaseName(this.#service)), "at once") : faultOf(answer);
  }

  /** What the server itself answered. */
  #sure(seen: SeenObject): SeenObject {
    this.#inDoubt = false;
    return this.#learn(seen);
  }

  #learn(seen: SeenObject): SeenObject {
    const latest = this.#latest;
    if (latest?.uid === seen.uid && isLater(latest, seen)) return latest;
    this.#latest = seen;
    return seen;
  }

  #parse(object: LeaseResource): SeenObject {
    const { uid = "", resourceVersion = "", annotations } = object.metadata;
    const text = annotations?.[ANNOTATIONS.lease];
    const seen = { uid, resourceVersion, hasAnnotations: annotations !== undefined, epoch: epochOf(object) };
    if (text === undefined) return seen;
    try {
      const { write, ...lease } = JSON.parse(text) as Lease & { readonly write: string };
      return { ...seen, held: { text, lease: { ...lease, fence: toFence(lease.fence) }, write } };
    } catch {
      const what = `its annotation ${ANNOTATIONS.lease} is no JSON`;
      throw new Fault(damaged(this.#api.place, leaseName(this.#service), what), "never");
    }
  }
}

/** Whether the latest was written after the one seen. */
function isLater(latest: SeenObject, seen: SeenObject): boolean {
  const [a, b] = [latest.held?.lease, seen.held?.lease];
  if (a === undefined || b === undefined) return a !== undefined;
  if (a.fence !== b.fence) return a.fence > b.fence;
  return a.beat === b.beat ? a.released && !b.released : a.beat > b.beat;
}

/** `2026-11-23T15:57:21.000000Z`, as Kubernetes writes its MicroTime. */
function microTime(at: Instant): string {
  return new Date(at).toISOString().replace("Z", "000Z");
}
