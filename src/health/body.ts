import type { BodyExpectation } from "../core/checks.ts";
import { bounded } from "./bounded.ts";

/** A regular expression is tried on so much of the text. */
const REGEX_LIMIT = 64 * 1024;

/** What an expectation found: the matching piece, or what was wrong. */
export type Finding =
  | { readonly is: "met"; readonly found?: string }
  | { readonly is: "missed"; readonly expected: string; readonly actual?: string };

/**
 * Compares an answer's body with every expectation; the first that is missed decides.
 * @param cut the body was longer than what was read of it.
 */
export async function checkBody(body: string, expect: BodyExpectation, cut: boolean): Promise<Finding> {
  const where = cut ? " (in the part of the body that is read)" : "";
  for (const text of expect.contains ?? []) {
    if (!body.includes(text))
      return { is: "missed", expected: `body to contain ${JSON.stringify(text)}${where}` };
  }
  const matched = expect.matches === undefined ? undefined : checkMatch(body, expect.matches, "body");
  if (matched?.is === "missed") return matched;
  const json = expect.json === undefined ? undefined : await checkJson(body, expect.json, cut);
  if (json?.is === "missed") return json;
  const found = [expect.contains?.join(", "), matched?.found, json?.found].filter(
    (piece) => piece !== undefined,
  );
  return found.length === 0 ? { is: "met" } : { is: "met", found: found.join(", ") };
}

/** @param what names the text in the message: `body`, `header etag`. */
export function checkMatch(text: string, pattern: string, what: string): Finding {
  const expected = `${what} to match /${pattern}/`;
  try {
    const regex = new RegExp(pattern);
    const result = bounded(() => regex.exec(text.slice(0, REGEX_LIMIT))?.[0]);
    if (result.is === "late")
      return { is: "missed", expected, actual: "no result in 100 ms: the expression backtracks too much" };
    return result.value === undefined ? { is: "missed", expected } : { is: "met", found: result.value };
  } catch (error) {
    return { is: "missed", expected, actual: `an invalid expression: ${(error as Error).message}` };
  }
}

async function checkJson(
  body: string,
  expect: Readonly<Record<string, unknown>>,
  cut: boolean,
): Promise<Finding> {
  const entries = Object.entries(expect);
  const expected = entries.map(([path, value]) => `${path} = ${JSON.stringify(value)}`).join(", ");
  if (cut) return { is: "missed", expected, actual: "a body too large to be read as JSON" };
  let document: unknown;
  try {
    document = JSON.parse(body);
  } catch {
    return { is: "missed", expected, actual: "a body that is not JSON" };
  }
  const { query } = await import("jsonpath-rfc9535");
  for (const [path, value] of entries) {
    const wanted = `${path} = ${JSON.stringify(value)}`;
    try {
      const nodes = bounded(() => query(document as Parameters<typeof query>[0], path));
      if (nodes.is === "late")
        return { is: "missed", expected: wanted, actual: "no result in 100 ms: the path is too costly" };
      if (nodes.value.length === 0) return { is: "missed", expected: wanted, actual: "no such value" };
      const other = nodes.value.find((node) => !sameJson(node, value));
      if (other !== undefined) return { is: "missed", expected: wanted, actual: JSON.stringify(other) };
    } catch (error) {
      return { is: "missed", expected: wanted, actual: `an invalid path: ${(error as Error).message}` };
    }
  }
  return { is: "met", found: expected };
}

/** Equal as JSON: the order of an object's keys means nothing. */
function sameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length &&
    keys.every(
      (key) =>
        Object.hasOwn(b, key) &&
        sameJson((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]),
    )
  );
}
