import type { Happening, HistoryRow, JournalEvent } from "../../core/journal.ts";
import { deploymentId, fence as toFence, instant } from "../../core/units.ts";
import type { DeploymentId, Fence, Instant } from "../../core/units.ts";
import type { Key, StateStore } from "../../ports/store.ts";
import { idUsed, unknownDeployment } from "../causes.ts";
import { KEPT_JOURNALS } from "../kept.ts";
import { fit } from "../sizes.ts";
import type { Line } from "../sizes.ts";
import type { Transaction } from "./connection.ts";
import * as sql from "./statements.ts";

/** What one transaction does for each method of the port that concerns journals. `at` stamps the events. */
export type Answer<Method extends Exclude<keyof StateStore, "changed">> = Exclude<
  Awaited<ReturnType<StateStore[Method]>>,
  { readonly is: "unavailable" }
>;

export function openDeployment(
  t: Transaction,
  key: Key,
  id: DeploymentId,
  first: Happening,
  at: Instant,
): Answer<"open"> {
  lockKey(t, key);
  const other = t.rows(sql.FIND_OPEN, key.service, key.environment)[0];
  if (other !== undefined) return t.refuse({ is: "taken", by: deploymentId(String(other["id"])) });
  if (t.rows(sql.ID_USED, id).length > 0) return t.refuse(idUsed(id));
  const fits = fit(id, 0, [first], "step");
  if (fits.is === "rejected") return t.refuse(fits);
  const added = t.rows(sql.ADD_DEPLOYMENT, id, key.service, key.environment)[0];
  addEvents(t, id, 0, fits, at);
  return { is: "opened", number: Number(added?.["number"]) };
}

export function currentDeployment(t: Transaction, key: Key, after: number): Answer<"current"> {
  const open = t.rows(sql.FIND_OPEN, key.service, key.environment)[0];
  if (open === undefined) return { is: "none" };
  const id = deploymentId(String(open["id"]));
  return { is: "open", journal: { id, events: readEvents(t, id, after) }, number: Number(open["number"]) };
}

export function appendEvents(
  t: Transaction,
  key: Key,
  id: DeploymentId,
  expected: number,
  events: readonly Happening[],
  fence: Fence | "ask",
  at: Instant,
): Answer<"append"> {
  const found = findWritable(t, key, id, expected, fence);
  if (found.is !== "writable") return t.refuse(found);
  const fits = fit(id, found.size, events, fence === "ask" ? "ask" : "step");
  if (fits.is === "rejected") return t.refuse(fits);
  return { is: "appended", events: addEvents(t, id, expected, fits, at) };
}

export function closeDeployment(
  t: Transaction,
  key: Key,
  id: DeploymentId,
  expected: number,
  event: Happening,
  row: HistoryRow,
  fence: Fence,
  at: Instant,
): Answer<"close"> {
  const found = findWritable(t, key, id, expected, fence);
  if (found.is !== "writable") return t.refuse(found);
  const fits = fit(id, found.size, [event], "close");
  if (fits.is === "rejected") return t.refuse(fits);
  addEvents(t, id, expected, fits, at);
  const number = Number(t.rows(sql.CLOSE_DEPLOYMENT, id)[0]?.["number"]);
  t.rows(sql.ADD_HISTORY, key.service, key.environment, number, JSON.stringify(row));
  for (const old of t.rows(sql.PRUNABLE, key.service, key.environment, number - KEPT_JOURNALS)) {
    t.rows(sql.DROP_EVENTS, old["id"] ?? null);
    t.rows(sql.MARK_PRUNED, old["id"] ?? null);
  }
  return { is: "closed" };
}

export function readHistory(t: Transaction, key: Key, limit: number): Answer<"history"> {
  const rows = t.rows(sql.READ_HISTORY, key.service, key.environment, limit);
  return { is: "rows", rows: rows.map((row) => JSON.parse(String(row["body"])) as HistoryRow) };
}

export function deploymentEvents(t: Transaction, key: Key, id: DeploymentId): Answer<"events"> {
  const found = t.rows(sql.FIND_DEPLOYMENT, id, key.service, key.environment)[0];
  if (found === undefined) return unknownDeployment(key, id);
  return found["pruned"] === 1 ? { is: "pruned" } : { is: "events", events: readEvents(t, id, 0) };
}

/** Locks the key; answers the highest fence that was taken. */
function lockKey(t: Transaction, key: Key): Fence {
  return toFence(Number(t.rows(sql.LOCK_KEY, key.service, key.environment)[0]?.["fence"]));
}

type Unwritable = Extract<Answer<"append">, Answer<"close">>;

function findWritable(
  t: Transaction,
  key: Key,
  id: DeploymentId,
  expected: number,
  fence: Fence | "ask",
): { readonly is: "writable"; readonly size: number } | Unwritable {
  const held = lockKey(t, key);
  const found = t.rows(sql.FIND_DEPLOYMENT, id, key.service, key.environment)[0];
  if (found === undefined) return unknownDeployment(key, id);
  if (found["is_open"] !== 1) return { is: "closed" };
  if (fence !== "ask" && held > fence) return { is: "fenced", by: held };
  const seq = Number(found["seq"]);
  return seq === expected ? { is: "writable", size: Number(found["size"]) } : { is: "conflict", seq };
}

function addEvents(
  t: Transaction,
  id: DeploymentId,
  before: number,
  fits: { readonly lines: readonly Line[]; readonly size: number },
  at: Instant,
): JournalEvent[] {
  t.rows(sql.ADVANCE, id, before + fits.lines.length, fits.size, before);
  return fits.lines.map(({ body }, index) => {
    const seq = before + 1 + index;
    t.rows(sql.ADD_EVENT, id, seq, at, body);
    return { ...(JSON.parse(body) as Happening), seq, at };
  });
}

function readEvents(t: Transaction, id: DeploymentId, after: number): JournalEvent[] {
  return t.rows(sql.READ_EVENTS, id, after).map((row) => {
    const happening = JSON.parse(String(row["body"])) as Happening;
    return { ...happening, seq: Number(row["seq"]), at: instant(Number(row["at"])) };
  });
}
