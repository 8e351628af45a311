import type { Testers } from "../settings.ts";
import type { HeaderMatch, RouteMatch, RouteRule } from "./http-route.ts";

/** What a rule matches that says nothing: the default of the CRD. */
const EVERYTHING: RouteMatch = { path: { type: "PathPrefix", value: "/" } };

/**
 * The matches with which a tester's request passes a rule: each match of the rule, narrowed by the header, and again
 * by the cookie. So a testers' rule never wins against a more specific rule of the user, and always against the rule
 * that it was made from. A match that looks at the same header itself cannot be narrowed further and is left out.
 */
export function testersMatches(rule: RouteRule, testers: Testers): readonly RouteMatch[] {
  return (rule.matches ?? [EVERYTHING]).flatMap((match) =>
    headersOf(testers)
      .filter(({ name }) => !(match.headers ?? []).some((other) => sameHeader(other.name, name)))
      .map((header) => ({ ...match, headers: [...(match.headers ?? []), header] })),
  );
}

function headersOf({ header, cookie }: Testers): readonly HeaderMatch[] {
  return [
    ...(header === undefined ? [] : [{ type: "Exact" as const, ...header }]),
    ...(cookie === undefined
      ? []
      : [{ type: "RegularExpression" as const, name: "Cookie", value: cookiePattern(cookie) }]),
  ];
}

/**
 * One cookie among others. It means the same to gateways that look for the pattern anywhere and to those that want
 * it to match the whole header, and uses nothing that RE2 lacks.
 */
export function cookiePattern(cookie: { readonly name: string; readonly value: string }): string {
  return `^(.*; *)?${literal(cookie.name)}=${literal(cookie.value)}(;.*)?$`;
}

function literal(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}

function sameHeader(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}
