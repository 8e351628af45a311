import { z } from "zod";
import * as units from "../units.ts";

/**
 * The building blocks of the schema. The message of a schema says what was expected (`a duration such as "5s"`);
 * `issues.ts` makes the sentence, because only it knows what came and where it was written.
 */

/**
 * Where descriptions and defaults are kept for the JSON Schema. Registering changes nothing, where `meta` and
 * `describe` would copy the schema: building it is half of what loading a file costs.
 */
export const DOCS = z.globalRegistry;

/** A map with these keys and no others. The message of an unknown key lists the valid ones, for the hint. */
export function shape<Fields extends z.core.$ZodShape>(
  fields: Fields,
  expected = `a map with ${listed(Object.keys(fields))}`,
) {
  const keys = Object.keys(fields);
  return z.strictObject(fields, {
    error: (issue) => (issue.code === "unrecognized_keys" ? keys.join(",") : expected),
  });
}

/** `a, b or c`; long lists are cut. */
export function listed(words: readonly string[], last = "or"): string {
  if (words.length > 6) return `keys such as ${words.slice(0, 4).join(", ")}`;
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} ${last} ${words.at(-1)}`;
}

/**
 * A text that a reader understands; the pattern goes into the JSON Schema.
 * @param beyond what is wrong with a text that has the form and that the reader refuses nevertheless.
 */
function written<T>(
  title: string,
  expected: string,
  pattern: RegExp,
  read: (text: string) => T | undefined,
  beyond: string,
) {
  return z
    .string(expected)
    .regex(pattern, { error: expected, abort: true })
    .meta({ title })
    .transform((text, context) => {
      const value = read(text);
      if (value !== undefined) return value;
      fault(context, `${text} ${beyond}`, text);
      return z.NEVER;
    });
}

export const duration = written(
  "duration",
  'a duration such as "300ms", "5s", "10m" or "2h"',
  units.DURATION,
  units.readDuration,
  "is longer than 24 days",
);
export const size = written(
  "size",
  'a size such as "512kB" or "10MB"',
  units.SIZE,
  units.readSize,
  "is larger than any file",
);
export const share = written(
  "share",
  'a share such as "1%"',
  units.SHARE,
  units.readShare,
  "is more than 100%",
);
export const latency = written(
  "bound",
  'a bound such as "< 300ms"',
  units.LATENCY,
  units.readLatency,
  "is longer than 24 days",
);
export const statusRange = written(
  "status range",
  'a status such as 200 or "200-299"',
  units.STATUS_RANGE,
  units.readStatusRange,
  "goes from high to low",
);
export const timeOfDay = written(
  "time of day",
  'a time of day such as "08:30"',
  units.TIME_OF_DAY,
  units.readTimeOfDay,
  "is no time of day",
);

export const text = (expected = "text") => z.string(expected).min(1, expected);

export function whole(
  min: number,
  max = 1_000_000_000,
  expected = `a whole number from ${min}${max < 1_000_000_000 ? ` to ${max}` : ""}`,
) {
  return z.int(expected).min(min, expected).max(max, expected).meta({ title: "whole number" });
}

export const port = whole(0, 65_535, "a port from 0 to 65535").meta({ title: "port" });

export function oneOf<const Words extends readonly [string, ...string[]]>(words: Words) {
  return z.enum(words, `one of ${words.join(", ")}`);
}

/** Letters, digits and dashes: the name becomes part of folder and host names. */
export const NAME = /^[a-z0-9](?:[a-z0-9-]{0,48}[a-z0-9])?$/;
export const name = () => {
  const expected = "a name of at most 50 lower-case letters, digits and dashes";
  return z.string(expected).regex(NAME, expected).meta({ title: "name" });
};

/** A text or what has a text of its own: `PORT: 8080` in an environment is the text `8080`. */
export const textLike = z
  .union([z.string(), z.number(), z.boolean()], "text, a number or true or false")
  .transform((value) => String(value));

export const texts = (what: string, of: string) =>
  z.record(z.string(), textLike, `a map of ${what} to ${of}`);

/** A list, or the one thing that would be in it. */
export function oneOrMore<T extends z.ZodType>(item: T, expected: string) {
  // The single thing is wrapped before the union: its own output may be a list (a range of statuses is a pair).
  const single = item.transform((value): z.output<T>[] => [value]);
  return z
    .union([single, z.array(item).min(1, expected)], expected)
    .transform((value) => value as z.output<T>[]);
}

/** Compiled as `src/health/body.ts` does it: without flags. */
export const pattern = text("a regular expression")
  .superRefine((source, context) => {
    try {
      new RegExp(source);
    } catch (error) {
      fault(
        context,
        (error as Error).message.replace(/^Invalid regular expression/, "not a regular expression"),
        source,
      );
    }
  })
  .meta({ title: "regular expression" });

/** A problem in a full sentence, with the value at `path` below the one that is checked. */
export function fault(
  context: z.RefinementCtx,
  message: string,
  input: unknown,
  path: readonly PropertyKey[] = [],
): void {
  context.addIssue({ code: "custom", message, input, path: [...path] });
}

/** Two things that are right by themselves and cannot both hold. `points` says what to point at. */
export function contradiction(
  context: z.RefinementCtx,
  message: string,
  path: readonly PropertyKey[],
  points: "key" | "value" = "value",
): void {
  context.addIssue({ code: "custom", message, path: [...path], params: { contradiction: points } });
}

/** Exactly one of these keys must be given. */
export function exactlyOne(keys: readonly string[]) {
  return (value: object, context: z.RefinementCtx): void => {
    const given = keys.filter((key) => (value as Record<string, unknown>)[key] !== undefined);
    if (given.length === 0) fault(context, `expected one of ${keys.join(", ")}, got none`, value);
    for (const key of given.slice(1))
      contradiction(
        context,
        `"${key}" beside "${given[0]}": only one of ${keys.join(", ")} can be chosen`,
        [key],
        "key",
      );
  };
}
