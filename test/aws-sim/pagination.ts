import { AwsError } from "./kernel.ts";

/** A part of a list, and where the next part begins. */
export interface Page<T> {
  readonly items: readonly T[];
  /** Undefined after the last. */
  readonly next: string | undefined;
}

/**
 * Pages of a list that is ordered by a key: a token names the last key given, so that entries which come and go between
 * two pages neither repeat others nor hide them.
 * @throws AwsError `invalid` for a token that was never given.
 */
export function pageByKey<T>(
  items: readonly T[],
  of: {
    readonly key: (item: T) => string;
    readonly token: string | undefined;
    readonly size: number;
    readonly invalid: string;
  },
): Page<T> {
  const ordered = items.toSorted((a, b) => compare(of.key(a), of.key(b)));
  const after = of.token === undefined ? undefined : decoded(of.token, of.invalid);
  const rest = after === undefined ? ordered : ordered.filter((item) => compare(of.key(item), after) > 0);
  const page = rest.slice(0, of.size);
  return { items: page, next: page.length < rest.length ? encoded(of.key(page.at(-1)!)) : undefined };
}

/** By code units: an order that depends on nobody's language. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

const MARK = "after:";

function encoded(key: string): string {
  return Buffer.from(MARK + key).toString("base64url");
}

function decoded(token: string, invalid: string): string {
  const text = Buffer.from(token, "base64url").toString();
  if (!text.startsWith(MARK)) throw new AwsError(invalid, "The token is invalid.");
  return text.slice(MARK.length);
}
