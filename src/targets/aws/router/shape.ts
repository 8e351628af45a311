import type { Rule } from "@aws-sdk/client-elastic-load-balancing-v2";
import { type Groups, withoutWeights } from "./actions.ts";

/**
 * Everything of a rule that a shift leaves as it is, one line for each value: `conditions[0].Values[0]: shop.example`,
 * `actions[0].AuthenticateOidcConfig.ClientId: 0oa3`. Two shapes differ in the lines that somebody changed.
 */
export function shapeOf(
  { Actions = [], Conditions = [], Priority }: Rule,
  groups: Groups,
  sticky: boolean,
): readonly string[] {
  const lines = [
    ...flat("actions", withoutWeights(Actions, groups, sticky)),
    ...flat("conditions", Conditions),
    ...flat("priority", Priority),
  ];
  return lines.toSorted();
}

function flat(path: string, value: unknown): readonly string[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value.flatMap((each, index) => flat(`${path}[${index}]`, each));
  if (typeof value === "object")
    return Object.entries(value).flatMap(([key, each]) => flat(`${path}.${key}`, each));
  return [`${path}: ${String(value as string | number | boolean)}`];
}
