import { millis, type Millis } from "../core/units.ts";

/**
 * The written forms of lengths of time, sizes and shares. Each reader answers `undefined` for a text that is not
 * of its form; the patterns are published in the JSON Schema, so they alone decide what a text may look like.
 */

export const DURATION = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/;
export const SIZE = /^(\d+(?:\.\d+)?)(B|kB|KB|MB|GB)$/;
export const SHARE = /^(\d+(?:\.\d+)?)%$/;
export const LATENCY = /^<\s*(\d+(?:\.\d+)?(?:ms|s|m|h))$/;
export const STATUS_RANGE = /^([1-5]\d\d)(?:-([1-5]\d\d))?$/;
export const TIME_OF_DAY = /^([01]\d|2[0-3]):([0-5]\d)$/;

const MS_PER = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 } as const;
/** Longest length of time that a wait may have: `setTimeout` counts in 31 bits. */
const LONGEST = 2 ** 31 - 1;
const BYTES_PER = { B: 1, kB: 1_000, KB: 1_000, MB: 1_000_000, GB: 1_000_000_000 } as const;

/** `300ms`, `5s`, `1.5m`, `2h`, up to 24 days; whole milliseconds. */
export function readDuration(text: string): Millis | undefined {
  const [, count, unit] = DURATION.exec(text) ?? [];
  if (count === undefined) return undefined;
  const value = Math.round(Number(count) * MS_PER[unit as keyof typeof MS_PER]);
  return value <= LONGEST ? millis(value) : undefined;
}

/** `512kB`, `10MB`, `1GB`, in powers of ten; whole bytes. */
export function readSize(text: string): number | undefined {
  const [, count, unit] = SIZE.exec(text) ?? [];
  if (count === undefined) return undefined;
  const value = Math.round(Number(count) * BYTES_PER[unit as keyof typeof BYTES_PER]);
  return Number.isSafeInteger(value) ? value : undefined;
}

/** `1%` is 0.01. More than 100 % is no share. */
export function readShare(text: string): number | undefined {
  const count = SHARE.exec(text)?.[1];
  if (count === undefined || Number(count) > 100) return undefined;
  // Shifting the decimal point in text, so that 1.1% is 0.011 and not 0.011000000000000001.
  return Number(`${count}e-2`);
}

/** `< 300ms` */
export function readLatency(text: string): Millis | undefined {
  const duration = LATENCY.exec(text)?.[1];
  return duration === undefined ? undefined : readDuration(duration);
}

/** `200` or `200-299`, both ends included. */
export function readStatusRange(text: string): readonly [number, number] | undefined {
  const [, from, to] = STATUS_RANGE.exec(text) ?? [];
  if (from === undefined) return undefined;
  const range = [Number(from), Number(to ?? from)] as const;
  return range[0] <= range[1] ? range : undefined;
}

/** `08:30`, as minutes since midnight. */
export function readTimeOfDay(text: string): number | undefined {
  const [, hours, minutes] = TIME_OF_DAY.exec(text) ?? [];
  return hours === undefined ? undefined : Number(hours) * 60 + Number(minutes);
}
