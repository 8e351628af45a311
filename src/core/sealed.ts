import type { BodyExpectation, Check, CheckPlan, HttpAsk } from "./checks.ts";
import { occurrences } from "./occurrences.ts";

/**
 * Secrets in checks. A plan is journaled, told to agents and written to files, so in its checks every secret value is
 * replaced by `{{sealed:<digest>}}`; whoever asks the check puts the value back, from what this machine keeps.
 *
 * Sealed is what a variable can have brought into a text that is asked or expected: path, headers, body, command, and
 * the expected texts, patterns and JSON values. Keys, methods, ports and times are never secrets.
 */

const OPENER = "{{sealed:";
/** `{{sealed:}}` is an opener that stood in the text itself; `{{sealed:number}}` begins the text of a JSON number. */
const LITERAL = `${OPENER}}}`;
const NUMBER = `${OPENER}number}}`;
const SEALED = /\{\{sealed:([0-9a-f]*)\}\}/gu;

/** The value a digest stands for; undefined when this machine does not know it. */
export type Lookup = (digest: string) => string | undefined;

export interface Sealed {
  readonly plan: CheckPlan;
  /** Digest to value of everything that was replaced. */
  readonly values: ReadonlyMap<string, string>;
}

/**
 * The plan without any of the secrets in its texts. Secrets that overlap become one value.
 * @param digestOf lower-case hexadecimal digits; equal values have equal ones, and nobody can guess a value from them.
 */
export function sealChecks(
  plan: CheckPlan,
  secrets: readonly string[],
  digestOf: (value: string) => string,
): Sealed {
  const values = new Map<string, string>();
  const seal = (value: string) => {
    const digest = digestOf(value);
    values.set(digest, value);
    return `${OPENER}${digest}}}`;
  };
  const text = (given: string) => {
    let sealed = "";
    let end = 0;
    for (const [from, to] of occurrences(given, secrets)) {
      sealed += escaped(given.slice(end, from)) + seal(given.slice(from, to));
      end = to;
    }
    return sealed + escaped(given.slice(end));
  };
  const json = (given: string | number) => {
    if (typeof given === "string") return text(given);
    const digits = String(given);
    const sealed = text(digits);
    return sealed === digits ? given : NUMBER + sealed;
  };
  return { plan: { ...plan, checks: plan.checks.map((check) => withTexts(check, { text, json })) }, values };
}

export type Unsealed =
  /** `values` are the secrets that are in the check now. */
  | { readonly is: "unsealed"; readonly check: Check; readonly values: readonly string[] }
  | { readonly is: "unknown"; readonly digest: string };

/** The check as it was before it was sealed. */
export function unsealCheck(check: Check, lookup: Lookup): Unsealed {
  const values = new Set<string>();
  let unknown: string | undefined;
  const text = (given: string) =>
    given.replace(SEALED, (whole, digest: string) => {
      if (whole === LITERAL) return OPENER;
      const value = lookup(digest);
      if (value === undefined) unknown = digest;
      else values.add(value);
      return value ?? whole;
    });
  const json = (given: string | number) => {
    if (typeof given === "number") return given;
    return given.startsWith(NUMBER) ? Number(text(given.slice(NUMBER.length))) : text(given);
  };
  const unsealed = withTexts(check, { text, json });
  return unknown === undefined
    ? { is: "unsealed", check: unsealed, values: [...values] }
    : { is: "unknown", digest: unknown };
}

function escaped(text: string): string {
  return text.replaceAll(OPENER, LITERAL);
}

interface Change {
  readonly text: (given: string) => string;
  /** For the strings and numbers in an expected JSON value. */
  readonly json: (given: string | number) => string | number;
}

/** The check with each of its texts that may hold a secret changed. */
function withTexts(check: Check, change: Change): Check {
  switch (check.ask) {
    case "http":
      return { ...check, http: httpWith(check.http, change) };
    case "exec": {
      const { command } = check.exec;
      const changed = typeof command === "string" ? change.text(command) : command.map(change.text);
      return { ...check, exec: { ...check.exec, command: changed } };
    }
    case "tcp":
      return check;
    default:
      return check satisfies never;
  }
}

function httpWith(http: HttpAsk, change: Change): HttpAsk {
  const { text } = change;
  const { path, headers, body, expectBody, expectHeaders } = http;
  return {
    ...http,
    path: text(path),
    headers: mapValues(headers, text),
    ...(body === undefined ? {} : { body: text(body) }),
    ...(expectBody === undefined ? {} : { expectBody: expectationWith(expectBody, change) }),
    ...(expectHeaders === undefined ? {} : { expectHeaders: mapValues(expectHeaders, text) }),
  };
}

function expectationWith(expected: BodyExpectation, change: Change): BodyExpectation {
  const { contains, matches, json } = expected;
  return {
    ...(contains === undefined ? {} : { contains: contains.map(change.text) }),
    ...(matches === undefined ? {} : { matches: change.text(matches) }),
    ...(json === undefined ? {} : { json: mapValues(json, (value) => jsonWith(value, change)) }),
  };
}

function jsonWith(value: unknown, change: Change): unknown {
  if (typeof value === "string" || typeof value === "number") return change.json(value);
  if (Array.isArray(value)) return value.map((item) => jsonWith(item, change));
  if (typeof value === "object" && value !== null) return mapValues(value, (item) => jsonWith(item, change));
  return value;
}

function mapValues<T, U>(
  record: Readonly<Record<string, T>> | object,
  change: (value: T) => U,
): Record<string, U> {
  return Object.fromEntries(
    Object.entries(record as Record<string, T>).map(([key, value]) => [key, change(value)]),
  );
}
