import type { Action, Condition, Rule } from "../model.ts";

/* Rules made ready to be asked for every request. */

export interface Asked {
  /** Lower case, without a port. */
  readonly host: string;
  readonly path: string;
  readonly query: string;
  readonly method: string;
  readonly source: string;
  readonly headers: NodeJS.Dict<string | string[]>;
}

export interface ReadyRule {
  readonly rule: Rule;
  readonly matches: (asked: Asked) => boolean;
  readonly authenticate?: Action;
  readonly last: Action;
  /** Running sums of the weights, in the order of the groups. */
  readonly sums: readonly number[];
}

const ready = new WeakMap<Rule, ReadyRule>();

/** Rules are immutable: each is made ready once, for all nodes. */
export function readyRule(rule: Rule): ReadyRule {
  let known = ready.get(rule);
  if (known === undefined) ready.set(rule, (known = makeReady(rule)));
  return known;
}

function makeReady(rule: Rule): ReadyRule {
  const tests = rule.conditions.map(test);
  // Guide, "Rule actions": the forward, redirect or fixed-response action is the last one.
  const inOrder = rule.actions.toSorted((a, b) => (a.Order ?? 0) - (b.Order ?? 0));
  const last = inOrder.at(-1)!;
  const authenticate = inOrder.find(({ Type }) => Type.startsWith("authenticate-"));
  let sum = 0;
  return {
    rule,
    // Guide, "Rule conditions": all conditions of a rule must be met; of a condition's values, one.
    matches: (asked) => tests.every((met) => met(asked)),
    ...(authenticate !== undefined && { authenticate }),
    last,
    sums: (last.ForwardConfig?.TargetGroups ?? []).map(({ Weight }) => (sum += Weight)),
  };
}

function test(condition: Condition): (asked: Asked) => boolean {
  const { HttpHeaderConfig: header, QueryStringConfig: query } = condition;
  if (header !== undefined) return byHeader(header.HttpHeaderName, header.Values);
  if (query !== undefined) return byQuery(query.Values);
  const values = condition.Values ?? [];
  switch (condition.Field) {
    case "host-header":
      return any(values, "insensitive", ({ host }) => host);
    case "path-pattern":
      // Guide, "Path conditions": case-sensitive, applied to the path only, not to its query.
      return any(values, "sensitive", ({ path }) => path);
    case "http-request-method": {
      // Guide, "HTTP request method conditions": wildcards are not supported.
      const methods = new Set(values);
      return ({ method }) => methods.has(method);
    }
    case "source-ip":
      return ({ source }) => values.some((cidr) => within(source, cidr));
    default:
      throw new Error(`a condition on ${condition.Field} was let through`);
  }
}

function byHeader(name: string, values: readonly string[]): (asked: Asked) => boolean {
  // Guide, "HTTP header conditions": name and value are compared without case.
  const key = name.toLowerCase();
  const patterns = values.map((value) => wildcards(value, "insensitive"));
  return ({ headers }) =>
    [headers[key] ?? []].flat().some((value) => patterns.some((pattern) => pattern.test(value)));
}

function byQuery(
  pairs: readonly { readonly Key?: string; readonly Value: string }[],
): (asked: Asked) => boolean {
  // Guide, "Query string conditions": not case-sensitive; a value without a key meets any key.
  const wanted = pairs.map(({ Key: key, Value: value }) => ({
    key: key === undefined ? undefined : wildcards(key, "insensitive"),
    value: wildcards(value, "insensitive"),
  }));
  return ({ query }) => {
    if (query === "") return false;
    const given = [...new URLSearchParams(query)];
    return wanted.some(({ key, value }) =>
      given.some(([name, content]) => (key === undefined || key.test(name)) && value.test(content)),
    );
  };
}

function any(
  values: readonly string[],
  how: "sensitive" | "insensitive",
  of: (asked: Asked) => string,
): (asked: Asked) => boolean {
  const patterns = values.map((value) => wildcards(value, how));
  return (asked) => patterns.some((pattern) => pattern.test(of(asked)));
}

/** Guide, "Rule conditions": `*` stands for zero or more characters, `?` for exactly one. */
function wildcards(pattern: string, how: "sensitive" | "insensitive"): RegExp {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${source}$`, how === "insensitive" ? "is" : "s");
}

function within(address: string, cidr: string): boolean {
  const [network = "", bits = "32"] = cidr.split("/");
  const shift = 32 - Number(bits);
  const [a, b] = [number(address), number(network)];
  return shift === 32 || a >>> shift === b >>> shift;
}

const number = (address: string) =>
  address
    .replace(/^::ffff:/, "")
    .split(".")
    .reduce((sum, byte) => ((sum << 8) | Number(byte)) >>> 0, 0);
