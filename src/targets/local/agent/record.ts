import type { SlotSpec } from "../../../core/calls.ts";
import { sameRevision, type Instant, type Slot } from "../../../core/units.ts";
import type { ServiceFile } from "../protocol.ts";

/** The numbers of `service.json` that decide about lives. */
export type Policy = ServiceFile["replicas"];

/** `slots.json`: what each slot is told and which lives its replicas have. Durable before anything is acknowledged. */
export interface SlotsFile {
  readonly format: 1;
  /** Writes with a lower one are refused. Never falls. */
  readonly fence: number;
  readonly slots: Readonly<Record<Slot, SlotRecord>>;
}

export interface SlotRecord {
  /** Grows with every accepted change of what the slot is told; what `expect` is compared with. */
  readonly version: number;
  /** Absent: the slot was never told anything. All replicas are of this revision. */
  readonly want?: SlotSpec;
  readonly replicas: readonly ReplicaRecord[];
}

export interface ReplicaRecord {
  /** `green-1` */
  readonly id: string;
  readonly n: number;
  /** The life that runs or ran last; absent before the first. */
  readonly incarnation?: string;
  /** Absent: no life runs, or the one that ran has ended. */
  readonly startedAt?: Instant;
  /** Told to go: gets no new requests, and stops when its own are finished. */
  readonly leavingSince?: Instant;
  /** The edge acknowledged it as a member: it was ready, and users can reach it. */
  readonly listed: boolean;
  readonly restarts: number;
  /** Ends nobody asked for, oldest first, since a life lasted longer than the crash-loop window. */
  readonly crashes: readonly Instant[];
  readonly exit?: { readonly code: number | null; readonly signal: string | null; readonly at: Instant };
}

/** More crashes than this tell nothing more; the backoff has reached any cap long before. */
const CRASHES_KEPT = 32;

export const EMPTY: SlotsFile = {
  format: 1,
  fence: 0,
  slots: { blue: { version: 0, replicas: [] }, green: { version: 0, replicas: [] } },
};

export function newReplica(slot: Slot, n: number): ReplicaRecord {
  return { id: `${slot}-${n}`, n, listed: false, restarts: 0, crashes: [] };
}

/** A life begins. */
export function begun(replica: ReplicaRecord, incarnation: string, at: Instant): ReplicaRecord {
  const restarts = replica.crashes.length > 0 ? replica.restarts + 1 : replica.restarts;
  return { ...replica, incarnation, startedAt: at, listed: false, restarts };
}

/** A life ended that nobody had asked to end. */
export function crashed(
  replica: ReplicaRecord,
  exit: NonNullable<ReplicaRecord["exit"]>,
  policy: Policy,
): ReplicaRecord {
  const { startedAt, ...rest } = replica;
  const lasted = exit.at - (startedAt ?? exit.at) >= policy.crashLoop.within;
  const crashes = [...(lasted ? [] : replica.crashes), exit.at].slice(-CRASHES_KEPT);
  return { ...rest, listed: false, exit, crashes };
}

/** A life ended that was told to, or with its boot of the machine: no crash, so another may start at once. */
export function endedUnblamed({ startedAt: _, ...rest }: ReplicaRecord): ReplicaRecord {
  return { ...rest, listed: false, crashes: [] };
}

export type Told =
  | { readonly is: "accepted"; readonly file: SlotsFile }
  | { readonly is: "unchanged" | "conflict"; readonly file: SlotsFile }
  | { readonly is: "fenced"; readonly by: number }
  | { readonly is: "occupied"; readonly by: SlotSpec };

/** What becomes of an `ensure`. A higher fence is registered whatever the answer is. */
export function toldEnsure(file: SlotsFile, slot: Slot, want: SlotSpec, expect: string, fence: number): Told {
  return told(file, slot, expect, fence, (record) => {
    const before = record.want;
    if (before !== undefined && record.replicas.length > 0 && !sameRevision(before.revision, want.revision)) {
      return { is: "occupied", by: before };
    }
    return before !== undefined && sameSpec(before, want) ? "unchanged" : want;
  });
}

/** What becomes of a `retire`: it never raises the number of replicas. */
export function toldRetire(file: SlotsFile, slot: Slot, keep: number, expect: string, fence: number): Told {
  return told(file, slot, expect, fence, ({ want }) =>
    want === undefined || want.replicas <= keep ? "unchanged" : { ...want, replicas: keep },
  );
}

/** Registers a fence; lower ones are refused from then on. */
export function toldClaim(file: SlotsFile, fence: number): Told {
  if (fence < file.fence) return { is: "fenced", by: file.fence };
  return fence === file.fence ? { is: "unchanged", file } : { is: "accepted", file: { ...file, fence } };
}

function told(
  file: SlotsFile,
  slot: Slot,
  expect: string,
  fence: number,
  change: (record: SlotRecord) => SlotSpec | "unchanged" | (Told & { readonly is: "occupied" }),
): Told {
  if (fence < file.fence) return { is: "fenced", by: file.fence };
  const claimed = { ...file, fence };
  const record = claimed.slots[slot];
  const want = change(record);
  // Same want: already true, whoever asked, so a repeated step converges even with an outdated version.
  if (want === "unchanged") return { is: "unchanged", file: claimed };
  if (expect !== "any" && expect !== String(record.version)) return { is: "conflict", file: claimed };
  if ("is" in want) return want;
  const next: SlotRecord = { ...record, version: record.version + 1, want };
  return { is: "accepted", file: { ...claimed, slots: { ...claimed.slots, [slot]: next } } };
}

function sameSpec(a: SlotSpec, b: SlotSpec): boolean {
  const fields = ({ revision, replicas, checks }: SlotSpec) =>
    JSON.stringify([revision.id, revision.config, replicas, checks]);
  return fields(a) === fields(b);
}
