import { renameSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { SLOTS, type Slot } from "../../../core/units.ts";
import { readJson } from "../files.ts";
import { isAlive } from "../identity.ts";
import type { Member } from "../protocol.ts";
import { Upstream } from "./upstream.ts";

type MembersRecord = Record<Slot, readonly Member[]>;

const CHECK_MS = 1_000;

/** Who may get requests of each slot, as the agent says; kept in `members.json` for the next edge. */
export class Members {
  readonly #path: string;
  readonly #connectTimeout: number;
  readonly #changed: () => void;
  readonly #of: Record<Slot, Upstream[]> = { blue: [], green: [] };
  /** Said by the agent since the start: what a restart remembers of the slot is outdated. */
  readonly #told = new Set<Slot>();
  #leaving: Upstream[] = [];
  #stamp = "";

  constructor(path: string, connectTimeout: number, changed: () => void) {
    this.#path = path;
    this.#connectTimeout = connectTimeout;
    this.#changed = changed;
  }

  of(slot: Slot): readonly Upstream[] {
    return this.#of[slot];
  }

  /** Everyone who may still work on something, those that get no new requests included. */
  everyone(slot: Slot): readonly Upstream[] {
    this.#leaving = this.#leaving.filter((upstream) => upstream.inFlight > 0);
    return [...this.#of[slot], ...this.#leaving.filter((upstream) => upstream.slot === slot)];
  }

  /** Requests and connections of both slots. */
  get inFlight(): number {
    return SLOTS.flatMap((slot) => this.everyone(slot)).reduce((sum, upstream) => sum + upstream.inFlight, 0);
  }

  set(slot: Slot, members: readonly Member[]): void {
    this.#told.add(slot);
    this.#replace(slot, members);
    this.#write();
    this.#changed();
  }

  /**
   * Believes the members of the last edge only where the same process still lives and accepts a connection: its
   * port could belong to somebody else by now. Requests wait meanwhile.
   */
  async restore(): Promise<void> {
    this.#stamp = stamp(this.#path);
    const record = this.#read();
    await Promise.all(
      SLOTS.map(async (slot) => {
        const members = record[slot];
        const checked = await Promise.all(
          members.map(async (member) => (await accepts(member)) && isAlive(member.process)),
        );
        if (this.#told.has(slot)) return;
        this.#replace(
          slot,
          members.filter((_, index) => checked[index]),
        );
        this.#changed();
      }),
    );
  }

  /** Takes over what the successor of this edge was told. */
  follow(): void {
    const now = stamp(this.#path);
    if (now === this.#stamp) return;
    this.#stamp = now;
    const record = this.#read();
    for (const slot of SLOTS) this.#replace(slot, record[slot]);
    this.#changed();
  }

  #replace(slot: Slot, members: readonly Member[]): void {
    const kept = this.#of[slot].filter((upstream) => members.some((member) => upstream.same(member)));
    for (const upstream of this.#of[slot]) {
      if (kept.includes(upstream)) continue;
      this.#leaving.push(upstream);
      upstream.leave();
    }
    const added = members.filter((member) => !kept.some((upstream) => upstream.same(member)));
    this.#of[slot] = [...kept, ...added.map((member) => new Upstream(slot, member, this.#connectTimeout))];
  }

  #read(): MembersRecord {
    try {
      return { blue: [], green: [], ...readJson<MembersRecord>(this.#path) };
    } catch {
      // Only a machine that lost its power leaves a part of this file, and then no member of it lives.
      return { blue: [], green: [] };
    }
  }

  /** Not synced to the disk: after a power loss none of these processes lives. */
  #write(): void {
    const named = (slot: Slot) => this.#of[slot].map((upstream) => upstream.member);
    const temporary = `${this.#path}.${process.pid}.tmp`;
    writeFileSync(temporary, `${JSON.stringify({ blue: named("blue"), green: named("green") })}\n`, {
      mode: 0o600,
    });
    renameSync(temporary, this.#path);
    this.#stamp = stamp(this.#path);
  }
}

function stamp(path: string): string {
  const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stats === undefined ? "none" : `${stats.ino} ${stats.mtimeNs}`;
}

function accepts(member: Member): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: member.host, port: member.port });
    const end = (answer: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(() => end(false), CHECK_MS);
    socket.once("connect", () => end(true));
    socket.once("error", () => end(false));
  });
}
