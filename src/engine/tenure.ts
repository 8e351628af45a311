import type { Cause, Millis } from "../core/units.ts";
import type { Key } from "../ports/store.ts";
import { claimTarget } from "./claiming.ts";
import { acquire, type Acquired, type HeldLease } from "./lease.ts";
import type { EnginePorts } from "./ports.ts";

/** This process's right to advance a deployment: its lease, whether the target took the fence, and how it was lost. */
export class Tenure {
  readonly #ports: EnginePorts;
  readonly #key: Key;
  #lease: HeldLease | undefined;
  #claimed = false;
  #claiming = false;
  #lost: Cause | undefined;

  constructor(ports: EnginePorts, key: Key) {
    this.#ports = ports;
    this.#key = key;
  }

  get lease(): HeldLease | undefined {
    return this.#lease;
  }

  /** The target took the lease's fence. */
  get claimed(): boolean {
    return this.#claimed;
  }

  /** Why the deployment is no longer this process's: somebody else's fence, or no store for too long. */
  get lost(): Cause | undefined {
    return this.#lost;
  }

  /** The same, or that the lease itself was lost. */
  get over(): Cause | undefined {
    if (this.#lost !== undefined || this.#lease?.lost.aborted !== true) return this.#lost;
    return { code: "TEAL-D130", message: `the lease is lost: ${textOf(this.#lease.lost.reason)}` };
  }

  /** Nothing is written after the present turn; a lease that is still held is freed at the end. */
  lose(cause: Cause): void {
    this.#lost = cause;
  }

  /** Takes the lease, waiting for it as `acquire` says. Neither journal nor target know of its fence yet. */
  async take(waitAtMost: Millis, signal: AbortSignal): Promise<Acquired> {
    const { store, clock, holder, isGone } = this.#ports;
    const got = await acquire({ store, key: this.#key, holder, clock, isGone, waitAtMost, signal });
    if (got.is !== "held") return got;
    this.#lease = got.lease;
    this.#claimed = false;
    return got;
  }

  /** Registers the fence with the target, once at a time; what is not settled is tried again by the next call. */
  async shutOthersOut(): Promise<void> {
    const lease = this.#lease;
    if (lease === undefined || this.#claimed || this.#claiming) return;
    this.#claiming = true;
    const answer = await claimTarget(this.#ports.target, this.#ports.clock, lease.fence);
    this.#claiming = false;
    if (this.#lease !== lease) return;
    this.#claimed = answer.is === "claimed";
    if (answer.is === "fenced")
      this.lose(
        answer.cause ?? { code: "TEAL-D130", message: `fence ${answer.by} is in force at the target` },
      );
  }

  /** Frees the lease; it may be taken again. Late answers still belong to it until the store was told. */
  async giveBack(): Promise<void> {
    await this.#lease?.release();
    this.#lease = undefined;
  }

  /** Frees the lease for good: no late answer belongs to it from here on. */
  async end(): Promise<void> {
    const lease = this.#lease;
    this.#lease = undefined;
    await lease?.release();
  }
}

function textOf(reason: unknown): string {
  return reason instanceof Error ? reason.message : String(reason);
}
