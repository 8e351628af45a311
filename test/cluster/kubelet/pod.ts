import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Json } from "./client.ts";
import { Container } from "./container.ts";
import { aborted, pause, podPath, type Node } from "./context.ts";
import { ConfigError } from "./environment.ts";
import type { Mount } from "./mounts.ts";
import { Sandbox, type Addresses } from "./sandbox.ts";
import { statusOf } from "./status.ts";
import { fillVolume } from "./volumes.ts";

/** A status is written this late at most: what a real one shows is never quite what is. */
const STATUS_DELAY_MS = 80;
const RETRY_MS = 250;
const MOUNT_RETRY_MS = 500;

/** One pod on this node, from its assignment to its end. */
export class Pod {
  readonly uid: string;
  readonly folder: string;
  readonly #node: Node;
  readonly #addresses: Addresses;
  readonly #init: readonly Container[];
  readonly #containers: readonly Container[];
  readonly #stopping = new AbortController();
  readonly #startTime = new Date().toISOString().replace(/\.\d+Z$/, "Z");
  #object: Json;
  #sandbox: Sandbox | undefined;
  #initialized = false;
  #terminating: { readonly deadline: number } | undefined;
  #writing: Promise<void> | undefined;
  #dirty = false;
  /** The object is gone, or ours to write no more. */
  #detached = false;

  constructor(node: Node, addresses: Addresses, object: Json) {
    this.#node = node;
    this.#addresses = addresses;
    this.#object = object;
    this.uid = object.metadata.uid;
    this.folder = join(node.folder, "pods", this.uid);
    mkdirSync(this.folder, { recursive: true });
    const init: readonly Json[] = object.spec.initContainers ?? [];
    const waiting = init.length > 0 ? "PodInitializing" : "ContainerCreating";
    this.#init = init.map((spec) => new Container(spec, true, waiting));
    this.#containers = object.spec.containers.map((spec: Json) => new Container(spec, false, waiting));
  }

  get name(): string {
    return `${this.#object.metadata.namespace}/${this.#object.metadata.name}`;
  }

  container(name: string): Container | undefined {
    return [...this.#containers, ...this.#init].find(({ spec }) => spec.name === name);
  }

  /** Runs the pod to its end; resolves when nothing of it is left. */
  async run(): Promise<void> {
    try {
      if (this.#object.metadata.deletionTimestamp !== undefined) this.update(this.#object);
      await this.#live();
    } catch (error) {
      console.error(`${this.name}: ${error instanceof Error ? error.stack : String(error)}`);
    }
    this.#sandbox?.end();
    await this.#finalStatus();
    await aborted(this.#stopping.signal);
    await this.#remove();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** The object as the API server has it now. */
  update(object: Json): void {
    const gates = JSON.stringify(gateConditions(this.#object)) !== JSON.stringify(gateConditions(object));
    this.#object = object;
    if (gates) this.#changed();
    if (object.metadata.deletionTimestamp === undefined) return;
    const graceMs = 1000 * (object.metadata.deletionGracePeriodSeconds ?? 0);
    void this.#stop(graceMs);
  }

  /** The object was removed without us: nothing may be left running. */
  gone(): void {
    this.#detached = true;
    void this.#stop(0);
  }

  async #live(): Promise<void> {
    const { signal } = this.#stopping;
    this.#sandbox = await Sandbox.make(this.#addresses, this.#node.index);
    if (!(await this.#fillVolumes(this.#sandbox))) return;
    this.#changed();
    const around = {
      node: this.#node,
      sandbox: this.#sandbox,
      folder: this.folder,
      pod: () => this.#object,
      mounts: (container: Json) => this.#mounts(container),
      changed: () => this.#changed(),
    };
    for (const container of this.#init) {
      await container.run(around, signal);
      if (container.snapshot().state.terminated?.exitCode !== 0) return;
    }
    this.#initialized = true;
    await Promise.all(this.#containers.map((container) => container.run(around, signal)));
  }

  async #stop(graceMs: number): Promise<void> {
    const deadline = performance.now() + graceMs;
    if (this.#terminating !== undefined && this.#terminating.deadline <= deadline) return;
    this.#terminating = { deadline };
    this.#stopping.abort();
    await Promise.all([...this.#init, ...this.#containers].map((container) => container.stop(graceMs)));
  }

  /** False when the pod was stopped before everything was there. */
  async #fillVolumes(sandbox: Sandbox): Promise<boolean> {
    for (const volume of this.#object.spec.volumes ?? []) {
      for (;;) {
        try {
          await fillVolume(this.#node, this.#object, volume, this.#volume(volume.name), sandbox.address);
          break;
        } catch (error) {
          if (!(error instanceof ConfigError)) console.error(`${this.name}: ${String(error)}`);
          const text = `MountVolume.SetUp failed for volume "${volume.name}" : ${(error as Error).message}`;
          this.#node.events.tell(this.#object, "Warning", "FailedMount", text);
          this.#changed();
        }
        if (!(await pause(MOUNT_RETRY_MS, this.#stopping.signal))) return false;
      }
    }
    return !this.#stopping.signal.aborted;
  }

  #volume(name: string): string {
    return join(this.folder, "volumes", name);
  }

  #mounts(container: Json): readonly Mount[] {
    return (container.volumeMounts ?? []).map(({ name, mountPath, subPath }: Json) => ({
      from: join(this.#volume(name), subPath ?? ""),
      at: mountPath,
    }));
  }

  /** Writes the status soon: one write at a time, and what changes meanwhile with the next. */
  #changed(): void {
    this.#dirty = true;
    this.#writing ??= this.#write().finally(() => (this.#writing = undefined));
  }

  async #write(): Promise<void> {
    while (this.#dirty && !this.#detached) {
      await pause(this.#node.random() * STATUS_DELAY_MS, new AbortController().signal);
      this.#dirty = false;
      const now = new Date().toISOString().replace(/\.\d+Z$/, "Z");
      const status = statusOf(this.#object, this.#snapshot(), now);
      if (!(await this.#patchStatus(status))) {
        this.#dirty = true;
        await pause(RETRY_MS, new AbortController().signal);
      }
    }
  }

  /** False when it is worth another try. */
  async #patchStatus(status: Json): Promise<boolean> {
    const body = { metadata: { uid: this.uid }, status };
    const path = podPath(this.#object, "/status");
    const answer = await this.#node.client.request("PATCH", path, body).catch(() => undefined);
    if (answer?.status === 404 || answer?.status === 409) this.#detached = true;
    if (answer?.status === 200) this.#object = newer(this.#object, answer.body);
    else if (!this.#detached)
      console.error(`${this.name}: status: ${answer?.status} ${answer?.body?.message}`);
    return answer?.status === 200 || this.#detached;
  }

  #snapshot() {
    return {
      address: this.#sandbox?.address,
      hostAddress: this.#node.address,
      startTime: this.#startTime,
      initialized: this.#initialized,
      init: this.#init.map((container) => container.snapshot()),
      containers: this.#containers.map((container) => container.snapshot()),
    };
  }

  async #finalStatus(): Promise<void> {
    this.#changed();
    await this.#writing;
  }

  /** The last thing a kubelet does: the object of an ended pod goes away. */
  async #remove(): Promise<void> {
    while (!this.#detached) {
      const options = { gracePeriodSeconds: 0, preconditions: { uid: this.uid } };
      const answer = await this.#node.client
        .request("DELETE", podPath(this.#object), options)
        .catch(() => undefined);
      // Gone, or another of the same name: neither is ours.
      this.#detached = answer !== undefined && (answer.status < 300 || [404, 409].includes(answer.status));
      if (!this.#detached) console.error(`${this.name}: removal: ${answer?.status} ${answer?.body?.message}`);
      if (!this.#detached) await pause(RETRY_MS, new AbortController().signal);
    }
  }
}

function gateConditions(pod: Json): Json {
  const gates: readonly Json[] = pod.spec.readinessGates ?? [];
  return gates.map(({ conditionType }) =>
    pod.status?.conditions?.find(({ type }: Json) => type === conditionType),
  );
}

/** Of an object that we know and an answer to a write, which the watch may have overtaken. */
function newer(known: Json, answered: Json): Json {
  const version = ({ metadata }: Json): number => Number(metadata.resourceVersion);
  return version(known) > version(answered) ? known : answered;
}
