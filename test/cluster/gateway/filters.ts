import type { Json } from "../kubelet/client.ts";

export interface Redirect {
  readonly status: number;
  readonly location: string;
}

/** What this gateway does not do gives a 500, so that nobody takes it for done. */
const KNOWN = new Set([
  "RequestHeaderModifier",
  "ResponseHeaderModifier",
  "RequestMirror",
  "RequestRedirect",
]);

export function unknownFilter(filters: readonly Json[]): string | undefined {
  return filters.find(({ type }) => !KNOWN.has(type))?.type;
}

export type Headers = Record<string, string | string[]>;

/** Changes headers (lower-case names) in the order that the Gateway API gives: set, add, remove. */
export function modifyHeaders(
  headers: Headers,
  filters: readonly Json[],
  which: "request" | "response",
): void {
  for (const filter of filters) {
    const change = filter[`${which}HeaderModifier`];
    if (change === undefined) continue;
    for (const { name, value } of change.set ?? []) headers[name.toLowerCase()] = value;
    for (const { name, value } of change.add ?? []) {
      const before = headers[name.toLowerCase()];
      headers[name.toLowerCase()] = before === undefined ? value : `${[before].flat().join(",")},${value}`;
    }
    for (const name of change.remove ?? []) delete headers[name.toLowerCase()];
  }
}

/** @param here scheme, host without port, port and target of the request. */
export function redirectOf(
  filters: readonly Json[],
  here: { readonly scheme: string; readonly host: string; readonly port: number; readonly target: string },
): Redirect | undefined {
  const redirect = filters.find(({ type }) => type === "RequestRedirect")?.requestRedirect;
  if (redirect === undefined) return undefined;
  const scheme: string = redirect.scheme ?? here.scheme;
  const usual = scheme === "https" ? 443 : 80;
  const port: number = redirect.port ?? (redirect.scheme === undefined ? here.port : usual);
  const host = `${redirect.hostname ?? here.host}${port === usual ? "" : `:${port}`}`;
  return { status: redirect.statusCode ?? 302, location: `${scheme}://${host}${here.target}` };
}
