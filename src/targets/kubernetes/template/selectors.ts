import type { Labels, LabelSelector } from "../api/objects.ts";

type Requirement = NonNullable<LabelSelector["matchExpressions"]>[number];

/** Whether a label selector selects an object with these labels, by the rules of the API; an empty one selects all. */
export function selects(selector: LabelSelector, labels: Labels): boolean {
  const equal = Object.entries(selector.matchLabels ?? {}).every(([key, value]) => labels[key] === value);
  return equal && expressionsOf(selector).every((requirement) => holds(requirement, labels));
}

function holds({ key, operator, values = [] }: Requirement, labels: Labels): boolean {
  const value = labels[key];
  switch (operator) {
    case "In":
      return value !== undefined && values.includes(value);
    case "NotIn":
      // Also of an object that lacks the label.
      return value === undefined || !values.includes(value);
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
    default:
      // An operator of a later API: not known to select.
      return false;
  }
}

/** None where something else stands there: a file is judged by the API server later than here. */
export function expressionsOf({ matchExpressions }: LabelSelector): readonly Requirement[] {
  return Array.isArray(matchExpressions)
    ? matchExpressions.filter(
        (each: unknown): each is Requirement => typeof each === "object" && each !== null,
      )
    : [];
}

/** Keys a selector looks at. */
export function keysOf(selector: LabelSelector): readonly string[] {
  const keys = [...Object.keys(selector.matchLabels ?? {}), ...expressionsOf(selector).map(({ key }) => key)];
  return [...new Set(keys)];
}
