import type { Found, Origin } from "./query.ts";

/** Records that could not be read, by their place. */
export interface Unread {
  readonly file: string;
  readonly line: number;
  readonly says: string;
}

export interface Records {
  readonly found: readonly Found[];
  readonly unread: readonly Unread[];
}

/**
 * Queries that were recorded: lines of JSON (a capture: `sql`, and where known `calls`, `seen`, `name`), or what a
 * client printed of `pg_stat_statements` as CSV with heads, as a JSON array or as lines of JSON (`query`, `calls`).
 */
export function queriesInRecords(file: string, text: string): Records {
  const unread: Unread[] = [];
  const records = /\.csv$/iu.test(file) ? csvRecords(text) : jsonRecords(file, text, unread);
  const found = records.flatMap(({ line, value }) => {
    const one = foundIn(file, line, value);
    if (one === undefined) unread.push({ file, line, says: "neither `sql` nor `query` is text" });
    return one === undefined ? [] : [one];
  });
  return { found, unread };
}

interface OneRecord {
  readonly line: number;
  readonly value: unknown;
}

function foundIn(file: string, line: number, value: unknown): Found | undefined {
  const record = (typeof value === "object" && value !== null ? value : {}) as Record<string, unknown>;
  const { sql, query, name } = record;
  const text = typeof sql === "string" ? sql : query;
  if (typeof text !== "string") return undefined;
  const calls = Number(record["calls"] ?? Number.NaN);
  const seen = record["seen"] ?? record["stats_since"];
  const origin: Origin = {
    from: typeof sql === "string" ? "capture" : "statistics",
    file,
    line,
    column: 1,
    ...(typeof name === "string" ? { name } : {}),
  };
  return {
    text,
    origin,
    ...(Number.isSafeInteger(calls) && calls >= 0 ? { calls } : {}),
    ...(typeof seen === "string" && seen !== "" ? { seen } : {}),
  };
}

function jsonRecords(file: string, text: string, unread: Unread[]): readonly OneRecord[] {
  if (/^\s*\[/u.test(text)) {
    try {
      return (JSON.parse(text) as unknown[]).map((value) => ({ line: 1, value }));
    } catch (error) {
      unread.push({ file, line: 1, says: (error as Error).message });
      return [];
    }
  }
  return text.split("\n").flatMap((each, index) => {
    if (each.trim() === "") return [];
    try {
      return [{ line: index + 1, value: JSON.parse(each) as unknown }];
    } catch (error) {
      // A writer that was killed leaves half a line.
      unread.push({ file, line: index + 1, says: (error as Error).message });
      return [];
    }
  });
}

/** RFC 4180: quoted fields may hold commas, doubled quotes and line breaks. */
function csvRecords(text: string): readonly OneRecord[] {
  const rows: { line: number; cells: string[] }[] = [];
  let line = 1;
  let row: { line: number; cells: string[] } = { line, cells: [] };
  for (const [all, quoted, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/gu)) {
    if (all === "" && row.cells.length === 0) break;
    row.cells.push(quoted?.replaceAll('""', '"') ?? plain ?? "");
    line += all.split("\n").length - 1;
    if (end === ",") continue;
    rows.push(row);
    row = { line, cells: [] };
  }
  const [heads, ...rest] = rows;
  return rest.map(({ line: at, cells }) => ({
    line: at,
    value: Object.fromEntries((heads?.cells ?? []).map((head, index) => [head.trim(), cells[index] ?? ""])),
  }));
}
