/** A length of time as people write it: `0.1 s`, `30 s`, `10 min`, `2.5 h`. */
export function timeInWords(ms: number): string {
  if (ms === 0) return "0 s";
  if (ms < 60_000) return `${trim(ms / 1000, ms < 1000 ? 2 : 1)} s`;
  if (ms < 3_600_000) return `${trim(ms / 60_000, 1)} min`;
  return `${trim(ms / 3_600_000, 1)} h`;
}

function trim(value: number, digits: number): string {
  return String(Number(value.toFixed(digits)));
}
