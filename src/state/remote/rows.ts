import type { HistoryRow } from "../../core/journal.ts";
import type { DeploymentId } from "../../core/units.ts";

/** Rows in one page of the history. */
const PER_PAGE = 64;
/** Bytes of one row. An ordinary one has 600. */
const ROW_BOUND = 8 * 1024;

/** History rows as they are kept, by the number of their deployment. */
export type Rows = ReadonlyMap<number, string>;

export function readRow(text: string): HistoryRow {
  return JSON.parse(text) as HistoryRow;
}

/** Whether one of the rows is of this deployment. */
export function hasRow(rows: Rows, id: DeploymentId): boolean {
  return [...rows.values()].some((text) => readRow(text).id === id);
}

/** A row as it is kept: one that is too large loses its evidence, and then the end of its message. */
export function keepRow(row: HistoryRow): string {
  const whole = JSON.stringify(row);
  if (row.cause === undefined || Buffer.byteLength(whole) <= ROW_BOUND) return whole;
  const { code, message } = row.cause;
  const bare = JSON.stringify({ ...row, cause: { code, message } });
  if (Buffer.byteLength(bare) <= ROW_BOUND) return bare;
  return JSON.stringify({ ...row, cause: { code, message: `${message.slice(0, ROW_BOUND / 8)}…` } });
}

/** The page, from 1, in which a deployment's row lies. */
export function pageOf(number: number): number {
  return Math.ceil(number / PER_PAGE);
}

/** The pages with the rows of the last `count` deployments up to number `last`. */
export function pagesOf(last: number, count: number): readonly number[] {
  if (last < 1 || count < 1) return [];
  const first = pageOf(Math.max(1, last - count + 1));
  return Array.from({ length: pageOf(last) - first + 1 }, (_, index) => first + index);
}
