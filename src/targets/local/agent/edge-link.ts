import { SLOTS, type Slot } from "../../../core/units.ts";
import type { EdgeMethods, Member } from "../protocol.ts";
import { RpcClient } from "../rpc.ts";

/** An edge that answered nothing for so long (ms) has no requests in flight and no memory of who was a member. */
const GONE_AFTER = 2_000;
/** Bound of one question to the edge, in ms. */
const ASK_AT_MOST = 2_000;

/**
 * Keeps the edge told who may get requests. The edge is another process that may be killed, upgraded or not there
 * yet: what it should know is kept here and told again whenever its epoch changed.
 */
export class EdgeLink {
  readonly #client: RpcClient;
  readonly #say: (line: string) => void;
  readonly #acknowledged: (slot: Slot) => void;
  /** Incarnations that the edge was told last, whichever edge it was: one that restarts remembers them. */
  readonly #known: Record<Slot, readonly string[]> = { blue: [], green: [] };
  /** Absent until the slot was looked at: a fresh agent must not take away what its predecessor had told. */
  readonly #desired: Partial<Record<Slot, readonly Member[]>> = {};
  /** Who was told (as JSON) to the edge of `#epoch`. */
  readonly #told: Partial<Record<Slot, string>> = {};
  #epoch: string | undefined;
  #silentSince = performance.now();
  #running: Promise<void> | undefined;
  #again = false;
  #reachable = false;

  /** @param acknowledged told when the edge has taken over the members of a slot. */
  constructor(socket: string, say: (line: string) => void, acknowledged: (slot: Slot) => void) {
    this.#client = new RpcClient(socket);
    this.#say = say;
    this.#acknowledged = acknowledged;
  }

  get reachable(): boolean {
    return this.#reachable;
  }

  /** Whether the edge acknowledged this life as a member. */
  knows(slot: Slot, incarnation: string): boolean {
    return this.#known[slot].includes(incarnation);
  }

  desire(slot: Slot, members: readonly Member[]): void {
    if (JSON.stringify(members) === JSON.stringify(this.#desired[slot])) return;
    this.#desired[slot] = members;
    void this.sync();
  }

  /** Asks the edge who it is and tells it what it does not know. Never rejects; calls while one runs are joined. */
  sync(): Promise<void> {
    if (this.#running !== undefined) {
      this.#again = true;
      return this.#running;
    }
    this.#running = this.#sync().finally(() => {
      this.#running = undefined;
      if (this.#again) {
        this.#again = false;
        void this.sync();
      }
    });
    return this.#running;
  }

  /**
   * Requests the edge still has with a replica that is no member any more. `unknown` until the edge has acknowledged
   * that it is none, and when it cannot be asked; 0 when there has been no edge for a while.
   */
  async residual(slot: Slot, replica: string, incarnation: string): Promise<number | "unknown"> {
    if (!this.#reachable) return performance.now() - this.#silentSince >= GONE_AFTER ? 0 : "unknown";
    const members = this.#desired[slot];
    if (members === undefined || this.#told[slot] !== JSON.stringify(members)) return "unknown";
    if (members.some((member) => member.incarnation === incarnation)) return "unknown";
    try {
      const residual = await this.#ask("residual", { slot, replica, incarnation });
      return residual.inFlight ?? "unknown";
    } catch {
      return "unknown";
    }
  }

  /** Ends what the replica's streams still hold, before it is stopped. */
  async release(slot: Slot, replica: string, incarnation: string): Promise<void> {
    try {
      await this.#ask("release", { slot, replica, incarnation });
    } catch {
      // No edge: nothing holds a stream of it.
    }
  }

  /** The edge was ended on purpose: it has nothing in flight and is not waited for. */
  ended(): void {
    this.#reachable = false;
    this.#silentSince = -Infinity;
  }

  close(): void {
    this.#client.close();
  }

  async #sync(): Promise<void> {
    try {
      const { epoch } = await this.#ask("hello", {});
      if (epoch !== this.#epoch) {
        this.#epoch = epoch;
        for (const slot of SLOTS) delete this.#told[slot];
      }
      this.#reachable = true;
      for (const slot of SLOTS) await this.#tell(slot);
    } catch {
      if (this.#reachable) this.#silentSince = performance.now();
      this.#reachable = false;
      this.#epoch = undefined;
    }
  }

  async #tell(slot: Slot): Promise<void> {
    const members = this.#desired[slot];
    const text = JSON.stringify(members);
    if (members === undefined || this.#told[slot] === text) return;
    await this.#ask("members", { slot, members });
    this.#told[slot] = text;
    this.#known[slot] = members.map((member) => member.incarnation);
    this.#say(`edge: ${slot} is ${members.map((member) => member.replica).join(", ") || "nobody"}`);
    this.#acknowledged(slot);
  }

  #ask<M extends keyof EdgeMethods>(method: M, params: EdgeMethods[M][0]): Promise<EdgeMethods[M][1]> {
    return this.#client.call(method, params, ASK_AT_MOST);
  }
}
