import type { Instant } from "../core/units.ts";

/** `14:32:05`, in the time zone of this machine. */
export function formatTime(at: Instant): string {
  const date = new Date(at);
  return [date.getHours(), date.getMinutes(), date.getSeconds()]
    .map((part) => String(part).padStart(2, "0"))
    .join(":");
}

/** So near (ms), seconds matter to who reads it. */
const NEAR = 300_000;

/** `14:32`, with seconds where it is near and with the date where it is not today's. */
export function formatUntil(at: Instant, now: number): string {
  const time = Math.abs(at - now) < NEAR ? formatTime(at) : formatTime(at).slice(0, 5);
  const date = new Date(at);
  return date.toDateString() === new Date(now).toDateString() ? time : `${formatDate(at)} ${time}`;
}

/** `2026-03-01` */
export function formatDate(at: Instant): string {
  const date = new Date(at);
  return [date.getFullYear(), date.getMonth() + 1, date.getDate()]
    .map((part) => String(part).padStart(2, "0"))
    .join("-");
}
