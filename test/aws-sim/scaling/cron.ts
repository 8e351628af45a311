import { invalid } from "./rules.ts";

const RANGES = [
  [0, 59],
  [0, 23],
  [1, 31],
  [1, 12],
  [0, 6],
] as const;

/**
 * Whether a minute (ms since 1970, UTC) is one of `minute hour day month weekday`: https://docs.aws.amazon.com/autoscaling/ec2/userguide/scheduled-scaling-recurring.html
 * Numbers, `*`, lists, ranges and steps; names of days and months are not known here. Either day field is enough where both are restricted.
 * @throws AwsError `ValidationError`
 */
export function cron(expression: string): (instant: number) => boolean {
  const fields = expression.trim().split(/\s+/);
  if (fields.length !== 5) throw invalid(`Invalid cron expression: ${expression}`);
  const [minute, hour, day, month, weekday] = fields.map((field, n) =>
    numbers(field, RANGES[n]!, expression),
  );
  const eitherDay = fields[2] !== "*" && fields[4] !== "*";
  return (instant) => {
    const at = new Date(instant);
    const [date, dayOfWeek] = [day!.has(at.getUTCDate()), weekday!.has(at.getUTCDay())];
    return (
      minute!.has(at.getUTCMinutes()) &&
      hour!.has(at.getUTCHours()) &&
      month!.has(at.getUTCMonth() + 1) &&
      (eitherDay ? date || dayOfWeek : date && dayOfWeek)
    );
  };
}

function numbers(field: string, [first, last]: readonly [number, number], whole: string): Set<number> {
  const found = new Set<number>();
  for (const part of field.split(",")) {
    const match = /^(?:\*|(\d+)(?:-(\d+))?)(?:\/(\d+))?$/.exec(part);
    if (match === null) throw invalid(`Invalid cron expression: ${whole}`);
    const from = Number(match[1] ?? first);
    const to = Number(match[2] ?? (match[1] === undefined || match[3] !== undefined ? last : match[1]));
    if (from < first || to > last || from > to) throw invalid(`Invalid cron expression: ${whole}`);
    for (let n = from; n <= to; n += Number(match[3] ?? 1) || 1) found.add(n);
  }
  return found;
}
