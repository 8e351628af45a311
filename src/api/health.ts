import type { CheckPlan, Sample } from "../core/checks.ts";
import { emptyTally, judge, record, type Judgement } from "../core/verdict.ts";
import { millis, SLOTS, type Cause, type Revision, type Slot } from "../core/units.ts";
import { sampleRound } from "../engine/checks.ts";
import { boundedRead, CALL_BOUND } from "../engine/ports.ts";
import type { Connection } from "./connection.ts";

/** What one round of the configured checks says about a slot. */
export type SlotHealth =
  | { readonly is: "empty"; readonly slot: Slot }
  | { readonly is: "unreadable"; readonly slot: Slot; readonly cause: Cause }
  | {
      readonly is: "asked";
      readonly slot: Slot;
      readonly revision?: Revision;
      readonly samples: readonly Sample[];
      /** `pass` only when enough replicas passed every check. */
      readonly decision: Judgement["decision"];
      readonly summary: string;
    };

/** Asks every configured check of every replica of both slots once. Changes nothing. */
export async function askHealth(connection: Connection, signal: AbortSignal): Promise<readonly SlotHealth[]> {
  const checks = await connection.wishes.checks(signal);
  if (checks.is === "unavailable")
    return SLOTS.map((slot) => ({ is: "unreadable", slot, cause: checks.cause }));
  return Promise.all(SLOTS.map((slot) => askSlot(connection, slot, checks.plan, signal)));
}

async function askSlot(
  connection: Connection,
  slot: Slot,
  checks: CheckPlan,
  signal: AbortSignal,
): Promise<SlotHealth> {
  const { clock, target, probe } = connection;
  const [seen, reach] = await Promise.all([
    boundedRead(clock, CALL_BOUND, signal, (end) => target.slots.observe(slot, end)),
    boundedRead(clock, CALL_BOUND, signal, (end) => target.slots.reach(slot, end)),
  ]);
  if (seen.is === "unreadable") return { is: "unreadable", slot, cause: seen.cause };
  if (seen.value.wanted === 0 && seen.value.replicas.length === 0) return { is: "empty", slot };
  if (reach.is === "unreadable") return { is: "unreadable", slot, cause: reach.cause };
  // One round has to be enough for a verdict.
  const plan = {
    ...checks,
    window: { ...checks.window, of: 1, passes: 1, consecutive: 1, deadline: millis(0) },
  };
  const { revision = { id: "unknown", config: "" }, replicas } = seen.value;
  const samples = await sampleRound({ clock, probe, plan, reach: reach.value, revision, attempt: 1 }, signal);
  const { decision, summary } = judge(record(emptyTally(), samples, replicas), plan, replicas, [], millis(1));
  return {
    is: "asked",
    slot,
    samples,
    decision,
    summary,
    ...(seen.value.revision === undefined ? {} : { revision: seen.value.revision }),
  };
}
