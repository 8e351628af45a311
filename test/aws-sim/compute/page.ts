import { AwsError } from "../kernel.ts";

/**
 * One page of `items` and the token of the next: the place it begins at, unreadable on purpose.
 * @throws AwsError with `code` for a token that this list never gave.
 */
export function page<T>(
  items: readonly T[],
  of: { token: string | undefined; atMost: number },
  code = "InvalidNextToken",
): { readonly items: readonly T[]; readonly next: string | undefined } {
  const from =
    of.token === undefined ? 0 : Number(Buffer.from(of.token, "base64url").toString().split(":")[1]);
  if (!Number.isInteger(from)) throw new AwsError(code, `The token '${of.token}' is invalid.`);
  const to = from + of.atMost;
  return {
    items: items.slice(from, to),
    next: to < items.length ? Buffer.from(`next:${to}`).toString("base64url") : undefined,
  };
}
