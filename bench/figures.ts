import { readFileSync } from "node:fs";

/** The value that `share` (0..1) of all are not above. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** How many there are, and what half and nearly all of them are not above. */
export interface Spread {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
}

export function spread(values: readonly number[]): Spread {
  return { count: values.length, p50: rounded(quantile(values, 0.5)), p99: rounded(quantile(values, 0.99)) };
}

/** Three digits tell all that a shared machine can. */
export function rounded(value: number): number {
  return Number(value.toPrecision(3));
}

/** What a process used so far: CPU time in µs, and the memory it holds in MB; undefined where the system does not tell. */
export function usage(pid: number): { readonly cpu: number; readonly rss: number } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // Fields 14 and 15 (user and system time in ticks of 10 ms), counted after the last ")". See proc(5).
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const kilobytes = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    return { cpu: (Number(fields[11]) + Number(fields[12])) * 10_000, rss: Number(kilobytes) / 1024 };
  } catch {
    return undefined;
  }
}
