import type { SlotSpec } from "../core/calls.ts";
import type { Borrowed, Read, SlotState } from "../core/observed.ts";
import type { Slot } from "../core/units.ts";
import type { Way } from "./exchange.ts";
import type { By, Expect, Fenced, Write } from "./write.ts";

/**
 * One way to reach one replica privately, without production traffic.
 * `http` and `tcp` name an address; `exec` runs a command beside the replica, in its environment.
 */
export interface Reach {
  readonly replica: string;
  readonly incarnation: string;
  /** No process runs as this replica now: there is nothing to ask, only its last lines can be read. */
  readonly ended?: true;
  readonly host: string;
  readonly port: number;
  /** Set where that address cannot be reached from here: `http` and `tcp` go this way instead. */
  readonly way?: Way;
  /** Pids of the replica's process group, where the target knows them; proves identity `by: process`. */
  readonly group?: number;
  readonly exec?: (
    command: readonly string[] | string,
    signal: AbortSignal,
  ) => Promise<{ readonly exit: number | null; readonly output: string }>;
  /** The last lines the replica wrote, oldest first. */
  readonly tail: (lines: number) => Promise<readonly string[]>;
}

/**
 * Where revisions run. No method waits for readiness: the engine looks again.
 * An ensure or retire that is `applied` was accepted and recorded durably; the slot then settles by itself.
 */
export interface SlotProvider extends Fenced {
  /** What the slot is told and what it has. An empty slot is seen, with `wanted: 0` and no replicas. */
  observe(slot: Slot, signal: AbortSignal): Promise<Read<SlotState>>;
  /** Makes the slot have `want`. A slot that runs another revision is changed only when it has no replicas. */
  ensure(slot: Slot, want: SlotSpec, expect: Expect, by: By): Promise<Write<SlotState>>;
  /** Leaves `keep` replicas; the ones that go get no new requests, finish what they have, then stop. */
  retire(slot: Slot, keep: number, expect: Expect, by: By): Promise<Write<SlotState>>;
  /** Puts back a borrowed value exactly. Repeating it changes nothing. */
  restore(borrowed: Borrowed, by: By): Promise<Write<SlotState>>;
  reach(slot: Slot, signal: AbortSignal): Promise<Read<readonly Reach[]>>;
}
