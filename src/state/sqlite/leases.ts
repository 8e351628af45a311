import type { Holder } from "../../core/journal.ts";
import { fence as toFence } from "../../core/units.ts";
import type { Fence } from "../../core/units.ts";
import type { Key, Lease } from "../../ports/store.ts";
import type { Row, Transaction } from "./connection.ts";
import type { Answer } from "./journal.ts";
import * as sql from "./statements.ts";

export function readLease(t: Transaction, key: Key): Answer<"lease"> {
  const lease = find(t, key);
  return lease === undefined ? { is: "none" } : { is: "lease", lease };
}

export function takeLease(
  t: Transaction,
  key: Key,
  holder: Holder,
  seen: Pick<Lease, "fence" | "beat"> | "free",
  claimed: number,
): Answer<"take"> {
  const before = toLease(t.rows(sql.LOCK_KEY, key.service, key.environment)[0]);
  // No lease has fence 0, so a caller that saw it free takes only a free one.
  const { fence, beat } = seen === "free" ? { fence: 0, beat: 0 } : seen;
  const { service, environment } = key;
  const text = JSON.stringify(holder);
  const taken = t.rows(sql.TAKE_LEASE, service, environment, text, fence, beat, claimed)[0];
  if (taken !== undefined) return { is: "taken", fence: toFence(Number(taken["fence"])) };
  if (before === undefined) throw new Error("a lease that nobody ever took could not be taken");
  return t.refuse({ is: "held", lease: before });
}

export function beatLease(t: Transaction, key: Key, fence: Fence): Answer<"beat"> {
  const beaten = t.rows(sql.BEAT, key.service, key.environment, fence);
  return beaten.length > 0 ? { is: "held" } : t.refuse(lost(t, key));
}

export function releaseLease(t: Transaction, key: Key, fence: Fence): Answer<"release"> {
  const released = t.rows(sql.RELEASE, key.service, key.environment, fence);
  return released.length > 0 ? { is: "released" } : t.refuse(lost(t, key));
}

function lost(t: Transaction, key: Key): { readonly is: "lost"; readonly by: Fence } {
  return { is: "lost", by: find(t, key)?.fence ?? toFence(0) };
}

function find(t: Transaction, key: Key): Lease | undefined {
  return toLease(t.rows(sql.READ_LEASE, key.service, key.environment)[0]);
}

/** A row with fence 0 stands for a key whose lease nobody ever took. */
function toLease(row: Row | undefined): Lease | undefined {
  if (row === undefined || row["fence"] === 0) return undefined;
  return {
    fence: toFence(Number(row["fence"])),
    holder: JSON.parse(String(row["holder"])) as Holder,
    beat: Number(row["beat"]),
    released: row["released"] === 1,
  };
}
